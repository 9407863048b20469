"""P4 programs whose results are random expressions over header fields of random widths."""

from __future__ import annotations

import random
from dataclasses import dataclass

FIELDS, RESULTS, DEPTH = 8, 14, 4
_WIDTHS = (1, 3, 7, 8, 9, 13, 16, 24, 31, 32, 33, 48, 63, 64, 65, 72, 100, 128)
_HEADER = "header {name}_t {{\n{fields}}}\n"
_PROGRAM = """#include <core.p4>
#include <v1model.p4>

{given}
{result}
struct headers_t {{
    given_t given;
    result_t result;
}}

struct meta_t {{}}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {{
    apply {{
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {{
            mark_to_drop(sm);
            return;
        }}
        hdr.result.setValid();
{body}    }}
}}

#include "tail.p4"
"""


@dataclass(frozen=True)
class Kind:
    """bit<width> or int<width>."""

    width: int
    signed: bool

    def __str__(self) -> str:
        return f"{'int' if self.signed else 'bit'}<{self.width}>"


class Writer:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._fields = [self._kind() for _ in range(FIELDS)]
        self._results = [self._kind() for _ in range(RESULTS)]

    def program(self) -> str:
        given = self._header("given", self._fields)
        result = self._header("result", self._results)
        body = "".join(
            f"        hdr.result.f{n} = {self._expression(kind, DEPTH)};\n" for n, kind in enumerate(self._results)
        )
        return _PROGRAM.format(given=given, result=result, body=body)

    def _kind(self) -> Kind:
        signed = self._chance.random() < 0.3
        return Kind(max(2, self._chance.choice(_WIDTHS)) if signed else self._chance.choice(_WIDTHS), signed)

    def _header(self, name: str, kinds: list[Kind]) -> str:
        lines = [f"    {kind} f{n};\n" for n, kind in enumerate(kinds)]
        missing = -sum(kind.width for kind in kinds) % 8
        if missing:
            lines.append(f"    bit<{missing}> unused;\n")
        return _HEADER.format(name=name, fields="".join(lines))

    def _expression(self, kind: Kind, depth: int) -> str:
        if depth == 0 or self._chance.random() < 0.1:
            return self._leaf(kind)
        makers = [self._binary, self._binary, self._unary, self._shift, self._mux, self._cast]
        if not kind.signed:
            makers += [self._slice, self._saturating, *([self._concat] if kind.width > 1 else [])]
        return self._chance.choice(makers)(kind, depth - 1)

    def _leaf(self, kind: Kind) -> str:
        same = [n for n, field in enumerate(self._fields) if field == kind]
        if same and self._chance.random() < 0.8:
            return f"hdr.given.f{self._chance.choice(same)}"
        if self._chance.random() < 0.3:
            top = 1 << (kind.width - (1 if kind.signed else 0))
            value = self._chance.choice((0, 1, top - 1, self._chance.randrange(top)))
            return f"{kind.width}{'s' if kind.signed else 'w'}{value}"
        return self._cast(kind, 0)

    def _binary(self, kind: Kind, depth: int) -> str:
        operator = self._chance.choice(["+", "-", "*", "&", "|", "^"])
        return f"({self._expression(kind, depth)} {operator} {self._expression(kind, depth)})"

    def _saturating(self, kind: Kind, depth: int) -> str:
        operator = self._chance.choice(("|+|", "|-|"))
        return f"({self._expression(kind, depth)} {operator} {self._expression(kind, depth)})"

    def _unary(self, kind: Kind, depth: int) -> str:
        return f"{self._chance.choice('~-')}({self._expression(kind, depth)})"

    def _shift(self, kind: Kind, depth: int) -> str:
        amount = self._expression(Kind(8, False), min(depth, 1))
        if self._chance.random() < 0.4:
            amount = str(self._chance.randrange(kind.width + 2))
        return f"({self._expression(kind, depth)} {self._chance.choice(('<<', '>>'))} {amount})"

    def _mux(self, kind: Kind, depth: int) -> str:
        return f"({self._condition(depth)} ? {self._expression(kind, depth)} : {self._expression(kind, depth)})"

    def _condition(self, depth: int) -> str:
        kind = self._chance.choice(self._fields)
        operator = self._chance.choice(["<", "<=", ">", ">=", "==", "!="])
        return f"{self._expression(kind, min(depth, 1))} {operator} {self._expression(kind, min(depth, 1))}"

    def _cast(self, kind: Kind, depth: int) -> str:
        """Of a field or an expression of its type: first to this width, then to this sign."""
        n = self._chance.randrange(FIELDS)
        source = self._fields[n]
        inner = f"hdr.given.f{n}" if depth == 0 else f"({self._expression(source, depth - 1)})"
        if source.signed != kind.signed and source.width != kind.width:
            inner = f"({Kind(kind.width, source.signed)}) {inner}"
        return f"(({kind}) {inner})"

    def _slice(self, kind: Kind, depth: int) -> str:
        wider = [n for n, field in enumerate(self._fields) if not field.signed and field.width > kind.width]
        if not wider:
            return self._binary(kind, depth)
        n = self._chance.choice(wider)
        low = self._chance.randrange(self._fields[n].width - kind.width + 1)
        return f"hdr.given.f{n}[{low + kind.width - 1}:{low}]"

    def _concat(self, kind: Kind, depth: int) -> str:
        left = self._chance.randrange(1, kind.width)
        first, second = Kind(left, False), Kind(kind.width - left, False)
        return f"({self._expression(first, depth)} ++ {self._expression(second, depth)})"
