"""Parser value sets in C: their memory, and the test whether keys are in one.

Keys and members are words of 64 bits: each field takes as many as it needs, the most significant first. A set of
exact fields is a hash map; any other is a list that is searched, with two words for each word of the key: value and
mask, or for a range its low and its high end. One word says which of two halves is valid, so that a packet sees a
set as it was or as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from rackplane.compiler.backend.access import WORD, is_wide, part
from rackplane.compiler.backend.context import Fx
from rackplane.compiler.backend.valuesetplan import WORD_BYTES, SetPlan


def definitions(plan: SetPlan) -> Iterator[str]:
    """The memory of a value set, and the function that searches it."""
    name, both = plan.name, 2 * plan.size
    if plan.hashed:
        yield f"DEFINE_HASHED_SET({name}, {plan.words}, {both})"
        return
    yield f"#define {name.upper()}_MATCHES(k, a, b) ({' && '.join(_conditions(plan))})"
    yield f"DEFINE_LISTED_SET({name}, {plan.words}, {both}, {name.upper()}_MATCHES)"


def _conditions(plan: SetPlan) -> Iterator[str]:
    """C conditions on the words of a key `k` and those of a member, `a` and `b`."""
    for field in plan.fields:
        first = field.offset // WORD_BYTES
        places = range(first, first + field.size // WORD_BYTES)
        if field.kind == "range":
            yield f"!{_less('k', 'a', list(places))}"
            yield f"!{_less('b', 'k', list(places))}"
        else:
            yield from (f"!((k[{n}] ^ a[{n}]) & b[{n}])" for n in places)


def _less(x: str, y: str, places: list[int]) -> str:
    """Whether number `x` is below `y`."""
    n, *rest = places
    below = f"{x}[{n}] < {y}[{n}]"
    return f"({below} || ({x}[{n}] == {y}[{n}] && {_less(x, y, rest)}))" if rest else f"({below})"


def contains(fx: Fx, plan: SetPlan, keys: list[tuple[str, int]]) -> str:
    """A C condition: these variables (name, width) are a member. Statements in front of it build the key."""
    out = fx.out
    key, found = out.fresh("set_key"), out.fresh("in_set")
    out.line(f"u32 {found} = 0;")
    with out.block(f"if ({plan.name}_count())"):
        values = (text for name, width in keys for text in _words(name, width))
        out.line(f"struct {plan.name}_key {key} = {{.w = {{{', '.join(values)}}}}};")
        out.line(f"{found} = {plan.name}_has(&{key});")
    return found


def _words(name: str, width: int) -> list[str]:
    if not is_wide(width):
        return [name]
    return [part(name, width, low, min(WORD, width - low)) for low in reversed(range(0, width, WORD))]
