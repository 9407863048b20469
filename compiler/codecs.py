"""Emit codecs of a P4 file's headers: python -m rackplane.compiler.codecs FILE.p4 [--c FILE.h] [--py FILE.py]."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rackplane.compiler import codecs_c, codecs_py, wireformat
from rackplane.compiler.errors import CompileErrors, render


def c_header(path: Path, name: str) -> str:
    """The C header of a P4 file's headers; `name` is the stem of the file that it goes to."""
    return codecs_c.render(wireformat.read(path), name)


def python_module(path: Path) -> str:
    """The Python module of a P4 file's headers."""
    return codecs_py.render(wireformat.read(path))


def main(arguments: list[str]) -> int:
    """Write the files that are asked for; 0 when that went well, 1 when the P4 file is wrong."""
    parser = argparse.ArgumentParser(description="Emit codecs of the headers in a P4 file.")
    parser.add_argument("source", type=Path)
    parser.add_argument("--c", type=Path, metavar="FILE.h")
    parser.add_argument("--py", type=Path, metavar="FILE.py")
    options = parser.parse_args(arguments)
    try:
        if options.c:
            options.c.write_text(c_header(options.source, options.c.stem), encoding="utf-8")
        if options.py:
            options.py.write_text(python_module(options.source), encoding="utf-8")
    except CompileErrors as e:
        print("\n".join(render(d) for d in e.diagnostics), file=sys.stderr)
        return 1
    except OSError as e:
        print(f"{e.filename}: {e.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
