"""From a pipeline to a bundle, with a cache of objects by content."""

from __future__ import annotations

from pathlib import Path

from rackplane import __version__
from rackplane.compiler import cache as caches
from rackplane.compiler import clang, ir, p4info
from rackplane.compiler.backend import describe
from rackplane.compiler.backend.entrypoints import Limits
from rackplane.compiler.backend.program import Program, first_choice, generate
from rackplane.compiler.backend.tableplan import TablePlan
from rackplane.compiler.bundle import Bundle
from rackplane.compiler.errors import CompileErrors
from rackplane.compiler.ids import assign_all
from rackplane.compiler.kernel import has_may_goto

# Objects whose line numbers count the lines of the C text.
_LINES = "physical lines"


def compile_pipeline(
    pipeline: ir.Pipeline, *, cache: Path | None = None, lead_bytes: int = 0
) -> tuple[Bundle, bool]:
    """Compile a pipeline; whether the cache had it. `lead_bytes` as in driver.compile_with_lead."""
    limits = Limits(lead_bytes=lead_bytes, may_goto=has_may_goto())
    ids = assign_all(pipeline)
    info = p4info.build(pipeline, ids)
    plans = describe.plan(pipeline, ids)
    try:
        program, code, cached = _fitting(pipeline, plans, limits, cache)
    except clang.StackTooSmall:
        plans = describe.plan(pipeline, ids, shared=0)
        program, code, cached = _fitting_at_last(pipeline, plans, limits, cache)
    described = describe.Described(pipeline, plans, ids)
    manifest = describe.manifest(described, program)
    text = p4info.to_text(info)
    return Bundle(manifest, text, info.SerializeToString(deterministic=True), program.text, code), cached


def _fitting(
    pipeline: ir.Pipeline, plans: dict[str, TablePlan], limits: Limits, folder: Path | None
) -> tuple[Program, bytes, bool]:
    """Generate and compile, with the state of the entry points that need too much stack in a map.

    Raises:
        StackTooSmall: when that does not help.
    """
    in_map = first_choice(pipeline)
    while True:
        program = generate(pipeline, plans, in_map, limits)
        try:
            code, cached = cached_object(program, folder)
        except clang.StackTooSmall as e:
            if e.functions <= in_map:
                raise
            in_map |= e.functions
        else:
            return program, code, cached


def _fitting_at_last(
    pipeline: ir.Pipeline, plans: dict[str, TablePlan], limits: Limits, folder: Path | None
) -> tuple[Program, bytes, bool]:
    """The same with every table in the kernel's own maps, whose values need no copy on the stack."""
    try:
        return _fitting(pipeline, plans, limits, folder)
    except clang.StackTooSmall as e:
        raise CompileErrors.at(
            "the program has more local values alive at once than BPF's stack of 512 bytes holds"
        ) from e


def cached_object(program: Program, folder: Path | None) -> tuple[bytes, bool]:
    """The object of a generated program: by its text, from the cache or from clang."""
    if folder is None:
        return clang.compile_c(program.text), False
    key = caches.key(__version__, _LINES, clang.version(clang.find()), *clang.FLAGS, program.text)
    entry, refused = folder / f"{key}.o", folder / f"{key}.stack"
    known = caches.read(entry)
    if known is not None:
        return known, True
    too_large = caches.read(refused)
    if too_large is not None:
        raise clang.StackTooSmall(frozenset(too_large.decode().split()))
    try:
        code = clang.compile_c(program.text)
    except clang.StackTooSmall as e:
        caches.keep(refused, " ".join(sorted(e.functions)).encode())
        raise
    caches.keep(entry, code)
    return code, False
