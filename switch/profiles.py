"""Action profiles and selectors over P4Runtime: members, groups, and the one-shot sets of table entries."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence

from finsy.proto import p4i, p4r

from rackplane.compiler.manifest import ProfileLayout
from rackplane.switch import codec, shares
from rackplane.switch.actions import ActionCodecs
from rackplane.switch.errors import Code, RequestError, invalid, not_found
from rackplane.switch.portstates import PortStates
from rackplane.switch.profilememory import ProfileMemory
from rackplane.switch.shares import Group, Member, Share
from rackplane.switch.slots import Lowest

MAX_WEIGHT = 1 << 16
Target = Member | Group
_ENTRY = struct.Struct("<IIII")
_OF_MEMBER, _OF_GROUP = 1, 2
_NO_HANDLE = 0


class ActionProfile:
    """One profile of a running program."""

    def __init__(
        self,
        layout: ProfileLayout,
        info: p4i.ActionProfile,
        actions: ActionCodecs,
        memory: ProfileMemory,
        ports: PortStates,
    ) -> None:
        self.layout = layout
        self.name = layout.name
        self.members: dict[int, Member] = {}
        self.groups: dict[int, Group] = {}
        self._info = info
        self._actions = actions
        self._memory = memory
        self._ports = ports
        self._handles = Lowest()
        self._sets: dict[Group, None] = {}
        self._set_members = 0

    # Members

    def insert_member(self, entity: p4r.Entity) -> None:
        """INSERT a member."""
        message = entity.action_profile_member
        self._refuse_mix(bool(self._sets), "members and groups", "one-shot action sets")
        if not message.member_id:
            raise invalid("the member id is missing")
        if message.member_id in self.members:
            raise RequestError(Code.ALREADY_EXISTS, f"member {message.member_id} of {self.name} already exists")
        value = self._decode(message.action)
        self._check_room(1)
        member = Member(message.member_id, entity.SerializeToString(), value, self._memory.add_member(value), [])
        member.handles.append(self._handles.take())
        self.members[member.id] = member

    def modify_member(self, entity: p4r.Entity) -> None:
        """MODIFY a member: wherever it is used, packets meet its old action or the new one."""
        message = entity.action_profile_member
        member = self.member(message.member_id)
        self._set_member(member, self._decode(message.action), entity.SerializeToString())

    def delete_member(self, entity: p4r.Entity) -> None:
        """DELETE a member that nothing uses."""
        member = self.member(entity.action_profile_member.member_id)
        users = [f"group {group.id}" for group in member.weights]
        users += [f"{member.users} table entries"] if member.users else []
        if users:
            raise RequestError(
                Code.FAILED_PRECONDITION, f"member {member.id} of {self.name} is used by {' and '.join(users)}"
            )
        self._drop_member(member)

    def member(self, member_id: int) -> Member:
        """Return a member; NOT_FOUND."""
        if member_id not in self.members:
            raise not_found(f"there is no member {member_id} in {self.name}")
        return self.members[member_id]

    # Groups

    def insert_group(self, entity: p4r.Entity) -> None:
        """INSERT a group."""
        message = entity.action_profile_group
        self._need_selector("groups")
        self._refuse_mix(bool(self._sets), "members and groups", "one-shot action sets")
        if not message.group_id:
            raise invalid("the group id is missing")
        if message.group_id in self.groups:
            raise RequestError(Code.ALREADY_EXISTS, f"group {message.group_id} of {self.name} already exists")
        self._check_max_size(message.max_size)
        found = self._shares_of(message)
        group = Group(message.group_id, entity.SerializeToString(), self._memory.add_group(), message.max_size)
        try:
            self._set_shares(group, found)
        except RequestError:
            self._memory.drop_group(group.slot)
            raise
        self.groups[group.id] = group

    def modify_group(self, entity: p4r.Entity) -> None:
        """MODIFY a group: a packet chooses from the old members or from the new ones."""
        message = entity.action_profile_group
        group = self.group(message.group_id)
        if message.max_size != group.max_size:
            raise invalid(
                f"group {group.id} of {self.name} was inserted with max_size {group.max_size}; it cannot become "
                f"{message.max_size}"
            )
        self._set_shares(group, self._shares_of(message))
        group.wire = entity.SerializeToString()

    def delete_group(self, entity: p4r.Entity) -> None:
        """DELETE a group that no entry names."""
        group = self.group(entity.action_profile_group.group_id)
        if group.users:
            raise RequestError(
                Code.FAILED_PRECONDITION, f"group {group.id} of {self.name} is used by {group.users} table entries"
            )
        self._drop_group(group)

    def group(self, group_id: int) -> Group:
        """Return a group; NOT_FOUND."""
        if group_id not in self.groups:
            raise not_found(f"there is no group {group_id} in {self.name}")
        return self.groups[group_id]

    # Undoing

    def snapshot_member(self, member_id: int) -> Callable[[], None]:
        """Return what puts a member back to what it is now."""
        before = self.members.get(member_id)
        wire, value = (before.wire, before.value) if before else (b"", b"")

        def undo() -> None:
            now = self.members.get(member_id)
            if before is None:
                if now is not None:
                    self._drop_member(now)
            elif now is None:
                self._memory.restore_member(before.slot, value)
                before.handles.append(self._handles.take())
                self.members[member_id] = before
            else:
                self._set_member(before, value, wire)

        return undo

    def snapshot_group(self, group_id: int) -> Callable[[], None]:
        """Return what puts a group back to what it is now."""
        before = self.groups.get(group_id)
        wire, found = (before.wire, before.shares) if before else (b"", ())

        def undo() -> None:
            now = self.groups.get(group_id)
            if before is None:
                if now is not None:
                    self._drop_group(now)
                return
            if now is None:
                self._memory.restore_group(before.slot)
                self.groups[group_id] = before
            self._set_shares(before, found)
            before.wire = wire

        return undo

    # Table entries

    def resolve(self, action: p4r.TableAction) -> Target:
        """Return the member or group that an entry names, or a new group of the actions that it gives."""
        kind = action.WhichOneof("type")
        if kind is None:
            raise invalid("no action is given")
        if kind == "action":
            raise invalid(f"the table's actions are members of {self.name}: name one, or a group")
        if kind == "action_profile_action_set":
            self._need_selector("action sets")
            return self._new_set(action.action_profile_action_set)
        self._refuse_mix(bool(self._sets), "members and groups", "one-shot action sets")
        if kind == "action_profile_member_id":
            return self._named(self.members, "member", action.action_profile_member_id)
        self._need_selector("groups")
        return self._named(self.groups, "group", action.action_profile_group_id)

    def release(self, target: Target) -> None:
        """Forget a one-shot set that no entry has any more; others stay."""
        if isinstance(target, Group) and target in self._sets and not target.users:
            del self._sets[target]
            self._set_members -= len(target.shares)
            self._memory.drop_group(target.slot)
            for share in target.shares:
                self._memory.drop_member(share.member.slot)
                for handle in share.member.handles:
                    self._handles.give_back(handle)

    # Ports

    def ports_changed(self, ports: frozenset[int]) -> None:
        """Let groups choose anew that watch one of these ports."""
        for group in (*self.groups.values(), *self._sets):
            if any(share.watch in ports for share in group.shares):
                self._memory.set_group(group.slot, shares.choices(group, self._ports.is_up))

    # Reads

    def select_members(self, member_id: int) -> Iterable[bytes]:
        """Return one member if it is there, or all when the id is 0."""
        return [m.wire for m in self.members.values() if member_id in (0, m.id)]

    def select_groups(self, group_id: int) -> Iterable[bytes]:
        """Return one group if it is there, or all when the id is 0."""
        return [g.wire for g in self.groups.values() if group_id in (0, g.id)]

    # Details

    def _named(self, known: dict[int, Member] | dict[int, Group], what: str, number: int) -> Target:
        found = known.get(number)
        if found is None:
            raise invalid(f"there is no {what} {number} in {self.name}")
        return found

    def _decode(self, action: p4r.Action) -> bytes:
        return self._actions.decode(action, _NO_HANDLE)

    def _set_member(self, member: Member, value: bytes, wire: bytes) -> None:
        self._memory.set_member(member.slot, value)
        member.value, member.wire = value, wire

    def _drop_member(self, member: Member) -> None:
        self._memory.drop_member(member.slot)
        while member.handles:
            self._handles.give_back(member.handles.pop())
        del self.members[member.id]

    def _drop_group(self, group: Group) -> None:
        shares.assign(group, (), self._handles)
        self._memory.drop_group(group.slot)
        del self.groups[group.id]

    def _set_shares(self, group: Group, found: tuple[Share, ...]) -> None:
        before = group.shares
        shares.assign(group, found, self._handles)
        try:
            self._memory.set_group(group.slot, shares.choices(group, self._ports.is_up))
        except RequestError:
            shares.assign(group, before, self._handles)
            raise

    def _shares_of(self, message: p4r.ActionProfileGroup) -> tuple[Share, ...]:
        what = f"group {message.group_id} of {self.name}"
        found: dict[int, Share] = {}
        for each in message.members:
            if each.member_id in found:
                raise invalid(f"{what} has member {each.member_id} twice: give it a larger weight")
            watch = self._watch(each, what)
            found[each.member_id] = Share(self.member(each.member_id), _weight(each.weight, what), watch)
        self._check_size([s.weight for s in found.values()], message.max_size, what, Code.RESOURCE_EXHAUSTED)
        return tuple(found.values())

    def _new_set(self, message: p4r.ActionProfileActionSet) -> Group:
        self._refuse_mix(bool(self.members or self.groups), "one-shot action sets", "members and groups")
        what, given = f"an action set of {self.name}", message.action_profile_actions
        wanted = [(self._decode(a.action), _weight(a.weight, what), self._watch(a, what)) for a in given]
        self._check_size([weight for _, weight, _ in wanted], 0, what, Code.INVALID_ARGUMENT)
        self._check_room(len(wanted))
        group = Group(0, b"", self._memory.add_group())
        self._sets[group] = None
        self._set_members += len(wanted)
        found = []
        for number, (value, weight, watch) in enumerate(wanted, start=1):
            handles = [self._handles.take() for _ in range(weight)]
            found.append(Share(Member(number, b"", value, self._memory.add_member(value), handles), weight, watch))
        shares.assign(group, tuple(found), self._handles)
        try:
            self._memory.set_group(group.slot, shares.choices(group, self._ports.is_up))
        except RequestError:
            self.release(group)
            raise
        return group

    def _watch(self, share: p4r.ActionProfileGroup.Member | p4r.ActionProfileAction, what: str) -> int | None:
        """Return the port that a share watches; `watch` is what older controllers set."""
        if share.WhichOneof("watch_kind") == "watch":
            port = share.watch
        elif share.watch_port:
            port = codec.decode(share.watch_port, 32, f"the watch port of a member of {what}")
            share.watch_port = codec.encode(port)
        else:
            return None
        if not self._ports.exists(port):
            raise invalid(f"{what} watches port {port}, which the switch does not have")
        return port

    def _need_selector(self, what: str) -> None:
        if not self.layout.selector:
            raise invalid(f"{self.name} is an action profile: {what} belong to action selectors")

    def _refuse_mix(self, mixed: bool, wanted: str, present: str) -> None:
        if mixed:
            raise invalid(f"{self.name} is programmed with {present}: {wanted} cannot be used beside them")

    def _check_room(self, count: int) -> None:
        if len(self.members) + self._set_members + count > self.layout.size:
            raise RequestError(Code.RESOURCE_EXHAUSTED, f"{self.name} is full: it holds {self.layout.size} members")

    def _check_max_size(self, max_size: int) -> None:
        limit = self._info.max_group_size
        if max_size < 0 or (limit and max_size > limit):
            raise invalid(f"max_size is {max_size}; groups of {self.name} hold up to {limit or 'any number'}")
        if max_size > self.layout.choice_slots:
            raise RequestError(
                Code.RESOURCE_EXHAUSTED,
                f"max_size is {max_size}; the groups of {self.name} have {self.layout.choice_slots} choices in all",
            )

    def _check_size(self, weights: Sequence[int], max_size: int, what: str, code: Code) -> None:
        """Check what a group holds, by the semantics that the program gives to sizes."""
        by_members = self._info.HasField("sum_of_members")
        if sum(weights) > self.layout.choice_slots:
            raise RequestError(
                Code.RESOURCE_EXHAUSTED,
                f"{what} has {sum(weights)} shares; all groups of {self.name} have {self.layout.choice_slots}",
            )
        size, limit = len(weights) if by_members else sum(weights), max_size or self._info.max_group_size
        if limit and size > limit:
            raise RequestError(code, f"{what} has {size} {'members' if by_members else 'shares'}; it holds {limit}")
        heaviest = self._info.sum_of_members.max_member_weight if by_members else 0
        if heaviest and any(weight > heaviest for weight in weights):
            raise invalid(f"{what} has a member of weight {max(weights)}; weights are up to {heaviest}")


def entry_value(target: Target, handle: int) -> bytes:
    """Return the kernel's value of an entry that names a member or a group."""
    return _ENTRY.pack(_OF_GROUP if isinstance(target, Group) else _OF_MEMBER, handle, target.slot, 0)


def _weight(weight: int, what: str) -> int:
    if weight < 1:
        raise invalid(f"a member of {what} has weight {weight}; weights are above zero")
    if weight > MAX_WEIGHT:
        raise RequestError(
            Code.RESOURCE_EXHAUSTED, f"a member of {what} has weight {weight}; up to {MAX_WEIGHT} fit"
        )
    return weight
