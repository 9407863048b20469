"""What an entry has to fulfil beyond its table: restrictions and references that the program's annotations give."""

from __future__ import annotations

from collections.abc import Mapping

from finsy.proto import p4i, p4r

from rackplane.switch.constraints import restrictions
from rackplane.switch.constraints.references import GROUPS, Change, References, Schema
from rackplane.switch.errors import RequestError, invalid
from rackplane.switch.profiles import ActionProfile
from rackplane.switch.replication import MulticastGroups
from rackplane.switch.tables import Table


class Guards:
    """Judges updates before they are made. Entities that no annotation concerns are left alone."""

    def __init__(
        self,
        p4info: p4i.P4Info,
        tables: Mapping[int, Table],
        profiles: Mapping[int, ActionProfile],
        groups: MulticastGroups,
    ) -> None:
        """Raise BundleError when an annotation makes no sense. `tables` and `profiles` may be filled later."""
        self._restrictions = restrictions.read(p4info)
        self._tables = tables
        self._profiles = profiles
        self._groups = groups
        schema = Schema(p4info)
        restricted = {t.preamble.id for t in p4info.tables if self._restrictions.concern(t)}
        self._nodes = schema.nodes
        self._guarded = self._nodes | restricted
        self._references = References(schema, self._all)

    def concern(self, table_id: int) -> bool:
        """Whether entries of a table have to be judged."""
        return table_id in self._guarded

    def judge(self, update: p4r.Update) -> Change | None:
        """Refuse an update that breaks a restriction or a reference; return what made() is to be told afterwards.

        An update that is malformed, or whose entry does not exist, is left to its table.
        """
        entity = update.entity
        kind = entity.WhichOneof("entity")
        if kind == "action_profile_member":
            return self._judge_member(update)
        if kind == "table_entry" and entity.table_entry.table_id in self._guarded:
            return self._judge_entry(update)
        replication = entity.packet_replication_engine_entry
        if GROUPS in self._nodes and replication.HasField("multicast_group_entry"):
            old = self._groups.groups.get(replication.multicast_group_entry.multicast_group_id)
            return self._judge_references(update, GROUPS, p4r.Entity.FromString(old.wire) if old else None)
        return None

    def made(self, change: Change) -> None:
        """Take note of a change that was judged and made."""
        self._references.apply(change)

    def reset(self) -> None:
        """Begin anew: changes were undone."""
        self._references.reset()

    def verify(self) -> None:
        """Judge everything that is there; INVALID_ARGUMENT."""
        for table_id in self._guarded & self._tables.keys():
            table = self._tables[table_id]
            for entry in table.entries.values():
                message = entry.message()
                try:
                    self._restrictions.check_entry(message)
                    self._restrictions.check_actions(restrictions.actions_of(message))
                except RequestError as e:
                    raise invalid(f"an entry of table {table.name} cannot be kept: {e}") from e
        try:
            self._references.verify()
        except RequestError as e:
            raise invalid(f"an entry cannot be kept: {e}") from e

    def _judge_entry(self, update: p4r.Update) -> Change | None:
        message = update.entity.table_entry
        if update.type != p4r.Update.DELETE:
            self._restrictions.check_entry(message)
            self._restrictions.check_actions(restrictions.actions_of(message))
        table = self._tables.get(message.table_id)
        if message.table_id not in self._nodes or table is None:
            return None
        try:
            old = p4r.Entity.FromString(table.find(message).wire)
        except RequestError:
            old = None
        return self._judge_references(update, message.table_id, old)

    def _judge_member(self, update: p4r.Update) -> Change | None:
        message = update.entity.action_profile_member
        if update.type != p4r.Update.DELETE:
            self._restrictions.check_actions([message.action])
        profile = self._profiles.get(message.action_profile_id)
        if profile is None or message.action_profile_id not in self._nodes:
            return None
        old = profile.members.get(message.member_id)
        entity = p4r.Entity.FromString(old.wire) if old else None
        return self._judge_references(update, message.action_profile_id, entity)

    def _judge_references(self, update: p4r.Update, node: int, old: p4r.Entity | None) -> Change | None:
        exists = update.type != p4r.Update.INSERT
        if exists != (old is not None):
            return None
        new = None if update.type == p4r.Update.DELETE else p4r.Entity()
        if new is not None:
            new.CopyFrom(update.entity)
            if old is not None and node in self._tables and not new.table_entry.HasField("action"):
                new.table_entry.action.CopyFrom(old.table_entry.action)
        change = Change(node, old, new)
        self._references.check(change)
        return change

    def _all(self, node: int) -> list[p4r.Entity]:
        if node == GROUPS:
            return [p4r.Entity.FromString(group.wire) for group in self._groups.groups.values()]
        if node in self._profiles:
            return [p4r.Entity.FromString(member.wire) for member in self._profiles[node].members.values()]
        table = self._tables[node]
        return [p4r.Entity.FromString(entry.wire) for entry in [*table.entries.values(), table.default]]
