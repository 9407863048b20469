"""The front end's entry point."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rackplane.compiler.errors import CompileErrors, Diagnostic
from rackplane.compiler.frontend.checker import check
from rackplane.compiler.frontend.lower_pipeline import lower
from rackplane.compiler.frontend.parser import parse
from rackplane.compiler.ir import Pipeline, Span
from rackplane.compiler.lexing import INCLUDE_DIR
from rackplane.compiler.lexing.diagnostics import Diagnostics, TooManyErrors
from rackplane.compiler.lexing.preprocessor import Preprocessor

_RECURSION_LIMIT = 20_000


def load(
    path: Path,
    include_dirs: Sequence[Path] = (),
    defines: Mapping[str, str] | None = None,
    warnings: list[Diagnostic] | None = None,
) -> Pipeline:
    """The pipeline of a P4 program.

    core.p4 and v1model.p4 are found in INCLUDE_DIR, after `include_dirs`. Warnings are appended to `warnings`.

    Raises:
        CompileErrors: when the program cannot be read, is wrong, or cannot run on v1model.
    """
    diagnostics = Diagnostics()
    pipeline = None
    try:
        with _deep_recursion():
            pipeline = _run(path, [*include_dirs, INCLUDE_DIR], defines or {}, diagnostics)
    except RecursionError:
        diagnostics.errors.append(Diagnostic("the program nests too deeply", Span(str(path), 1, 1)))
    except TooManyErrors:
        diagnostics.errors.append(
            Diagnostic(f"more than {len(diagnostics.errors)} errors: the rest is not checked")
        )
    finally:
        if warnings is not None:
            warnings.extend(diagnostics.warnings)
    diagnostics.stop_on_errors()
    if pipeline is None:
        raise CompileErrors.at(f"{path} could not be compiled")
    return pipeline


def _run(
    path: Path, include_dirs: Sequence[Path], defines: Mapping[str, str], diagnostics: Diagnostics
) -> Pipeline | None:
    tokens = Preprocessor(include_dirs, defines, diagnostics).run(path)
    diagnostics.stop_on_errors()
    program = parse(tokens, diagnostics)
    diagnostics.stop_on_errors()
    checked = check(program, diagnostics)
    diagnostics.stop_on_errors()
    return lower(checked, str(path), diagnostics)


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Nesting is bounded by the parser; the limit of the interpreter only has to be above that bound."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
