"""How each parser value set is kept: the places of its fields in words of 64 bits, and its size."""

from __future__ import annotations

from dataclasses import dataclass

from rackplane.compiler import ir
from rackplane.compiler.backend.access import words
from rackplane.compiler.errors import CompileErrors
from rackplane.compiler.ids import field_ids
from rackplane.compiler.manifest import KeyField

WORD_BYTES = 8
MAX_WORDS = 16
MAX_MEMBERS = 1 << 16


@dataclass(frozen=True)
class SetPlan:
    """A value set: its C name and the places of its fields. `size` members at most."""

    value_set: ir.ValueSet
    name: str
    fields: tuple[KeyField, ...]

    @property
    def size(self) -> int:
        """How many members it holds."""
        return max(1, self.value_set.size)

    @property
    def words(self) -> int:
        """How many words a key has."""
        return sum(f.size for f in self.fields) // WORD_BYTES

    @property
    def hashed(self) -> bool:
        """Whether members are found in a hash map."""
        return all(f.kind == "exact" for f in self.fields)


def plan(pipeline: ir.Pipeline) -> dict[str, SetPlan]:
    """Plan every value set, by its key in Pipeline.value_sets.

    Raises:
        CompileErrors: when one is too large, or its keys are too long.
    """
    found = {}
    for n, (key, each) in enumerate(pipeline.value_sets.items()):
        fields, offset = [], 0
        numbers = field_ids([f.annotations for f in each.fields])
        for number, field in zip(numbers, each.fields, strict=True):
            size = WORD_BYTES * words(field.type.width)
            fields.append(
                KeyField(number, field.name or "value", field.type.width, field.match.value, offset, size)
            )
            offset += size
        found[key] = SetPlan(each, f"vs{n}", tuple(fields))
        if not 0 < offset <= WORD_BYTES * MAX_WORDS:
            raise CompileErrors.at(
                f"the keys of value set {each.name} take {offset} bytes; the xdp target takes up to "
                f"{WORD_BYTES * MAX_WORDS}"
            )
        if each.size > MAX_MEMBERS:
            raise CompileErrors.at(
                f"value set {each.name} has {each.size} members; the xdp target takes up to {MAX_MEMBERS}"
            )
    return found
