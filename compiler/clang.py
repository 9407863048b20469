"""Running clang: C text in, BPF object out."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from rackplane.compiler.clines import OWN_NAME, p4_place, without_directives
from rackplane.compiler.errors import CompileErrors
from rackplane.compiler.source import Span

FLAGS = (
    "-O2",
    "-g",
    "-target",
    "bpf",
    "-mcpu=v3",
    "-fno-strict-aliasing",
    # Merged tails would load from a computed packet address, which the verifier refuses.
    "-mllvm",
    "-sink-common-insts=false",
    "-Wall",
    # A lookup and the function that it calls take up to 96 of the 512 bytes that all frames have together.
    "-Wframe-larger-than=416",
    "-ferror-limit=0",
    "-Wno-unused",
    "-Wno-compare-distinct-pointer-types",
    "-Wno-parentheses-equality",
    "-Wno-tautological-compare",
    "-Wno-unknown-warning-option",
)
CANDIDATES = ("clang", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14")
TIMEOUT_S = 120
_FRAME = re.compile(r"stack frame size \(\d+\) exceeds limit \(\d+\) in '(\w+)'")
_ERROR = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?:fatal )?error: (?P<text>.*)$", re.M)


class StackTooSmall(Exception):
    """Some functions need more than the 512 bytes of stack that BPF has, 32 of them for a callback."""

    def __init__(self, functions: frozenset[str]) -> None:
        super().__init__(f"more than 512 bytes of stack in {', '.join(sorted(functions))}")
        self.functions = functions


class ClangMissing(Exception):
    """There is no clang on this machine."""


def find() -> str:
    """The clang to use.

    Raises:
        ClangMissing: when none is on PATH.
    """
    for name in CANDIDATES:
        path = shutil.which(name)
        if path:
            return path
    raise ClangMissing("clang is not on PATH: install the package clang (apt install clang)")


def version(path: str) -> str:
    """The version line of a clang."""
    result = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    return result.stdout.splitlines()[0] if result.stdout else ""


def compile_c(text: str) -> bytes:
    """Compile a generated program.

    Raises:
        StackTooSmall: when its locals do not fit.
        CompileErrors: when clang refuses it for any other reason, located at the P4 line where there is one.
    """
    with tempfile.TemporaryDirectory(prefix="rackplane-") as folder:
        source, target = Path(folder, OWN_NAME), Path(folder, "program.o")
        source.write_text(without_directives(text), encoding="utf-8")
        command = [find(), *FLAGS, "-c", source.name, "-o", target.name]
        try:
            result = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as e:
            raise CompileErrors.at(f"clang did not finish within {TIMEOUT_S} s") from e
        large = frozenset(_FRAME.findall(result.stderr))
        if large:
            raise StackTooSmall(large)
        if result.returncode == 0:
            return target.read_bytes()
    raise _failure(result.stderr, text)


def _failure(messages: str, text: str) -> Exception:
    found = _ERROR.search(messages)
    if found is None:
        return CompileErrors.at(f"clang failed: {messages.strip()[:500]}")
    line = int(found["line"])
    span = p4_place(text, line) or Span(found["file"], line, 1)
    return CompileErrors.at(f"clang refuses the code made for this: {found['text']}", span)
