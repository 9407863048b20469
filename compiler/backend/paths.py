"""Which of v1model's packet paths a program takes: clone, resubmit, recirculate, truncate."""

from __future__ import annotations

from dataclasses import dataclass

from rackplane.compiler import ir
from rackplane.compiler.backend import walk
from rackplane.compiler.backend.usage import length_after_ingress


@dataclass(frozen=True)
class Paths:
    """The paths that a program takes; `length`: packet_length is read, and follows changes of the headers."""

    clone_ingress: bool = False
    clone_egress: bool = False
    resubmit: bool = False
    recirculate: bool = False
    truncate: bool = False
    length: bool = False

    @property
    def clones(self) -> bool:
        """Whether there are clone sessions."""
        return self.clone_ingress or self.clone_egress

    @property
    def loops(self) -> bool:
        """Whether packets can go on over the loop port."""
        return self.clones or self.resubmit or self.recirculate

    @property
    def begins_again(self) -> bool:
        """Whether packets can enter the parser a second time."""
        return self.resubmit or self.recirculate

    @property
    def shortens(self) -> bool:
        """Whether packets can be cut when they are sent: by truncate() or by their clone session."""
        return self.truncate or self.clones

    @property
    def egress_branches(self) -> bool:
        """Whether a packet can leave egress for anywhere but its port."""
        return self.clone_egress or self.recirculate

    @property
    def any(self) -> bool:
        """Whether packets carry a struct path."""
        return self.loops or self.truncate or self.length

    def macros(self) -> list[str]:
        """The paths by their names in C."""
        flags = {
            "CLONES_INGRESS": self.clone_ingress,
            "CLONES_EGRESS": self.clone_egress,
            "CLONES": self.clones,
            "RESUBMITS": self.resubmit,
            "RECIRCULATES": self.recirculate,
            "SHORTENS": self.shortens,
            "COUNTS_LENGTH": self.length,
            "EGRESS_BRANCHES": self.egress_branches,
        }
        return [name for name, is_set in flags.items() if is_set]


def find_paths(pipeline: ir.Pipeline) -> Paths:
    """What the calls of ingress and egress ask for."""
    called = {
        block: {
            s.name
            for s in walk.statements(walk.block_body(pipeline, block), pipeline)
            if isinstance(s, ir.CallExtern)
        }
        for block in ("ingress", "egress")
    }
    clone = {"clone", "clone_preserving_field_list"}
    return Paths(
        clone_ingress=bool(called["ingress"] & clone),
        clone_egress=bool(called["egress"] & clone),
        resubmit="resubmit_preserving_field_list" in called["ingress"],
        recirculate="recirculate_preserving_field_list" in called["egress"],
        truncate=any("truncate" in names for names in called.values()),
        length=length_after_ingress(pipeline),
    )


def list_number(pipeline: ir.Pipeline, index: int) -> int:
    """The number of @field_list(index) in C: 0 when no field has that annotation."""
    indexes = [found.index for found in pipeline.field_lists]
    return indexes.index(index) + 1 if index in indexes else 0
