"""Writing C: lines with indentation, each tied to the P4 place that it comes from, and unique names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources

from rackplane.compiler.clines import OWN_NAME
from rackplane.compiler.ir import NOWHERE, Span

_NOT_A_NAME = re.compile(r"\W", re.ASCII)


def runtime(name: str) -> str:
    """The text of a runtime header."""
    return resources.files(__package__).joinpath("runtime", name).read_text(encoding="utf-8")


def identifier(name: str) -> str:
    """The name as part of a C identifier; callers put a prefix in front, so keywords cannot occur."""
    return _NOT_A_NAME.sub("_", name)


def c_string(text: str) -> str:
    """A C string literal of printable ASCII."""
    body = "".join(c if 32 <= ord(c) < 127 and c not in '\\"' else "_" for c in text)
    return f'"{body}"'


@dataclass
class CWriter:
    """Lines of C. `at` says which P4 place the next lines belong to (NOWHERE: to the C text itself)."""

    indent: int = 0
    span: Span = NOWHERE
    lines: list[tuple[str, Span]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def line(self, text: str) -> None:
        """One line at the current indentation."""
        self.lines.append(("\t" * self.indent + text, self.span))

    def text(self, block: str) -> None:
        """Several lines that are already indented relative to each other."""
        for each in block.splitlines():
            self.line(each)

    def label(self, name: str) -> None:
        """A label, followed by an empty statement so that a declaration may follow."""
        self.lines.append((f"{name}:;", self.span))

    @contextmanager
    def block(self, head: str = "", tail: str = "}") -> Iterator[None]:
        """head { ... } with its lines indented."""
        self.line(f"{head} {{" if head else "{")
        self.indent += 1
        try:
            yield
        finally:
            self.indent -= 1
            self.line(tail)

    @contextmanager
    def at(self, span: Span) -> Iterator[None]:
        """The lines inside come from `span`; NOWHERE keeps the place that is set."""
        before = self.span
        self.span = span if span.line else before
        try:
            yield
        finally:
            self.span = before

    def fresh(self, prefix: str) -> str:
        """A C name that was not given out before."""
        number = self.counts.get(prefix, 0)
        self.counts[prefix] = number + 1
        return f"{prefix}{number}"

    def temp(self, c_type: str, value: str) -> str:
        """A fresh local constant with this value."""
        name = self.fresh("t")
        self.line(f"const {c_type} {name} = {value};")
        return name

    def render(self) -> str:
        """The whole text, with #line directives wherever the place is not what the compiler would count."""
        out: list[str] = []
        file, expected = OWN_NAME, 1
        for text, span in self.lines:
            want = (span.file, span.line) if span.line else (OWN_NAME, len(out) + 1)
            if want != (file, expected) and text.strip() not in ("", "}"):
                if span.line:
                    out.append(f"#line {span.line} {c_string(span.file)}")
                else:
                    out.append(f"#line {len(out) + 2} {c_string(OWN_NAME)}")
                    want = (OWN_NAME, len(out) + 1)
                file, expected = want
            out.append(text)
            expected += 1
        return "\n".join(out) + "\n"
