"""From a P4 file to a bundle."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rackplane.compiler import cache as caches
from rackplane.compiler import clang
from rackplane.compiler.bundle import SUFFIX, Bundle, BundleError
from rackplane.compiler.errors import Diagnostic
from rackplane.compiler.kernel import has_may_goto
from rackplane.compiler.lexing import INCLUDE_DIR
from rackplane.compiler.lexing.diagnostics import Diagnostics, TooManyErrors
from rackplane.compiler.lexing.preprocessor import Preprocessor


@dataclass(frozen=True)
class Compiled:
    """A bundle, whether it or its object came from the cache, and its warnings."""

    bundle: Bundle
    cached: bool
    path: Path | None = None
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True)
class _Wanted:
    """What is to be compiled."""

    path: Path
    include_dirs: Sequence[Path]
    defines: Mapping[str, str]
    lead_bytes: int = 0


def default_cache() -> Path:
    """The folder of the cache: under XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rackplane" / "compiler"


def compile_program(
    path: Path,
    include_dirs: Sequence[Path] = (),
    defines: Mapping[str, str] | None = None,
    *,
    out_dir: Path | None = None,
    cache: Path | None = None,
) -> Compiled:
    """Compile a v1model program; with `out_dir` also write NAME.xdp.zip and its parts there.

    Raises:
        CompileErrors: when the program has errors, or uses what the target does not have.
        ClangMissing: when there is no clang.
    """
    warnings: list[Diagnostic] = []
    bundle, cached = _compile(_Wanted(path, include_dirs, defines or {}), cache, warnings)
    target = None
    if out_dir is not None:
        target = write_parts(bundle, out_dir, path.stem)
    return Compiled(bundle, cached, target, tuple(warnings))


def compile_with_lead(
    path: Path, include_dirs: Sequence[Path] = (), *, lead_bytes: int = 16, cache: Path | None = None
) -> Bundle:
    """Compile a program for packets of any length: it takes and sends them behind `lead_bytes` of any value.

    Tests need that, as the kernel takes no frame shorter than an Ethernet header, and P4 does.

    Raises:
        CompileErrors: as compile_program.
        ClangMissing: when there is no clang.
    """
    return _compile(_Wanted(path, include_dirs, {}, lead_bytes), cache, [])[0]


def _compile(wanted: _Wanted, cache: Path | None, warnings: list[Diagnostic]) -> tuple[Bundle, bool]:
    entry = _entry(wanted, cache) if cache is not None else None
    found = caches.read(entry) if entry is not None else None
    if found is not None:
        with suppress(BundleError):
            return Bundle.from_bytes(found), True
    # Only what the cache lacks needs the compiler itself, which takes longer to import than the cache to read.
    from rackplane.compiler.build import compile_pipeline  # noqa: PLC0415
    from rackplane.compiler.frontend import load_with_text  # noqa: PLC0415

    loaded = load_with_text(wanted.path, wanted.include_dirs, wanted.defines, warnings)
    made, cached = compile_pipeline(loaded.pipeline, cache=cache, lead_bytes=wanted.lead_bytes)
    bundle = replace(made, source=loaded.text)
    # A program with warnings is compiled again, so that they are shown again.
    if entry is not None and not warnings:
        caches.keep(entry, bundle.to_bytes())
    return bundle, cached


def _entry(wanted: _Wanted, cache: Path) -> Path | None:
    """The cache's file for what the program's tokens and their places make; None when it has errors."""
    diagnostics = Diagnostics()
    try:
        preprocessor = Preprocessor([*wanted.include_dirs, INCLUDE_DIR], wanted.defines, diagnostics)
        tokens = preprocessor.run(wanted.path)
    except TooManyErrors:
        return None
    if diagnostics.errors:
        return None
    text = "\n".join(f"{t.text}\t{t.file}:{t.line}:{t.column}" for t in tokens)
    tools = caches.fingerprint([Path(clang.find()).resolve()])
    key = caches.key(tools, str(has_may_goto()), str(wanted.path), str(wanted.lead_bytes), text)
    return cache / f"{key}{SUFFIX}"


def write_parts(bundle: Bundle, out_dir: Path, name: str) -> Path:
    """Write NAME.xdp.zip, NAME.p4info.txtpb, NAME.p4info.bin, NAME.c and NAME.o; returns the bundle's path."""
    out_dir.mkdir(parents=True, exist_ok=True)
    target = out_dir / f"{name}{SUFFIX}"
    bundle.save(target)
    (out_dir / f"{name}.p4info.txtpb").write_text(bundle.p4info_text, encoding="utf-8")
    (out_dir / f"{name}.p4info.bin").write_bytes(bundle.p4info)
    (out_dir / f"{name}.c").write_text(bundle.c_text, encoding="utf-8")
    (out_dir / f"{name}.o").write_bytes(bundle.object)
    return target
