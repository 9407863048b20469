"""From a pipeline to a bundle, with a cache of objects by content."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from rackplane import __version__
from rackplane.compiler import clang, ir, p4info
from rackplane.compiler.backend import describe
from rackplane.compiler.backend.entrypoints import Limits
from rackplane.compiler.backend.program import Program, first_choice, generate
from rackplane.compiler.backend.tableplan import TablePlan
from rackplane.compiler.bundle import Bundle
from rackplane.compiler.errors import CompileErrors
from rackplane.compiler.ids import assign_all


def compile_pipeline(
    pipeline: ir.Pipeline, *, cache: Path | None = None, lead_bytes: int = 0
) -> tuple[Bundle, bool]:
    """Compile a pipeline; whether the cache had it. `lead_bytes` as in driver.compile_with_lead."""
    limits = Limits(lead_bytes=lead_bytes)
    ids = assign_all(pipeline)
    plans = describe.plan(pipeline, ids)
    described = describe.Described(pipeline, plans, ids)
    info = p4info.build(pipeline, ids)
    program, code, cached = _fitting(pipeline, plans, limits, cache)
    manifest = describe.manifest(described, program)
    text = p4info.to_text(info)
    return Bundle(manifest, text, info.SerializeToString(deterministic=True), program.text, code), cached


def _fitting(
    pipeline: ir.Pipeline, plans: dict[str, TablePlan], limits: Limits, cache: Path | None
) -> tuple[Program, bytes, bool]:
    """Generate and compile, with the state of the entry points that need too much stack in a map."""
    in_map = first_choice(pipeline)
    while True:
        program = generate(pipeline, plans, in_map, limits)
        try:
            code, cached = _object(program, cache)
        except clang.StackTooSmall as e:
            if e.functions <= in_map:
                raise CompileErrors.at(
                    "the program has more local values alive at once than BPF's stack of 512 bytes holds"
                ) from e
            in_map |= e.functions
        else:
            return program, code, cached


def _object(program: Program, cache: Path | None) -> tuple[bytes, bool]:
    """The object of a generated program: by its text, from the cache or from clang."""
    if cache is None:
        return clang.compile_c(program.text), False
    tool = clang.version(clang.find())
    key = hashlib.sha256("\0".join([__version__, tool, *clang.FLAGS, program.text]).encode()).hexdigest()
    entry, refused = cache / f"{key}.o", cache / f"{key}.stack"
    try:
        return entry.read_bytes(), True
    except OSError:
        _raise_again(refused)
    try:
        code = clang.compile_c(program.text)
    except clang.StackTooSmall as e:
        _keep(refused, " ".join(sorted(e.functions)).encode())
        raise
    _keep(entry, code)
    return code, False


def _raise_again(refused: Path) -> None:
    """Raise StackTooSmall when the cache knows that a program is too large."""
    try:
        functions = refused.read_text(encoding="utf-8").split()
    except OSError:
        return
    raise clang.StackTooSmall(frozenset(functions))


def _keep(entry: Path, code: bytes) -> None:
    """Put an object in the cache at once or not at all; a cache that cannot be written is no error."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=entry.parent, delete=False) as part:
            part.write(code)
        Path(part.name).replace(entry)
    except OSError:
        return
