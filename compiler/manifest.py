"""What a running switch must know of a compiled program: the layout of its maps.

The compiler writes it beside the object (see Bundle); switch/ reads it. All of it is plain data.

Byte layouts
  key      every key field in order, each big-endian in ceil(width/8) bytes, then zero padding up to key_size
  value    u32 action (1 + index in Table.actions; 0 = no entry), u32 handle, then the action's parameters,
           each little-endian at its own offset. Ternary values have s32 priority in front (see TernaryMaps).
  register element: little-endian in 1, 2, 4, 8 or a multiple of 8 bytes
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MANIFEST_VERSION = 1
CLONE_GROUP = 0x10000
LOOP_GROUP = 0x20000
LOOP_AND_PORT = 0x30000
LOOP_REPLICA_PORT = 0xFFFF
INDIRECT_SIZE = 16


class TableKind(Enum):
    """How a table is looked up in the kernel.

    HASH      the whole key: see BucketMaps; without these a kernel hash map
    LPM       prefixes of the key's bytes (exact fields first, the lpm field last): see TrieMaps; without these the
              kernel's LPM trie with u32 prefix length in bits, then the key bytes
    TERNARY   mask groups: see TernaryMaps; lpm, ternary, range and optional keys in any mix
    CODE      const entries compiled into the program; there is no map, and entries cannot be written
    KEYLESS   no key: only the default action
    """

    HASH = "hash"
    LPM = "lpm"
    TERNARY = "ternary"
    CODE = "code"
    KEYLESS = "keyless"


@dataclass(frozen=True)
class KeyField:
    """One key field: its P4Runtime match field id and name, its width in bits and its place in the key."""

    id: int
    name: str
    width: int
    kind: str
    offset: int
    size: int


@dataclass(frozen=True)
class ParamField:
    """One action parameter: its P4Runtime id, width in bits, and place in the value, from the value's start."""

    id: int
    name: str
    width: int
    offset: int
    size: int


@dataclass(frozen=True)
class ActionLayout:
    """An action of a table: its P4Runtime id; its position in TableLayout.actions + 1 is the action number."""

    id: int
    name: str
    params: tuple[ParamField, ...]


@dataclass(frozen=True)
class TernaryMaps:
    """The maps of a mask-group table.

    masks   ARRAY, 2 * max_groups elements: s32 max_priority, u32 entries, u8 mask[key_size]
    active  ARRAY, 1 element: u32 base (0 or max_groups), u32 count: the groups in use, by falling max_priority
    entries HASH, key: u32 group (index in masks), u8 masked_key[key_size]; value: s32 priority, then the value
    A writer fills the half of `masks` that is not in use and then switches `active`: a reader never sees a
    half-made change. A range key is expanded into prefixes by the writer.
    """

    masks: str
    active: str
    max_groups: int


@dataclass(frozen=True)
class TrieMaps:
    """The maps of a longest-prefix-match table in shared memory (docs/tables.md has the format).

    entries  ARRAY, mappable, lines of 64 bytes: the root of 1 << root_bits words of 64 bits, then the nodes
    values   ARRAY, mappable, by value number; number 0 is not used
    """

    values: str
    root_bits: int


@dataclass(frozen=True)
class BucketMaps:
    """The maps of an exact-match table in shared memory (docs/tables.md has the format).

    entries  ARRAY, mappable, by line: the seed, `buckets` lines of `slots` keys each, lines that continue full ones
    values   ARRAY, mappable, by value number; number 0 is not used
    """

    values: str
    buckets: int
    slots: int


@dataclass(frozen=True)
class ConstEntry:
    """An entry that the program itself gives: match fields as P4Runtime has them, for reads and for start-up.

    matches: per key field (value, mask_or_high_or_prefix_len); exact has (value, 0).
    """

    matches: tuple[tuple[int, int], ...]
    action: int
    params: tuple[int, ...]
    priority: int
    const: bool


@dataclass(frozen=True)
class TableLayout:
    """A table: P4Runtime id and name, its maps and layouts.

    `map` is empty for CODE and KEYLESS. `default_map` is an ARRAY whose element `default_index` is the value of the
    default action (empty when it is const and compiled in). `direct_counter` names the map indexed by an entry's
    handle, `direct_meter` is the id of a meter (see MeterLayout) or 0.
    `action_profile` is the id of the profile whose members the entries name, or 0.
    `hits` names a .bss section of u64 last-hit times (ns, CLOCK_MONOTONIC) by handle where the table has idle
    timeouts.
    """

    id: int
    name: str
    kind: TableKind
    map: str
    default_map: str
    size: int
    key_size: int
    value_size: int
    keys: tuple[KeyField, ...]
    actions: tuple[ActionLayout, ...]
    default: tuple[int, tuple[int, ...]]
    const_default: bool
    ternary: TernaryMaps | None = None
    entries: tuple[ConstEntry, ...] = ()
    direct_counter: str = ""
    direct_meter: int = 0
    hits: str = ""
    action_profile: int = 0
    default_index: int = 0
    trie: TrieMaps | None = None
    buckets: BucketMaps | None = None

    @property
    def entry_size(self) -> int:
        """The size of an entry's value: as ProfileLayout says in a table with a profile."""
        return INDIRECT_SIZE if self.action_profile else self.value_size


@dataclass(frozen=True)
class RegisterLayout:
    """A register array: a memory-mappable map of one value that holds `size` elements of element_size bytes.

    `locked` ones are read and written by Manifest.register_program, under the lock that packets take.
    """

    id: int
    name: str
    map: str
    width: int
    signed: bool
    size: int
    element_size: int
    locked: bool = False


@dataclass(frozen=True)
class CounterLayout:
    """A counter: a PERCPU_ARRAY of {u64 packets, u64 bytes}. Direct counters have `table` and size 0."""

    id: int
    name: str
    map: str
    unit: str
    size: int
    table: int = 0


@dataclass(frozen=True)
class DigestField:
    """One number of a digest: width in bits, and where its bytes are in the record, big-endian."""

    width: int
    signed: bool
    offset: int
    size: int


@dataclass(frozen=True)
class DigestLayout:
    """A digest. A record has `size` bytes: u32 position in Manifest.digests, then the leaves of its type."""

    id: int
    name: str
    size: int
    fields: tuple[DigestField, ...]


@dataclass(frozen=True)
class DigestMaps:
    """How digests leave the kernel.

    ring     RINGBUF of the records of all digests
    enabled  .bss section: u8 by position, whether anybody wants that digest
    lost     PERCPU_ARRAY of u64 by position: records that found no room in the ring
    """

    ring: str
    enabled: str
    lost: str


@dataclass(frozen=True)
class MeterLayout:
    """A meter: an ARRAY of struct meter; `marks`, an ARRAY of {u64 packets, u64 bytes} for each of three colours.

    struct meter: u32 lock, u32 configured, u64 last, then for the committed and the peak bucket u64 rate, fill_ns,
    burst, tokens (see backend/runtime/meters.h). `unit` is "packets" or "bytes". Direct meters have `table` and
    size 0; their index is the entry's handle.
    """

    id: int
    name: str
    map: str
    marks: str
    unit: str
    size: int
    table: int = 0


@dataclass(frozen=True)
class ProfileLayout:
    """An action profile or selector: .bss sections that the switch's process writes.

    members  u32 by member number: the number of its value, 0 for none
    values   value_size bytes by number: laid out as a table's value; number 0 stays zero
    groups   u64 by group number: the number of choices in the upper half, the first choice in the lower
    choices  u32 member numbers; a packet's hash modulo the number of choices decides
    Members, values and groups have `slots` numbers each. The last two are empty for an action profile. An entry of
    a table with a profile has a value of 16 bytes: u32 1 (a member) or 2 (a group), u32 handle, u32 number.
    """

    id: int
    name: str
    size: int
    selector: bool
    actions: tuple[ActionLayout, ...]
    value_size: int
    slots: int
    choice_slots: int
    members: str
    values: str
    groups: str
    choices: str


@dataclass(frozen=True)
class ValueSetLayout:
    """A parser value set. Fields lie at byte offsets of a key of `words` words of 64 bits, most significant first.

    active   .bss section of a u64: the number of members in the upper half, where they are in the lower
    map      HASH of 2 * size elements, for sets of exact fields: u64 generation (the lower half), the key; or empty
    members  .bss section of 2 * size members, for others: per word value and mask, or a range's low and high end:
             u64 first[words], u64 second[words]; the lower half is the first member in use; or empty
    """

    id: int
    name: str
    size: int
    words: int
    fields: tuple[KeyField, ...]
    active: str
    map: str
    members: str


@dataclass(frozen=True)
class PacketHeader:
    """The packet_in or packet_out header: (metadata id, name, width) in wire order, padding fields with id 0."""

    name: str
    fields: tuple[tuple[int, str, int], ...]


@dataclass(frozen=True)
class SwitchMaps:
    """The maps every program has.

    ports       .bss section: u16 port + 1 by ifindex (0: not a port), for ifindex < max_ifindex
    tx          DEVMAP by P4 port: unicast (ifindex, no program)
    groups      HASH_OF_MAPS, u32 multicast group -> DEVMAP of (ifindex, egress program), replicas in order
    replicas    HASH, {u32 group, u16 port, u16 nth} -> u32 port << 16 | egress_rid; absent when nothing reads it.
                With `copies_loop`, port is LOOP_REPLICA_PORT and nth counts all replicas of the group
    fans        HASH, u32 group -> {u32 copies, u32 most bytes or 0, u16 class of service, u16 number of the first
                replica, a bit for each port that has a replica}; only with a loop program
    stages      PROG_ARRAY: 0 the ingress program, 1 the loop program; only with a loop program
    drops       PERCPU_ARRAY of u64 by drop reason; `reasons` names them
    Empty names mean that the program needs no such map.
    """

    ports: str
    tx: str
    groups: str
    replicas: str
    drops: str
    reasons: tuple[str, ...]
    max_ifindex: int
    max_ports: int
    max_groups: int
    max_replicas: int
    fans: str = ""
    stages: str = ""
    copies_loop: bool = False


@dataclass(frozen=True)
class Manifest:
    """A compiled program. `ingress_program`, `egress_program` and `loop_program` are function names in the object.

    `egress_program` (expected attach type DEVMAP) runs per multicast copy; empty when copies need no change.
    `register_program`, where there is one, is run on frames that are requests: u32 position of a register in
    `registers`, u32 first element, u32 how many (up to 64), u32 1 to write and 0 to read, then the value, which
    takes register_words u64. It passes the frame with what it read, or drops it when the lock stayed busy.
    `loop_program` runs behind the switch's loop port, to which `groups` has the devices once and twice, under
    LOOP_GROUP + 1 and + 2, and once behind each port p under LOOP_AND_PORT + p (not with `copies_loop`); empty when
    no packet goes that way. Clone session n is group CLONE_GROUP + n. With
    `copies_loop` every copy of a group or session goes over the loop port, which gives it its port.
    """

    version: int
    source: str
    ingress_program: str
    egress_program: str
    cpu_port: int
    drop_port: int
    maps: SwitchMaps
    tables: tuple[TableLayout, ...] = ()
    registers: tuple[RegisterLayout, ...] = ()
    counters: tuple[CounterLayout, ...] = ()
    digests: tuple[DigestLayout, ...] = ()
    digest_maps: DigestMaps | None = None
    meters: tuple[MeterLayout, ...] = ()
    profiles: tuple[ProfileLayout, ...] = ()
    value_sets: tuple[ValueSetLayout, ...] = ()
    packet_in: PacketHeader | None = None
    packet_out: PacketHeader | None = None
    loop_program: str = ""
    register_program: str = ""
    register_words: int = 0
