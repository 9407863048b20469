"""The traced build of a compiled program: the same maps, and a record of what each packet meets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rackplane.compiler import clang
from rackplane.compiler.backend import describe
from rackplane.compiler.backend.entrypoints import ENTRY_POINTS, Limits
from rackplane.compiler.backend.program import Tracing, generate, spills
from rackplane.compiler.backend.tracesites import TraceSites
from rackplane.compiler.build import cached_object
from rackplane.compiler.bundle import Bundle
from rackplane.compiler.errors import CompileErrors
from rackplane.compiler.frontend import load_text
from rackplane.compiler.ids import assign_all


@dataclass(frozen=True)
class TracedProgram:
    """The object of a traced build, what its events mean, and the names of the program's errors by number."""

    object: bytes
    sites: TraceSites
    errors: tuple[str, ...]


def compile_traced(bundle: Bundle, cache: Path | None = None) -> TracedProgram:
    """Compile a bundle's program again, with tracing.

    Raises:
        CompileErrors: when the bundle has no P4 text, or the traced program is too large for the target.
        ClangMissing: when there is no clang.
    """
    if not bundle.source:
        raise CompileErrors.at("this program has no P4 source in its bundle: compile it with `rackplane compile`")
    pipeline = load_text(bundle.source, bundle.manifest.source)
    shared = sum(1 for table in bundle.manifest.tables if table.trie or table.buckets)
    plans = describe.plan(pipeline, assign_all(pipeline), shared)
    maps = bundle.manifest.maps
    limits = Limits(maps.max_ifindex, maps.max_ports, maps.max_groups, maps.max_replicas)
    everywhere = frozenset(ENTRY_POINTS)
    program = generate(pipeline, plans, everywhere, limits, tracing=Tracing(spills(bundle.c_text)))
    try:
        code, _ = cached_object(program, cache)
    except clang.StackTooSmall as e:
        raise CompileErrors.at(
            "the traced program has more local values alive at once than BPF's stack of 512 bytes holds"
        ) from e
    if program.trace is None:
        raise TypeError("a traced program has sites")
    return TracedProgram(code, program.trace, pipeline.errors)
