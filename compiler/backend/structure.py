"""Which headers a program can change, and whether the packet's header structure stays as it was parsed.

When it stays (nothing is made valid or invalid, headers are emitted in the order of extraction, and all of
them), changed headers are stored over the packet where they came from, and the others need no write at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from rackplane.compiler import ir
from rackplane.compiler.backend import walk
from rackplane.compiler.backend.layout import HeaderLayout

Path = tuple[str, ...]


ALL = "*"


@dataclass(frozen=True)
class Structure:
    """How a program treats its headers, by their paths under hdr (a stack or union counts as one).

    `emitted` is in emit order. `dirty` names the fields that can change, `used` those that are read or change; ALL
    stands for every field.
    """

    in_place: bool
    emitted: tuple[Path, ...]
    dirty: dict[Path, frozenset[str]]
    used: dict[Path, frozenset[str]]


def header_path(place: ir.Expr) -> Path | None:
    """The path under `hdr` of the header, union or stack that a place is or lies in; None for other variables.

    A struct of headers has the path of the struct.
    """
    steps: list[str] = []
    while not isinstance(place, ir.Var):
        if isinstance(place, ir.Member):
            steps.append("" if isinstance(place.base.type, ir.Header | ir.Union) else place.name)
        elif isinstance(place, ir.Element | ir.StackNext | ir.StackLast | ir.Slice):
            steps.append("")
        else:
            return None
        place = place.base
    if place.name != "hdr":
        return None
    path: list[str] = []
    for step in reversed(steps):
        if not step:
            break
        path.append(step)
    return tuple(path)


def leaf_paths(kind: ir.Type, path: Path = ()) -> Iterator[tuple[Path, ir.Header | ir.Union | ir.Stack]]:
    """The headers, unions and stacks inside of a struct of headers, in order."""
    if isinstance(kind, ir.Struct):
        for f in kind.fields:
            yield from leaf_paths(f.type, (*path, f.name))
    elif isinstance(kind, ir.Header | ir.Union | ir.Stack):
        yield path, kind


def _under(path: Path, pipeline: ir.Pipeline) -> Iterator[Path]:
    for leaf, _ in leaf_paths(pipeline.headers):
        if leaf[: len(path)] == path or path[: len(leaf)] == leaf:
            yield leaf


def _paths(places: Iterable[ir.Expr], pipeline: ir.Pipeline) -> set[Path]:
    found = (header_path(p) for p in places)
    return {leaf for path in found if path is not None for leaf in _under(path, pipeline)}


def _uses(e: ir.Expr) -> Iterator[tuple[ir.Expr, str]]:
    """The headers whose contents an expression or place names, each with the field; validity is no content."""
    inner: Iterable[ir.Expr] = walk.operands(e)
    if isinstance(e, ir.Member) and isinstance(e.base.type, ir.Header):
        yield e.base, e.name
        inner = _indexes(e.base)
    elif isinstance(e, ir.IsValid):
        inner = _indexes(e.header)
    elif isinstance(e, ir.Var | ir.Member | ir.Element | ir.StackNext | ir.StackLast) and not isinstance(
        e.type, ir.Bits
    ):
        yield e, ALL
        inner = _indexes(e)
    for each in inner:
        yield from _uses(each)


def _indexes(place: ir.Expr) -> Iterator[ir.Expr]:
    while isinstance(place, ir.Member | ir.Element | ir.StackNext | ir.StackLast):
        if isinstance(place, ir.Element):
            yield place.index
        place = place.base


def _fields(places: Iterable[ir.Expr], pipeline: ir.Pipeline) -> dict[Path, frozenset[str]]:
    found: dict[Path, set[str]] = {}
    for place in places:
        for header, name in _uses(place):
            path = header_path(header)
            for leaf in _under(path, pipeline) if path is not None else ():
                found.setdefault(leaf, set()).add(name)
    return {path: frozenset(names) for path, names in found.items()}


def analyse(pipeline: ir.Pipeline) -> Structure:
    """Find out how the program treats its headers."""
    statements = list(walk.all_statements(pipeline))
    written = [p for s in statements for p in walk.writes(s)]
    evaluated = [e for s in statements for e in walk.reads(s, pipeline)] + list(walk.select_keys(pipeline))
    dirty = _fields(written, pipeline)
    used = _fields([*written, *evaluated], pipeline)
    reshaped = _paths((p for p in written if not isinstance(p.type, ir.Bits)), pipeline)
    reshaped |= _paths((s.header for s in statements if isinstance(s, ir.SetValidity)), pipeline)
    reshaped |= _paths((s.stack for s in statements if isinstance(s, ir.ShiftStack)), pipeline)
    emitted = _emit_order(pipeline)
    in_place = emitted is not None and not reshaped & set(emitted) and _keeps_order(pipeline, emitted, set(dirty))
    return Structure(in_place, emitted or (), dirty, used)


def with_all_used(structure: Structure, pipeline: ir.Pipeline) -> Structure:
    """The same, with every field of every header read out of the packet."""
    return replace(structure, used={path: frozenset({ALL}) for path, _ in leaf_paths(pipeline.headers)})


def blocks_of(header: ir.Header, layout: HeaderLayout, names: frozenset[str]) -> list[tuple[int, int]]:
    """The aligned (offset, size) pieces of up to 8 bytes of a header's fixed part that hold these fields."""
    widths = {f.name: f.type.width for f in header.fields if isinstance(f.type, ir.Bits)}
    wanted = set(range(layout.size)) if ALL in names else set()
    for name in names & set(layout.offsets):
        first = layout.offsets[name]
        wanted.update(range(first // 8, (first + widths[name] + 7) // 8))
    found: list[tuple[int, int]] = []
    for start in range(0, layout.size, 8):
        if wanted & set(range(start, start + 8)):
            found += pieces_of(start, min(8, layout.size - start))
    return found


def pieces_of(start: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut `size` bytes in powers of two, the largest first."""
    for part in (8, 4, 2, 1):
        while size >= part:
            yield start, part
            start, size = start + part, size - part


def _emit_order(pipeline: ir.Pipeline) -> tuple[Path, ...] | None:
    """The paths in emit order; None when the deparser does anything but emit."""
    order: list[Path] = []
    for stmt in _flat(pipeline.deparser.body):
        path = header_path(stmt.header) if isinstance(stmt, ir.Emit) else None
        if path is None or not isinstance(stmt, ir.Emit):
            return None
        whole = isinstance(stmt.header, ir.Member | ir.Var)
        if not whole:
            return None
        order.extend((*path, *rest) for rest, _ in leaf_paths(stmt.header.type))
    return tuple(order) if len(set(order)) == len(order) else None


def _flat(body: Iterable[ir.Stmt]) -> Iterator[ir.Stmt]:
    for stmt in body:
        if isinstance(stmt, ir.Scope):
            yield from _flat(stmt.body)
        else:
            yield stmt


def _keeps_order(pipeline: ir.Pipeline, emitted: tuple[Path, ...], dirty: set[Path]) -> bool:
    """Whether every way through the parser extracts emitted headers only, each once, in emit order."""
    position = {path: n for n, path in enumerate(emitted)}
    kinds = dict(leaf_paths(pipeline.headers))
    states = {s.name: s for s in pipeline.parser.states}
    reached: dict[str, int] = {}
    work = [("start", -1)]
    while work:
        name, latest = work.pop()
        if name not in states or reached.get(name, -2) >= latest:
            continue
        reached[name] = latest
        after = _extracted(states[name].body, latest, position, kinds, dirty)
        if after is None:
            return False
        work += [(target, after) for target in targets(states[name])]
    return True


def _extracted(
    body: Iterable[ir.Stmt],
    latest: int,
    position: dict[Path, int],
    kinds: dict[Path, ir.Header | ir.Union | ir.Stack],
    dirty: set[Path],
) -> int | None:
    for stmt in walk.statements(body):
        if isinstance(stmt, ir.Advance):
            return None
        if not isinstance(stmt, ir.Extract):
            continue
        path = header_path(stmt.header)
        if path is None or path not in position:
            return None
        kind = kinds[path]
        again = isinstance(kind, ir.Stack) and isinstance(stmt.header, ir.StackNext) and path not in dirty
        if isinstance(kind, ir.Union) or (isinstance(kind, ir.Stack) and not again):
            return None
        if stmt.varbit_bits is not None and path in dirty:
            return None
        if position[path] < latest or (position[path] == latest and not again):
            return None
        latest = position[path]
    return latest


def targets(state: ir.State) -> list[str]:
    """The states that may follow a state."""
    if isinstance(state.transition, str):
        return [state.transition]
    return list(dict.fromkeys(case.next for case in state.transition.cases))
