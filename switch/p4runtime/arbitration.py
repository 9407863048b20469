"""Who is the primary controller of a role (specification, "Client Arbitration and Controller Replication").

Pure state: streams are opaque keys, and every change returns the notifications that it causes.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from finsy.proto import U128, p4r

from rackplane.switch.errors import Code, RequestError, invalid, not_found
from rackplane.switch.p4runtime.roles import FULL, Access, access_of

Stream = TypeVar("Stream", bound=Hashable)

DEFAULT_ROLE = ""
MAX_ROLES = 1024
MAX_ROLE_NAME = 256


@dataclass
class _Role(Generic[Stream]):
    """One role: the live streams with their election ids, the highest id ever seen, and who is primary."""

    name: str
    streams: dict[Stream, int | None] = field(default_factory=dict)
    highest: int | None = None
    primary: Stream | None = None
    config: p4r.Role | None = None
    access: Access = FULL


class Arbiter(Generic[Stream]):
    """The controllers of one device."""

    def __init__(self, device_id: int, max_streams: int) -> None:
        self._device_id = device_id
        self._max_streams = max_streams
        self._roles: dict[str, _Role[Stream]] = {}
        self._role_of: dict[Stream, str] = {}

    def update(
        self, stream: Stream, message: p4r.MasterArbitrationUpdate
    ) -> list[tuple[Stream, p4r.MasterArbitrationUpdate]]:
        """Handle a controller's message; a RequestError ends its stream."""
        role = self._join(stream, message)
        election_id = U128.decode(message.election_id) if message.HasField("election_id") else None
        taken = [s for s, e in role.streams.items() if s != stream and e is not None and e == election_id]
        try:
            if taken:
                raise invalid(f"election id {election_id} is already used by another controller of this role")
            others = {n: r.access for n, r in self._roles.items() if r.streams}
            access = access_of(message.role, others)
        except RequestError:
            if stream not in role.streams:
                self._role_of.pop(stream)
            raise
        role.streams[stream] = election_id
        return self._elect(role, stream, message, access)

    def leave(self, stream: Stream) -> list[tuple[Stream, p4r.MasterArbitrationUpdate]]:
        """Forget a stream that ended."""
        name = self._role_of.pop(stream, None)
        if name is None:
            return []
        role = self._roles[name]
        role.streams.pop(stream, None)
        if role.primary != stream:
            return []
        role.primary = None
        return self._notify(role, list(role.streams))

    def check_write(self, role_name: str, election_id: p4r.Uint128 | None) -> None:
        """Refuse a request that changes the device unless it comes from the role's primary."""
        role = self._roles.get(role_name)
        if role is None:
            if role_name != DEFAULT_ROLE:
                raise not_found(f"there is no role {role_name!r}")
            raise _not_primary("no controller has opened a stream and sent its election id")
        if role.primary is None:
            raise _not_primary("there is no primary controller at the moment")
        given = None if election_id is None else U128.decode(election_id)
        if given != role.streams[role.primary]:
            raise _not_primary(f"election id {given} is not the primary's, which is {role.streams[role.primary]}")

    def is_primary(self, stream: Stream) -> bool:
        """Whether this stream's controller is the primary of its role."""
        name = self._role_of.get(stream)
        return name is not None and self._roles[name].primary == stream

    def primaries(self) -> list[tuple[Stream, Access]]:
        """Return the stream of every role's primary, and what the role may do."""
        return [(role.primary, role.access) for role in self._roles.values() if role.primary is not None]

    def access(self, role_name: str) -> Access:
        """Return what a role may do: everything, as long as no primary has said otherwise."""
        role = self._roles.get(role_name)
        return role.access if role else FULL

    def _join(self, stream: Stream, message: p4r.MasterArbitrationUpdate) -> _Role[Stream]:
        name = message.role.name
        known = self._role_of.get(stream)
        if known is None:
            if message.device_id != self._device_id:
                raise not_found(f"there is no device {message.device_id}; this is device {self._device_id}")
            if len(name) > MAX_ROLE_NAME:
                raise invalid(f"the role's name has {len(name)} characters; at most {MAX_ROLE_NAME} are taken")
            if name not in self._roles and len(self._roles) >= MAX_ROLES:
                raise RequestError(Code.RESOURCE_EXHAUSTED, f"there are already {MAX_ROLES} roles")
            role = self._roles.setdefault(name, _Role(name))
            if len(self._role_of) >= self._max_streams:
                raise RequestError(Code.RESOURCE_EXHAUSTED, f"there are already {self._max_streams} controllers")
            self._role_of[stream] = name
            return role
        if message.device_id != self._device_id:
            raise RequestError(Code.FAILED_PRECONDITION, f"this stream belongs to device {self._device_id}")
        if name != known:
            raise RequestError(Code.FAILED_PRECONDITION, f"this stream belongs to role {known!r}: open another one")
        return self._roles[name]

    def _elect(
        self, role: _Role[Stream], stream: Stream, message: p4r.MasterArbitrationUpdate, access: Access
    ) -> list[tuple[Stream, p4r.MasterArbitrationUpdate]]:
        election_id = role.streams[stream]
        before = (role.primary, role.highest, role.config)
        if election_id is not None and (role.highest is None or election_id >= role.highest):
            role.primary, role.highest = stream, election_id
            role.config, role.access = message.role if message.HasField("role") else None, access
        elif role.primary == stream:
            role.primary = None
        changed = before != (role.primary, role.highest, role.config)
        return self._notify(role, list(role.streams) if changed else [stream])

    def _notify(
        self, role: _Role[Stream], streams: list[Stream]
    ) -> list[tuple[Stream, p4r.MasterArbitrationUpdate]]:
        """Tell backups before the primary, as the specification orders it."""
        ordered = sorted(streams, key=lambda s: s == role.primary)
        return [(stream, self._advice(role, stream)) for stream in ordered]

    def _advice(self, role: _Role[Stream], stream: Stream) -> p4r.MasterArbitrationUpdate:
        advice = p4r.MasterArbitrationUpdate(device_id=self._device_id)
        if role.config is not None:
            advice.role.CopyFrom(role.config)
        elif role.name:
            advice.role.name = role.name
        if role.highest is not None:
            advice.election_id.CopyFrom(U128.encode(role.highest))
        if role.primary is None:
            advice.status.code, advice.status.message = Code.NOT_FOUND, "there is no primary controller"
        elif role.primary != stream:
            advice.status.code, advice.status.message = Code.ALREADY_EXISTS, "another controller is the primary"
        else:
            advice.status.code, advice.status.message = Code.OK, "this controller is the primary"
        return advice


def _not_primary(why: str) -> RequestError:
    return RequestError(Code.PERMISSION_DENIED, f"only the primary controller may do this: {why}")
