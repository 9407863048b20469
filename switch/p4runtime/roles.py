"""What a role may do (spec, "Role Config").

The specification leaves the form of role.config open; here it is Stratum's P4RoleConfig, which finsy brings along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from finsy.proto import p4r, stratum
from google.protobuf.message import DecodeError

from rackplane.switch.errors import Code, RequestError, invalid

_ENTITY_IDS: dict[str, Callable[[p4r.Entity], int]] = {
    "table_entry": lambda e: e.table_entry.table_id,
    "direct_counter_entry": lambda e: e.direct_counter_entry.table_entry.table_id,
    "direct_meter_entry": lambda e: e.direct_meter_entry.table_entry.table_id,
    "counter_entry": lambda e: e.counter_entry.counter_id,
    "meter_entry": lambda e: e.meter_entry.meter_id,
    "register_entry": lambda e: e.register_entry.register_id,
    "digest_entry": lambda e: e.digest_entry.digest_id,
    "value_set_entry": lambda e: e.value_set_entry.value_set_id,
    "action_profile_member": lambda e: e.action_profile_member.action_profile_id,
    "action_profile_group": lambda e: e.action_profile_group.action_profile_id,
}


@dataclass(frozen=True)
class Access:
    """What a role may do; `ids` are the P4 objects in its reach, None is all of them.

    The packet replication engine has no id: every role may write it.
    """

    ids: frozenset[int] | None = None
    exclusive: frozenset[int] = frozenset()
    packet_ins: bool = True
    packet_filter: tuple[int, bytes] | None = None
    push_pipeline: bool = True

    def reaches(self, p4_id: int) -> bool:
        """Whether an object is in the role's reach."""
        return self.ids is None or p4_id in self.ids

    def sees(self, entity: p4r.Entity) -> bool:
        """Whether an entity is in the role's reach."""
        kind = entity.WhichOneof("entity")
        return self.ids is None or kind not in _ENTITY_IDS or _ENTITY_IDS[kind](entity) in self.ids

    def wants_packet(self, metadata: Iterable[p4r.PacketMetadata]) -> bool:
        """Whether a packet with this metadata goes to the role's primary."""
        if not self.packet_ins or self.packet_filter is None:
            return self.packet_ins
        return any((m.metadata_id, m.value) == self.packet_filter for m in metadata)

    def check(self, entity: p4r.Entity) -> None:
        """Refuse an entity out of the role's reach; PERMISSION_DENIED."""
        if self.ids is not None and not self.sees(entity):
            p4_id = _ENTITY_IDS[entity.WhichOneof("entity") or ""](entity)
            raise RequestError(Code.PERMISSION_DENIED, f"object {p4_id} ({p4_id:#010x}) is not in the role's reach")


FULL = Access()


def access_of(role: p4r.Role, others: Mapping[str, Access]) -> Access:
    """Read the config of a role, given those of the other roles; INVALID_ARGUMENT."""
    if not role.HasField("config"):
        return FULL
    config = stratum.P4RoleConfig()
    if not role.config.Is(config.DESCRIPTOR) or not _unpack(role, config):
        raise invalid(
            f"the config of role {role.name!r} is a {role.config.type_url or 'message without type'}; "
            f"this server reads {config.DESCRIPTOR.full_name}"
        )
    if not role.name:
        raise invalid("the default role has access to everything: a config needs a role with a name")
    exclusive, shared = frozenset(config.exclusive_p4_ids), frozenset(config.shared_p4_ids)
    _check_conflicts(role.name, exclusive, shared, others)
    wanted = config.packet_in_filter
    return Access(
        exclusive | shared,
        exclusive,
        config.receives_packet_ins,
        (wanted.metadata_id, wanted.value.lstrip(b"\0") or b"\0") if config.HasField("packet_in_filter") else None,
        config.can_push_pipeline,
    )


def _unpack(role: p4r.Role, config: stratum.P4RoleConfig) -> bool:
    try:
        return role.config.Unpack(config)
    except DecodeError:
        return False


def _check_conflicts(
    name: str, exclusive: frozenset[int], shared: frozenset[int], others: Mapping[str, Access]
) -> None:
    both = exclusive & shared
    if both:
        raise invalid(f"role {name!r} has object {min(both)} as exclusive and as shared")
    for other, access in others.items():
        taken = (access.exclusive & (exclusive | shared)) | ((access.ids or frozenset()) & exclusive)
        if other != name and taken:
            raise invalid(f"object {min(taken)} of role {name!r} is in the reach of role {other!r}")
