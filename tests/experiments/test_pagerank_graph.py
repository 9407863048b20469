"""Graphs from edge lists and from package lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rackplane.experiments.pagerank.graph import Graph, GraphError, from_edges, read_edge_list
from rackplane.experiments.pagerank.packages import (
    Package,
    dependency_graph,
    parse_relation,
    parse_stanzas,
    resolve,
)

STANZAS = """\
Package: editor
Version: 1
Pre-Depends: libc (>= 2)
Depends: mail-reader,
 libc, missing | tool:any (= 1) [amd64]
Description: Depends: nothing, this is text
 Provides: text too

Package: mutt
Provides: mail-reader, imap-client (= 2)

Package: tool

Package: pine
Provides: mail-reader
Depends: libc
Package: libc
"""


def named_edges(graph: Graph) -> set[tuple[str, str]]:
    return {(graph.names[s], graph.names[t]) for s, t in zip(graph.sources, graph.targets, strict=True)}


@pytest.mark.parametrize(
    ("text", "nodes", "edges"),
    [
        ("a b\n", 2, {("a", "b")}),
        ("# comment\n\n 1\t2 # tail\n2 1\n", 2, {("1", "2"), ("2", "1")}),
        ("a b\na b\na a", 2, {("a", "b"), ("a", "a")}),
        ("ä ß\r\n", 2, {("ä", "ß")}),
    ],
)
def test_edge_lists(tmp_path: Path, text: str, nodes: int, edges: set[tuple[str, str]]) -> None:
    path = tmp_path / "graph"
    path.write_text(text, encoding="utf-8")
    graph = read_edge_list(path)
    assert graph.nodes == nodes
    assert named_edges(graph) == edges
    assert graph.edges == len(edges)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a b\na\n", r"graph:2: expected two columns, source and target, but found 1: 'a'"),
        (b"a b\n\n1 2 3\n", r"graph:3: expected two columns.*found 3"),
        (b"a " + b"x" * 257, r"graph:1: a name has more than 256 characters"),
        (b"a \xff\n", "is not UTF-8 text"),
        (b"# nothing\n", "the graph has no nodes"),
    ],
)
def test_bad_edge_lists_name_the_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "graph"
    path.write_bytes(content)
    with pytest.raises(GraphError, match=message):
        read_edge_list(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"cannot read the graph .*/none: No such file"):
        read_edge_list(tmp_path / "none")


def test_incoming_edges_and_degrees() -> None:
    graph = from_edges([("a", "b"), ("c", "b"), ("a", "c"), ("b", "b")], nodes="abcd")
    incoming = graph.incoming()
    rows = [set(incoming.sources[i:j]) for i, j in zip(incoming.starts, incoming.starts[1:], strict=False)]
    assert rows == [set(), {0, 1, 2}, {0}, set()]
    assert graph.out_degree().tolist() == [2, 1, 1, 0]
    assert np.all(np.diff(graph.targets) >= 0)


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("", ()),
        (" a (>= 1:2.3~rc1), b|c (<< 2) , d:any", (("a",), ("b", "c"), ("d",))),
        ("libstdc++6 (>= 5) | g++, 0ad", (("libstdc++6", "g++"), ("0ad",))),
        (",,|,a", (("a",),)),
    ],
)
def test_relations(text: str, groups: tuple[tuple[str, ...], ...]) -> None:
    assert parse_relation(text) == groups


def test_stanzas() -> None:
    packages = list(parse_stanzas(STANZAS.replace("Package: libc", "\nPackage: libc").splitlines(keepends=True)))
    assert packages == [
        Package("editor", (("libc",), ("mail-reader",), ("libc",), ("missing", "tool"))),
        Package("mutt", (), ("mail-reader", "imap-client")),
        Package("tool"),
        Package("pine", (("libc",),), ("mail-reader",)),
        Package("libc"),
    ]


@pytest.mark.parametrize(
    ("alternatives", "found"),
    [
        (("real", "other"), ("real",)),
        (("virtual", "other"), ("other",)),
        (("none", "virtual"), ("p", "q")),
        (("none",), ()),
    ],
)
def test_resolution(alternatives: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert resolve(alternatives, {"real": 1, "other": 1}, {"virtual": ["p", "q"], "real": ["x"]}) == found


def test_the_dependency_graph() -> None:
    text = STANZAS.replace("Package: libc", "\nPackage: libc")
    graph = dependency_graph(parse_stanzas(text.splitlines(keepends=True)))
    assert graph.names == ("editor", "mutt", "tool", "pine", "libc")
    assert named_edges(graph) == {
        ("editor", "libc"),
        ("editor", "mutt"),
        ("editor", "pine"),
        ("editor", "tool"),
        ("pine", "libc"),
    }
