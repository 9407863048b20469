"""The front end's entry point."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rackplane.compiler.errors import CompileErrors, Diagnostic
from rackplane.compiler.frontend.checker import check
from rackplane.compiler.frontend.lower_pipeline import lower
from rackplane.compiler.frontend.parser import parse
from rackplane.compiler.ir import Pipeline, Span
from rackplane.compiler.lexing import INCLUDE_DIR
from rackplane.compiler.lexing.diagnostics import Diagnostics, TooManyErrors
from rackplane.compiler.lexing.preprocessed import render
from rackplane.compiler.lexing.preprocessor import Preprocessor
from rackplane.compiler.lexing.tokens import Token

_RECURSION_LIMIT = 20_000


@dataclass(frozen=True)
class Loaded:
    """A program's pipeline, and its preprocessed text, which stands for all of its files (see load_text)."""

    pipeline: Pipeline
    text: str


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
    return load_with_text(path, include_dirs, defines, warnings).pipeline


def load_with_text(
    path: Path,
    include_dirs: Sequence[Path] = (),
    defines: Mapping[str, str] | None = None,
    warnings: list[Diagnostic] | None = None,
) -> Loaded:
    """As load(), with the text that load_text() takes."""
    return _loaded(
        lambda found: Preprocessor([*include_dirs, INCLUDE_DIR], defines or {}, found).run(path),
        str(path),
        [] if warnings is None else warnings,
    )


def load_text(text: str, source: str) -> Pipeline:
    """The pipeline of a program that load_with_text() has read before; no file is read. Raises CompileErrors."""
    return _loaded(lambda found: Preprocessor((), {}, found).run_text(text, Path(source)), source, []).pipeline


def _loaded(read: Callable[[Diagnostics], list[Token]], source: str, warnings: list[Diagnostic]) -> Loaded:
    diagnostics = Diagnostics()
    found = None
    try:
        with _deep_recursion():
            found = _run(read, source, diagnostics)
    except RecursionError:
        diagnostics.errors.append(Diagnostic("the program nests too deeply", Span(source, 1, 1)))
    except TooManyErrors:
        diagnostics.errors.append(
            Diagnostic(f"more than {len(diagnostics.errors)} errors: the rest is not checked")
        )
    finally:
        warnings.extend(diagnostics.warnings)
    diagnostics.stop_on_errors()
    if found is None:
        raise CompileErrors.at(f"{source} could not be compiled")
    return found


def _run(read: Callable[[Diagnostics], list[Token]], source: str, diagnostics: Diagnostics) -> Loaded | None:
    tokens = read(diagnostics)
    diagnostics.stop_on_errors()
    text = render(tokens)
    program = parse(tokens, diagnostics)
    diagnostics.stop_on_errors()
    checked = check(program, diagnostics)
    diagnostics.stop_on_errors()
    pipeline = lower(checked, source, diagnostics)
    return Loaded(pipeline, text) if pipeline is not None else None


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Nesting is bounded by the parser; the limit of the interpreter only has to be above that bound."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
