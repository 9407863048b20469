"""Match-action tables: the dictionary of entries that P4Runtime sees, kept in step with the kernel.

The dictionary is the authority for reads and for duplicates. Changes of one Write are queued for the kernel and
sent by flush(); then either commit() or rollback() ends the batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from finsy.proto import p4i, p4r

from rackplane.compiler.manifest import ConstEntry, TableKind, TableLayout
from rackplane.switch import entries as checks
from rackplane.switch.actions import ActionCodecs
from rackplane.switch.direct import DirectResources
from rackplane.switch.entries import Entry
from rackplane.switch.errors import Code, RequestError, SwitchError, invalid, not_found
from rackplane.switch.handles import DEFAULT_HANDLE
from rackplane.switch.kerneltables import KernelTable
from rackplane.switch.keys import KeyCodec, MaskedKey, TernaryCodec, needs_priority
from rackplane.switch.maps import BpfMap
from rackplane.switch.profiles import ActionProfile, Target, entry_value

_UNSET = -1


@dataclass(frozen=True)
class TableParts:
    """What a table is made of: its maps, what belongs to its entries, and the profile that their actions are in."""

    kernel: KernelTable
    default_map: BpfMap | None
    direct: DirectResources
    profile: ActionProfile | None = None


class Table:
    """One table of a running program."""

    def __init__(
        self,
        layout: TableLayout,
        info: p4i.Table,
        parts: TableParts,
    ) -> None:
        self.layout = layout
        self.name = layout.name
        self.entries: dict[bytes, Entry] = {}
        self.direct = parts.direct
        self.profile = parts.profile
        self._targets: list[Target] = []
        self._kernel = parts.kernel
        self._default_map = parts.default_map
        self._actions = ActionCodecs(layout, {ref.id: ref.scope for ref in info.action_refs})
        self.constant = info.is_const_table or layout.kind is TableKind.CODE
        self.entry_actions = frozenset(
            ref.id for ref in info.action_refs if ref.scope != p4i.ActionRef.Scope.DEFAULT_ONLY
        )
        self._priority = needs_priority(layout)
        whole_keys = layout.kind in (TableKind.HASH, TableKind.LPM)
        self._keys = KeyCodec(layout) if whole_keys else None
        self._masked_keys = None if whole_keys else TernaryCodec(layout)
        self._log: list[tuple[bytes, Entry | None]] = []
        self._freed: list[int] = []
        self.default = self.original_default()
        self._install_default()
        for entry in layout.entries:
            self._install(entry)
        self._kernel.flush()
        self._log.clear()

    # Writes

    def insert(self, entity: p4r.Entity) -> None:
        """INSERT a match entry."""
        message = entity.table_entry
        self._check_write(message, "INSERT")
        identity, masked = self._identity(message)
        if identity in self.entries:
            raise RequestError(Code.ALREADY_EXISTS, "an entry with this match and priority already exists")
        if len(self.entries) >= self.layout.size:
            raise RequestError(Code.RESOURCE_EXHAUSTED, f"the table is full: it holds {self.layout.size} entries")
        handle = self.direct.take()
        try:
            value, target = self._decode(message, handle)
            self.direct.write(handle, message)
            action_id, priority = message.action.action.action_id, message.priority
            entry = Entry(entity.SerializeToString(), value, action_id, priority, handle, False, masked, target)
            self.put_in(identity, entry, None)
            self.direct.watch(handle, identity, message)
        except SwitchError:
            self.direct.give_back(handle)
            raise

    def modify(self, entity: p4r.Entity) -> None:
        """MODIFY a match entry, or the default entry."""
        message = entity.table_entry
        if message.is_default_action:
            self._modify_default(entity)
            return
        self._check_write(message, "MODIFY")
        identity, _ = self._identity(message)
        old = self._existing(identity)
        if message.HasField("action"):
            if old.const or self.constant:
                raise RequestError(Code.PERMISSION_DENIED, "the action of a const entry cannot be modified")
            value, target = self._decode(message, old.handle)
        else:
            value, target = old.value, old.target
            message.action.CopyFrom(old.message().action)
        self.direct.write(old.handle, message, modify=True)
        if old.const or self.constant:
            return
        action_id = message.action.action.action_id
        wire = entity.SerializeToString()
        new = Entry(wire, value, action_id, old.priority, old.handle, False, old.masked, target)
        self.put_in(identity, new, old)
        self.direct.watch(old.handle, identity, message)

    def delete(self, entity: p4r.Entity) -> None:
        """DELETE a match entry."""
        message = entity.table_entry
        if message.is_default_action:
            raise invalid("the default entry cannot be deleted; MODIFY it without an action to reset it")
        self._refuse_constant("DELETE")
        identity, _ = self._identity(message)
        old = self._existing(identity)
        if old.const:
            raise RequestError(Code.PERMISSION_DENIED, "a const entry cannot be deleted")
        self.take_out(identity, old)

    def put_in(self, identity: bytes, entry: Entry, old: Entry | None) -> None:
        """Let an entry that was checked be there, in the place of `old` where there is one."""
        self._kernel.put(identity, entry)
        self.entries[identity] = entry
        self._log.append((identity, old))
        if self.profile is not None:
            self._count_users(entry, old)

    def put_all(self, identities: list[bytes], entries: list[Entry]) -> None:
        """Let entries be there that were checked and are new."""
        self._kernel.put_all(identities, entries)
        self.entries.update(zip(identities, entries, strict=True))
        self._log.extend((identity, None) for identity in identities)

    def take_out(self, identity: bytes, old: Entry) -> None:
        """Let an entry that is there be gone."""
        self._kernel.remove(identity, old)
        del self.entries[identity]
        self._log.append((identity, old))
        self.direct.forget(old.handle)
        self._freed.append(old.handle)
        if self.profile is not None:
            self._count_users(None, old)

    def set_counter(self, message: p4r.DirectCounterEntry) -> None:
        """Set the direct counter of an entry; without data nothing is changed."""
        handle = self.find(message.table_entry).handle
        if self.direct.counters is None:
            raise invalid("the table has no direct counter")
        if message.HasField("data"):
            self.direct.set_counter(handle, message.data)

    def set_meter(self, message: p4r.DirectMeterEntry) -> None:
        """Configure the direct meter of an entry; without a config it gets its default."""
        if self.direct.meters is None:
            raise invalid("the table has no direct meter")
        handle = self.find(message.table_entry).handle
        config = message.config if message.HasField("config") else None
        marks = message.counter_data if message.HasField("counter_data") else None
        self.direct.set_meter(handle, config, marks)

    def flush(self) -> None:
        """Send queued changes to the kernel; raise BpfError."""
        self.direct.clean()
        self._kernel.flush()

    def commit(self) -> None:
        """End a batch: its changes stay."""
        self._log.clear()
        self.direct.commit()
        for handle in self._freed:
            self.direct.give_back(handle)
        self._freed.clear()
        self._release_sets()

    def rollback(self) -> None:
        """End a batch: its changes are undone, here and in the kernel, whatever of them had reached it."""
        touched = {identity for identity, _ in self._log if identity}
        for identity, old in reversed(self._log):
            if not identity and old is not None:
                self._put_default(old)
                continue
            current = self.entries.pop(identity, None)
            if current is not None:
                self.direct.forget(current.handle)
            if old is not None:
                self.entries[identity] = old
                self.direct.watch(old.handle, identity, old.message())
            elif current is not None:
                self.direct.give_back(current.handle)
            if self.profile is not None:
                self._count_users(old, current)
        self.direct.rollback()
        self._log.clear()
        self._freed.clear()
        self._kernel.reset(self.entries, touched)
        self._release_sets()

    # Reads

    def find(self, message: p4r.TableEntry) -> Entry:
        """Return the entry that a message's match and priority name; NOT_FOUND."""
        if message.is_default_action:
            checks.check_default(message)
            return self.default
        return self._existing(self._identity(message)[0])

    def holds(self, message: p4r.TableEntry) -> bool:
        """Whether there is an entry of this match and priority."""
        return self._identity(message)[0] in self.entries

    def select(self, message: p4r.TableEntry) -> Iterable[Entry]:
        """Return the entries that a read asks for: those that agree with every field that is set, or all."""
        if message.is_default_action:
            checks.check_default(message)
            return [self.default]
        chosen: Iterable[Entry] = self._matching(message) if message.match else list(self.entries.values())
        if message.priority:
            chosen = [e for e in chosen if e.priority == message.priority]
        if message.HasField("action"):
            chosen = self._with_action(chosen, message)
        if message.metadata:
            chosen = [e for e in chosen if e.message().metadata == message.metadata]
        if message.controller_metadata:
            chosen = [e for e in chosen if e.message().controller_metadata == message.controller_metadata]
        return chosen

    def _matching(self, message: p4r.TableEntry) -> list[Entry]:
        """The entries of a match: one, or where the priority is left open one for each priority."""
        if message.priority or not self._priority or self._masked_keys is None:
            found = self.entries.get(self._identity(message)[0])
            return [found] if found else []
        masked = self._masked_keys.decode(message.match, 0).masked
        return [e for e in self.entries.values() if e.masked == masked]

    def _with_action(self, entries: Iterable[Entry], message: p4r.TableEntry) -> list[Entry]:
        if self.profile is not None:
            return [e for e in entries if e.message().action == message.action]
        wanted = checks.action_of(message).action_id
        return [e for e in entries if e.action_id == wanted]

    # Details

    def _identity(self, message: p4r.TableEntry) -> tuple[bytes, tuple[MaskedKey, ...]]:
        priority = message.priority
        if self._keys is not None:
            if priority:
                raise invalid(f"priority is {priority}, but no match field is ternary, range or optional")
            return self._keys.decode(message.match), ()
        if self._priority and priority <= 0:
            raise invalid(f"priority is {priority}; this table needs one above zero")
        if priority and not self._priority:
            raise invalid(f"priority is {priority}, but no match field is ternary, range or optional")
        if self._masked_keys is None:
            raise invalid("the table has no match fields")
        key = self._masked_keys.decode(message.match, priority)
        return key.identity, key.masked

    def _existing(self, identity: bytes) -> Entry:
        entry = self.entries.get(identity)
        if entry is None:
            raise not_found("there is no entry with this match and priority")
        return entry

    def _check_write(self, message: p4r.TableEntry, operation: str) -> None:
        if operation == "INSERT":
            self._refuse_constant(operation)
            if message.is_default_action:
                raise invalid("the default entry always exists: MODIFY it")
            if self.layout.kind is TableKind.KEYLESS:
                raise invalid("the table has no key: only its default entry can be modified")
        checks.check_common(message, bool(self.layout.hits))

    def _decode(self, message: p4r.TableEntry, handle: int) -> tuple[bytes, Target | None]:
        """Return the kernel's value of an entry's action, and the member or group that it names."""
        if self.profile is None:
            return self._actions.decode(checks.action_of(message), handle), None
        target = self.profile.resolve(message.action)
        self._targets.append(target)
        return entry_value(target, handle), target

    def _count_users(self, new: Entry | None, old: Entry | None) -> None:
        for entry, change in ((new, 1), (old, -1)):
            if entry is not None and entry.target is not None:
                entry.target.users += change
                self._targets.append(entry.target)

    def _release_sets(self) -> None:
        """Forget the one-shot sets that a batch has left without an entry."""
        if self.profile is not None:
            for target in self._targets:
                self.profile.release(target)
            self._targets.clear()

    def _refuse_constant(self, operation: str) -> None:
        if self.constant:
            raise RequestError(
                Code.PERMISSION_DENIED, f"the entries are const in the program: {operation} is refused"
            )

    # The default entry

    def _modify_default(self, entity: p4r.Entity) -> None:
        message = entity.table_entry
        checks.check_default(message)
        if self.profile is not None:
            raise invalid("the default action of a table with an action profile is the program's and stays")
        if self.layout.const_default or self._default_map is None:
            raise RequestError(Code.PERMISSION_DENIED, "the default action is const in the program")
        checks.check_common(message, False)
        old = self.default
        if message.HasField("action"):
            action = checks.action_of(message)
            value = self._actions.decode(action, DEFAULT_HANDLE, default=True)
            self.direct.write(DEFAULT_HANDLE, message)
            new = Entry(entity.SerializeToString(), value, action.action_id, handle=DEFAULT_HANDLE)
        else:
            new = self.original_default()
        self._put_default(new)
        self._log.append((b"", old))

    def _put_default(self, entry: Entry) -> None:
        self.default = entry
        self._install_default()

    def _install_default(self) -> None:
        if self._default_map is not None:
            key = self.layout.default_index.to_bytes(4, "little")
            self._default_map.put(key, self.default.value.ljust(self._default_map.info.value_size, b"\0"))

    def original_default(self) -> Entry:
        """Return the default entry that the program itself gives."""
        index, params = self.layout.default
        value, action = self._actions.initial(index, params, DEFAULT_HANDLE)
        entity = p4r.Entity()
        entity.table_entry.table_id = self.layout.id
        entity.table_entry.is_default_action = True
        entity.table_entry.action.action.CopyFrom(action)
        return Entry(entity.SerializeToString(), value, action.action_id, const=self.layout.const_default)

    # The program's own entries

    def _install(self, entry: ConstEntry) -> None:
        entity = p4r.Entity()
        entity.table_entry.CopyFrom(checks.initial_entry(self.layout, entry))
        handle = self.direct.take()
        value, action = self._actions.initial(entry.action, entry.params, handle)
        entity.table_entry.action.action.CopyFrom(action)
        identity, masked = self._identity(entity.table_entry)
        const = entry.const or self.constant
        wire, priority = entity.SerializeToString(), entity.table_entry.priority
        self.entries[identity] = Entry(wire, value, action.action_id, priority, handle, const, masked)
        self._kernel.put(identity, self.entries[identity])
