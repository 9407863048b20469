"""@refers_to and @referenced_by: entries that must exist as long as others name them.

@refers_to(TABLE, FIELD) at a match field or an action's parameter says that its value is that of an exact FIELD of
some entry of TABLE. Those of one entry that name the same table speak of one entry of it, those of different
actions apart. @referenced_by(builtin::multicast_group_table, replica.port) says it of the groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from finsy.proto import p4i, p4r

from rackplane.switch.constraints import p4annotations
from rackplane.switch.constraints.restrictions import actions_of
from rackplane.switch.errors import BundleError, Code, RequestError, not_found

GROUPS = 0
"""The node of the multicast groups; other nodes are ids of tables, and of action profiles for their members."""

_GROUP_TABLE = "builtin::multicast_group_table"
_GROUP_ID = "multicast_group_id"
_REPLICA = ("replica.port", "replica.instance")


@dataclass(frozen=True)
class _Place:
    """Where a value stands: a match field (action 0) or a parameter, by id; for groups by name."""

    action: int
    member: int | str


@dataclass(frozen=True)
class _Link:
    """One annotation: the value at `source` is that of `field` of an entry of `target`."""

    source: _Place
    target: int
    field: int | str


@dataclass(frozen=True)
class Need:
    """An entry of `target` must have these values in these fields."""

    target: int
    fields: tuple[int | str, ...]
    values: tuple[int, ...]


@dataclass
class _Index:
    """The entries of a target by some of its fields: how many have each value, and which tables need it."""

    provided: Counter[tuple[int, ...]] = field(default_factory=Counter)
    needed: dict[tuple[int, ...], Counter[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What an update does to the references: needs and provisions that go and come."""

    node: int
    old: p4r.Entity | None
    new: p4r.Entity | None


class Schema:
    """The references of a program, as its annotations give them."""

    def __init__(self, p4info: p4i.P4Info) -> None:
        self.names = {t.preamble.id: t.preamble.name for t in p4info.tables} | {GROUPS: "the multicast groups"}
        self.field_names: dict[tuple[int, int | str], str] = {(GROUPS, _GROUP_ID): _GROUP_ID}
        self.names |= {p.preamble.id: p.preamble.name for p in p4info.action_profiles}
        self._tables = {n: t for t in p4info.tables for n in (t.preamble.name, t.preamble.alias)}
        self._links: dict[int, list[_Link]] = {}
        actions = {a.preamble.id: a for a in p4info.actions}
        for table in p4info.tables:
            for match in table.match_fields:
                self.field_names[table.preamble.id, match.id] = match.name
                self._match_field(table, match)
            for ref in table.action_refs:
                for param in actions[ref.id].params if ref.id in actions else ():
                    self._parameter(table, actions[ref.id], param)

    @property
    def nodes(self) -> set[int]:
        """The tables (and the groups) that refer or are referred to."""
        return self._links.keys() | {link.target for links in self._links.values() for link in links}

    @property
    def sources(self) -> Iterable[int]:
        """The tables (and the groups) that refer."""
        return self._links.keys()

    def needs(self, node: int, entity: p4r.Entity) -> Iterator[Need]:
        """Yield what an entity refers to; malformed values are left out."""
        for values in _rows(node, entity):
            by_target: dict[int, dict[int | str, int]] = {}
            for link in self._links.get(node, ()):
                if link.source in values:
                    by_target.setdefault(link.target, {})[link.field] = values[link.source]
            for target, fields in by_target.items():
                ordered = sorted(fields.items(), key=lambda item: str(item[0]))
                yield Need(target, tuple(f for f, _ in ordered), tuple(v for _, v in ordered))

    def _match_field(self, table: p4i.Table, match: p4i.MatchField) -> None:
        where = f"{match.name} of {table.preamble.name}"
        for body in p4annotations.bodies(match.annotations, "refers_to"):
            self._add(table.preamble.id, _Place(0, match.id), body, f"@refers_to at {where}")
        for body in p4annotations.bodies(match.annotations, "referenced_by"):
            what = f"@referenced_by at {where}"
            source, member = p4annotations.pair(body, what)
            if source != _GROUP_TABLE or member not in (_GROUP_ID, *_REPLICA):
                raise BundleError(f"{what} is for {_GROUP_TABLE} and {', '.join(_REPLICA)}, not {source}, {member}")
            self._check_target(match, what)
            self._links.setdefault(GROUPS, []).append(_Link(_Place(0, member), table.preamble.id, match.id))

    def _parameter(self, table: p4i.Table, action: p4i.Action, param: p4i.Action.Param) -> None:
        where = f"@refers_to at {param.name} of {action.preamble.name}"
        source = _Place(action.preamble.id, param.id)
        for body in p4annotations.bodies(param.annotations, "refers_to"):
            for node in filter(None, (table.preamble.id, table.implementation_id)):
                self._add(node, source, body, where)

    def _add(self, node: int, source: _Place, body: str, where: str) -> None:
        """Take a link from an annotation; a profile that several tables share has each of its links once."""
        name, member = p4annotations.pair(body, where)
        target = GROUPS
        place: int | str | None = member if member == _GROUP_ID else None
        if name != _GROUP_TABLE:
            table = self._tables.get(name)
            if table is None:
                raise BundleError(f"{where} names the table {name}, which the program does not have")
            match = next((m for m in table.match_fields if m.name == member), None)
            if match is not None:
                self._check_target(match, where)
            target, place = table.preamble.id, match.id if match else None
        if place is None:
            raise BundleError(f"{where} names {member}, which {name} does not have")
        link, known = _Link(source, target, place), self._links.setdefault(node, [])
        if link not in known:
            known.append(link)

    def _check_target(self, match: p4i.MatchField, where: str) -> None:
        if match.match_type != p4i.MatchField.EXACT:
            raise BundleError(f"{where} names {match.name}, which is no exact match field")


Entries = Callable[[int], Iterable[p4r.Entity]]
"""Returns all entities of a table, or all groups: for indexes that are made on demand."""


class References:
    """The references between the entries that are there. Indexes are made when they are needed first."""

    def __init__(self, schema: Schema, entries: Entries) -> None:
        self._schema = schema
        self._entries = entries
        self._indexes: dict[tuple[int, tuple[int | str, ...]], _Index] = {}
        self._counted = False

    def check(self, change: Change) -> None:
        """Refuse a change that would leave a reference without its target: NOT_FOUND, FAILED_PRECONDITION."""
        self._count()
        for need in self._schema.needs(change.node, change.new) if change.new else ():
            if not self._index(need.target, need.fields).provided[need.values]:
                raise not_found(f"it refers to {self._named(need)}, which does not exist")
        if change.new is None and change.old is not None:
            self._check_unused(change.node, change.old)

    def apply(self, change: Change) -> None:
        """Take note of a change that was made."""
        if not self._counted:
            return
        signed = [(entity, by) for entity, by in ((change.old, -1), (change.new, 1)) if entity is not None]
        for (target, fields), index in self._indexes.items():
            for entity, by in signed if target == change.node else ():
                index.provided.update(dict.fromkeys(_provided(target, fields, entity), by))
        for entity, by in signed:
            self._need(change.node, entity, by)

    def reset(self) -> None:
        """Forget the indexes: entries have changed in other ways."""
        self._indexes.clear()
        self._counted = False

    def verify(self) -> None:
        """Check every entry that is there, as if it were new."""
        self._count()
        for node in self._schema.sources:
            for entity in self._all(node):
                self.check(Change(node, None, entity))

    def _check_unused(self, node: int, entity: p4r.Entity) -> None:
        own = Counter(self._schema.needs(node, entity))
        for (target, fields), index in self._indexes.items():
            for values in _provided(target, fields, entity) if target == node else ():
                users = index.needed.get(values, Counter())
                left = users.total() - own[Need(target, fields, values)]
                if left > 0 and index.provided[values] <= 1:
                    names = ", ".join(self._schema.names[n] for n, count in users.items() if count > 0)
                    raise RequestError(
                        Code.FAILED_PRECONDITION, f"it is still in use: {left} reference(s) from {names}"
                    )

    def _count(self) -> None:
        if self._counted:
            return
        self._counted = True
        for node in self._schema.sources:
            for entity in self._all(node):
                self._need(node, entity, 1)

    def _need(self, node: int, entity: p4r.Entity, by: int) -> None:
        for need in self._schema.needs(node, entity):
            needed = self._index(need.target, need.fields).needed
            users = needed.setdefault(need.values, Counter())
            users[node] += by
            if not users.total():
                del needed[need.values]

    def _index(self, target: int, fields: tuple[int | str, ...]) -> _Index:
        index = self._indexes.get((target, fields))
        if index is None:
            index = self._indexes[target, fields] = _Index()
            for entity in self._all(target):
                index.provided.update(_provided(target, fields, entity))
        return index

    def _all(self, node: int) -> Iterable[p4r.Entity]:
        return self._entries(node)

    def _named(self, need: Need) -> str:
        names = (self._schema.field_names.get((need.target, f), str(f)) for f in need.fields)
        keys = ", ".join(f"{name} = {value:#x}" for name, value in zip(names, need.values, strict=True))
        return f"the entry of {self._schema.names[need.target]} with {keys}"


def _provided(node: int, fields: tuple[int | str, ...], entity: p4r.Entity) -> Iterator[tuple[int, ...]]:
    """The values of an entity in some of its match fields: one tuple, or none when a field is left out."""
    if node == GROUPS:
        group = entity.packet_replication_engine_entry.multicast_group_entry
        yield (group.multicast_group_id,)
        return
    given = {m.field_id: m.exact.value for m in entity.table_entry.match if m.HasField("exact")}
    if not entity.table_entry.is_default_action and all(f in given for f in fields):
        yield tuple(int.from_bytes(given[f], "big") for f in fields if isinstance(f, int))


def _rows(node: int, entity: p4r.Entity) -> Iterator[dict[_Place, int]]:
    """The values of an entity by place: one row for each of its actions, or for each replica."""
    if node == GROUPS:
        group = entity.packet_replication_engine_entry.multicast_group_entry
        for replica in group.replicas:
            port = int.from_bytes(replica.port, "big") if replica.port else replica.egress_port
            yield {
                _Place(0, _GROUP_ID): group.multicast_group_id,
                _Place(0, "replica.port"): port,
                _Place(0, "replica.instance"): replica.instance,
            }
        return
    if entity.HasField("action_profile_member"):
        yield _params(entity.action_profile_member.action)
        return
    matches = {_Place(0, m.field_id): v for m in entity.table_entry.match if (v := _exact(m)) is not None}
    for action in actions_of(entity.table_entry) or [p4r.Action()]:
        yield matches | _params(action)


def _params(action: p4r.Action) -> dict[_Place, int]:
    return {_Place(action.action_id, p.param_id): int.from_bytes(p.value, "big") for p in action.params}


def _exact(match: p4r.FieldMatch) -> int | None:
    kind = match.WhichOneof("field_match_type")
    if kind == "exact":
        return int.from_bytes(match.exact.value, "big")
    return int.from_bytes(match.optional.value, "big") if kind == "optional" else None
