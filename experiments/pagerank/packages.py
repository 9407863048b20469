"""The dependency graph of Debian packages, read from apt's package lists.

An edge leads from a package to one that it needs (Depends, Pre-Depends). Of alternatives `a | b`, the first that
exists as a package counts: apt would install it. Where none exists, the first that other packages provide counts,
and an edge leads to each provider. What nobody has is left out.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rackplane.experiments.pagerank.graph import Graph, GraphError, from_edges

_NAME = re.compile(r"\s*([a-z0-9][a-z0-9+.-]*)", re.ASCII | re.IGNORECASE)
_FIELDS = ("Package", "Depends", "Pre-Depends", "Provides")
_MEND = "run `sudo apt-get update`, or give a graph with --graph FILE"
Alternatives = tuple[str, ...]


@dataclass(frozen=True)
class Package:
    """A package, what it needs (each by one of several alternatives) and which virtual packages it provides."""

    name: str
    needs: tuple[Alternatives, ...] = ()
    provides: tuple[str, ...] = ()


def parse_stanzas(lines: Iterable[str]) -> Iterator[Package]:
    """Packages from the lines of a Packages file (deb-control(5) syntax, folded fields included)."""
    fields: dict[str, str] = {}
    current = ""
    for line in lines:
        if line[:1] in " \t":
            if current:
                fields[current] += line
            continue
        key, colon, value = line.partition(":")
        if colon:
            current = key if key in _FIELDS else ""
            if current:
                fields[current] = value
        elif not line.strip():
            yield from _package(fields)
            fields, current = {}, ""
    yield from _package(fields)


def _package(fields: Mapping[str, str]) -> Iterator[Package]:
    name = _NAME.match(fields.get("Package", ""))
    if name:
        yield Package(
            name.group(1),
            (*parse_relation(fields.get("Pre-Depends", "")), *parse_relation(fields.get("Depends", ""))),
            tuple(names[0] for names in parse_relation(fields.get("Provides", ""))),
        )


def parse_relation(text: str) -> tuple[Alternatives, ...]:
    """Names in a relationship field, as a conjunction of alternatives; versions and architectures are left out."""
    groups = (
        tuple(m.group(1) for part in group.split("|") if (m := _NAME.match(part))) for group in text.split(",")
    )
    return tuple(group for group in groups if group)


def dependency_graph(packages: Iterable[Package]) -> Graph:
    """The graph of these packages; see the module for what an edge is."""
    by_name = {package.name: package for package in packages}
    providers: dict[str, list[str]] = defaultdict(list)
    for package in by_name.values():
        for virtual in package.provides:
            providers[virtual].append(package.name)
    edges = (
        (package.name, needed)
        for package in by_name.values()
        for alternatives in package.needs
        for needed in resolve(alternatives, by_name, providers)
        if needed != package.name
    )
    return from_edges(edges, by_name)


def resolve(
    alternatives: Alternatives, packages: Mapping[str, object], providers: Mapping[str, list[str]]
) -> tuple[str, ...]:
    """The packages that meet one dependency."""
    for name in alternatives:
        if name in packages:
            return (name,)
    for name in alternatives:
        if name in providers:
            return tuple(providers[name])
    return ()


def machine_graph() -> Graph:
    """The dependency graph of all packages that this machine's apt lists know. Raises GraphError with the mend."""
    if not _lists():
        raise GraphError(f"apt's package lists are not on this machine: {_MEND}")
    try:
        with subprocess.Popen(
            ["apt-cache", "dumpavail"], stdout=subprocess.PIPE, text=True, errors="replace"
        ) as dump:
            packages = list(parse_stanzas(dump.stdout or ()))
    except OSError as error:
        raise GraphError(f"cannot run apt-cache: {error.strerror}; give a graph with --graph FILE") from error
    if dump.returncode or not packages:
        raise GraphError(f"apt-cache dumpavail ended with status {dump.returncode}: {_MEND}")
    return dependency_graph(packages)


def _lists() -> str:
    """The package lists that apt has downloaded, one per line."""
    try:
        done = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Packages"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise GraphError(f"cannot run apt-get: {error.strerror}; give a graph with --graph FILE") from error
    return done.stdout.strip()
