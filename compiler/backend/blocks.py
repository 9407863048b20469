"""The programmable blocks as C functions: parse, verify, ingress, egress, compute and deparse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rackplane.compiler.backend import tracepoints, walk
from rackplane.compiler.backend.atomicity import Lock
from rackplane.compiler.backend.context import PHV_MEMBERS, Facts, Fx
from rackplane.compiler.backend.ctext import CWriter
from rackplane.compiler.backend.deparser import Rewriter, write_in_place
from rackplane.compiler.backend.parser import ParserWriter
from rackplane.compiler.backend.stmts import Plans, StatementWriter
from rackplane.compiler.backend.structure import Structure
from rackplane.compiler.backend.usage import standard_fields

_SIGNATURE = "INLINE u32 {name}(struct packet *pkt, struct phv *phv)"
_FINISH = "goto finish;"
_FAIL = "#define FAIL(code) { error = (code); goto done; }"


class Blocks:
    """Writes one function per block; each returns a drop reason, or 0 to go on."""

    def __init__(
        self, facts: Facts, out: CWriter, structure: Structure, plans: Plans, locks: Mapping[str, Lock]
    ) -> None:
        self.facts = facts
        self.out = out
        self.structure = structure
        self.plans = plans
        self.locks = locks

    def write(self) -> None:
        """All blocks, in pipeline order."""
        self._parse()
        for name in ("verify", "ingress", "egress", "compute"):
            self._control(name)
        self._deparse()

    def _fx(self, block: str) -> Fx:
        fx = Fx(self.facts, self.out, block)
        return replace(fx, exit=_FINISH) if self.facts.trace else fx

    def _declare(self, fx: Fx) -> None:
        tracepoints.declare(fx)
        for var in self.facts.pipeline.variables.get(fx.block, ()):
            if var.name not in PHV_MEMBERS:
                fx.declare(var)

    def _parse(self) -> None:
        fx, out = self._fx("parser"), self.out
        out.line(_FAIL)
        with out.block(_SIGNATURE.format(name="parse")):
            out.line("u8 *cursor = pkt->data;")
            out.line("u32 error = 0;")
            self._declare(fx)
            ParserWriter(fx, self.facts.pipeline.parser, self.structure, self.plans).write()
            out.label("done")
            tracepoints.parsed(fx)
            out.line("pkt->parsed = distance(pkt->data, cursor);")
            if "parser_error" in standard_fields(self.facts.pipeline):
                out.line("phv->sm.f_parser_error = error;")
            out.line("return 0;")

    def _control(self, name: str) -> None:
        fx = self._fx(name)
        with self.out.block(_SIGNATURE.format(name=name)):
            self._declare(fx)
            body = walk.block_body(self.facts.pipeline, name)
            StatementWriter(self.plans, self.locks).body(fx, body)
            if fx.exit == _FINISH:
                self.out.label("finish")
                tracepoints.decided(fx)
            self.out.line("return 0;")

    def _deparse(self) -> None:
        fx, pipeline = self._fx("deparser"), self.facts.pipeline
        with self.out.block(_SIGNATURE.format(name="deparse")):
            self._declare(fx)
            tracepoints.finals(fx)
            if self.structure.in_place:
                write_in_place(fx, pipeline, self.structure)
            else:
                Rewriter(fx, self.plans, pipeline.deparser).write()
            self.out.line("return 0;")
