"""A manifest against the object it came with: both may come over the network, and must agree before use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from finsy.proto import p4i

from rackplane.compiler.backend.trieplan import LINE_BYTES, MAX_KEY_BYTES
from rackplane.compiler.manifest import (
    MANIFEST_VERSION,
    BucketMaps,
    KeyField,
    Manifest,
    SwitchMaps,
    TableKind,
    TableLayout,
    TrieMaps,
)
from rackplane.switch.errors import BundleError
from rackplane.switch.fanout import fan_size
from rackplane.switch.libbpf import BPF_F_MMAPABLE, MapInfo, MapType
from rackplane.switch.meters import MARKS_SIZE, METER_SIZE

MAX_KEY_WIDTH = 2048
MAX_KEY_SIZE = 1 << 12
MAX_VALUE_SIZE = 1 << 16
MAX_SIZE = 1 << 26
COUNTER_SIZE = 16
MAX_ROOT_BITS = 24
MAX_SLOTS = 8
MAX_LINES = 1 << 24
MAX_BUCKET_KEY = 128
MIN_NODES = 64


class Checker:
    """Looks maps up by name and compares them with what the manifest claims."""

    def __init__(self, maps: dict[str, MapInfo]) -> None:
        self._maps = maps

    def map(self, name: str, kind: MapType, purpose: str) -> MapInfo:
        """Return a map of this type; BundleError."""
        info = self._maps.get(name)
        if info is None:
            raise BundleError(f"{purpose}: the object has no map {name!r}")
        if info.type != kind:
            raise BundleError(f"{purpose}: map {info} is not of type {kind.name}")
        return info

    def sized(self, name: str, kind: MapType, purpose: str, key: int, value: int, entries: int) -> MapInfo:  # noqa: PLR0913,PLR0917
        """Return a map of exactly these key and value sizes, with room for at least `entries`."""
        info = self.map(name, kind, purpose)
        if (info.key_size, info.value_size) != (key, value) or info.max_entries < entries:
            raise BundleError(f"{purpose}: map {info} should have key {key} B, value {value} B, {entries} entries")
        return info

    def shared(self, name: str, purpose: str) -> MapInfo:
        """Return an array that can be mapped into this process."""
        info = self.map(name, MapType.ARRAY, purpose)
        if not info.flags & BPF_F_MMAPABLE:
            raise BundleError(f"{purpose}: map {info} cannot be mapped into memory")
        return info

    def memory(self, name: str, size: int, purpose: str) -> None:
        """Check a map of one value that can be mapped into this process."""
        info = self.map(name, MapType.ARRAY, purpose)
        if info.max_entries != 1 or info.value_size < size or not info.flags & BPF_F_MMAPABLE:
            raise BundleError(f"{purpose}: map {info} should be one mappable value of at least {size} bytes")


def check_manifest(manifest: Manifest, maps: dict[str, MapInfo]) -> None:
    """Raise BundleError when the manifest names maps that the object has not, or has differently."""
    if manifest.version != MANIFEST_VERSION:
        raise BundleError(
            f"the manifest has version {manifest.version}, this switch reads {MANIFEST_VERSION}: compile again"
        )
    checker = Checker(maps)
    _check_switch_maps(manifest.maps, checker)
    _check_distinct((t.id for t in manifest.tables), "table")
    _check_distinct((r.id for r in manifest.registers), "register")
    _check_distinct((c.id for c in manifest.counters), "counter")
    if not 0 <= manifest.register_words <= MAX_VALUE_SIZE // 8:
        raise BundleError(f"register elements of {manifest.register_words} words make no sense")
    for table in manifest.tables:
        _check_table(table, checker)
    for register in manifest.registers:
        purpose = f"register {register.name}"
        if register.size < 1 or register.element_size < 1 or not 0 < register.width <= 8 * register.element_size:
            raise BundleError(f"{purpose}: {register.size} elements of {register.element_size} bytes make no sense")
        checker.memory(register.map, register.size * register.element_size, purpose)
        if register.locked and not (
            manifest.register_program and register.element_size <= 8 * manifest.register_words
        ):
            raise BundleError(f"{purpose} is locked, but there is no program that takes the lock for its elements")
    _check_digests(manifest, checker)
    for counter in manifest.counters:
        if not 0 <= counter.size <= MAX_SIZE:
            raise BundleError(f"counter {counter.name}: a size of {counter.size} makes no sense")
        checker.sized(
            counter.map, MapType.PERCPU_ARRAY, f"counter {counter.name}", 4, COUNTER_SIZE, max(counter.size, 1)
        )
    _check_meters(manifest, checker)
    _check_profiles(manifest, checker)
    _check_value_sets(manifest, checker)


def _check_meters(manifest: Manifest, checker: Checker) -> None:
    _check_distinct((m.id for m in manifest.meters), "meter")
    _check_distinct((m.table for m in manifest.meters if m.table), "direct meter of table")
    sizes = {t.id: t.size + 1 for t in manifest.tables if t.direct_meter}
    for meter in manifest.meters:
        purpose = f"meter {meter.name}"
        size = sizes.get(meter.table, -1) if meter.table else meter.size
        if not 0 <= size <= MAX_SIZE or meter.unit not in ("packets", "bytes"):
            raise BundleError(f"{purpose}: a size of {size} or the unit {meter.unit!r} makes no sense")
        checker.sized(meter.map, MapType.ARRAY, purpose, 4, METER_SIZE, max(size, 1))
        checker.sized(meter.marks, MapType.ARRAY, f"{purpose}, marks", 4, MARKS_SIZE, max(size, 1))


def _check_profiles(manifest: Manifest, checker: Checker) -> None:
    known = {p.id: p for p in manifest.profiles}
    _check_distinct((p.id for p in manifest.profiles), "action profile")
    for profile in manifest.profiles:
        purpose, slots = f"action profile {profile.name}", profile.slots
        sizes = 0 < profile.size < slots <= MAX_SIZE and 0 <= profile.choice_slots <= MAX_SIZE
        if not sizes or not 8 <= profile.value_size <= MAX_VALUE_SIZE:
            raise BundleError(f"{purpose}: {slots} members of {profile.value_size} bytes make no sense")
        checker.memory(profile.members, 4 * slots, purpose)
        checker.memory(profile.values, profile.value_size * slots, purpose)
        if profile.selector:
            checker.memory(profile.groups, 8 * slots, purpose)
            checker.memory(profile.choices, 4 * profile.choice_slots, purpose)
    for table in manifest.tables:
        used = known.get(table.action_profile)
        if table.action_profile and (
            used is None or (used.actions, used.value_size) != (table.actions, table.value_size)
        ):
            raise BundleError(f"table {table.name}: its action profile {table.action_profile} is not one that fits")
        if table.action_profile and table.entries:
            raise BundleError(f"table {table.name}: initial entries cannot name members of an action profile")


def _check_value_sets(manifest: Manifest, checker: Checker) -> None:
    _check_distinct((v.id for v in manifest.value_sets), "value set")
    for each in manifest.value_sets:
        purpose, size = f"value set {each.name}", 8 * each.words
        if not 0 < each.size <= MAX_SIZE or sum(f.size for f in each.fields) != size or not size:
            raise BundleError(f"{purpose}: {each.size} members of {each.words} words make no sense")
        if any(not 0 < f.width <= 8 * f.size or f.size % 8 for f in each.fields):
            raise BundleError(f"{purpose}: its fields do not fit into words")
        checker.memory(each.active, 8, purpose)
        if each.map:
            checker.sized(each.map, MapType.HASH, purpose, 8 + size, 8, 2 * each.size)
        if each.members:
            checker.memory(each.members, 2 * each.size * 2 * size, purpose)


def _check_switch_maps(maps: SwitchMaps, checker: Checker) -> None:
    checker.memory(maps.ports, 2 * maps.max_ifindex, "the port table")
    tx = checker.map(maps.tx, MapType.DEVMAP, "unicast output")
    if tx.key_size != 4 or tx.value_size not in (4, 8) or tx.max_entries < maps.max_ports:
        raise BundleError(f"unicast output: map {tx} should hold {maps.max_ports} ports")
    if maps.groups:
        checker.map(maps.groups, MapType.HASH_OF_MAPS, "multicast groups")
    if maps.replicas:
        checker.sized(maps.replicas, MapType.HASH, "replicas", 8, 4, 1)
    if maps.fans:
        checker.sized(maps.fans, MapType.HASH, "numbers of copies", 4, fan_size(maps.max_ports), 1)
    if maps.stages:
        checker.sized(maps.stages, MapType.PROG_ARRAY, "programs that call one another", 4, 4, 2)
    if maps.drops:
        checker.sized(maps.drops, MapType.PERCPU_ARRAY, "drop counters", 4, 8, len(maps.reasons))


def _check_digests(manifest: Manifest, checker: Checker) -> None:
    maps, count = manifest.digest_maps, len(manifest.digests)
    _check_distinct((d.id for d in manifest.digests), "digest")
    if (maps is None) != (count == 0):
        raise BundleError("the manifest has digests without maps for them, or maps without digests")
    if maps is None:
        return
    checker.map(maps.ring, MapType.RINGBUF, "the ring of digests")
    checker.memory(maps.enabled, count, "the digests that are wanted")
    checker.sized(maps.lost, MapType.PERCPU_ARRAY, "lost digests", 4, 8, count)
    for digest in manifest.digests:
        for field in digest.fields:
            fits = 0 < field.width <= 8 * field.size and 4 <= field.offset <= digest.size - field.size
            if not fits or digest.size > MAX_VALUE_SIZE:
                raise BundleError(f"digest {digest.name}: {field} does not fit into {digest.size} bytes")


def _check_table(table: TableLayout, checker: Checker) -> None:
    purpose = f"table {table.name}"
    if not (0 <= table.key_size <= MAX_KEY_SIZE and 8 <= table.value_size <= MAX_VALUE_SIZE):
        raise BundleError(
            f"{purpose}: keys of {table.key_size} and values of {table.value_size} bytes make no sense"
        )
    if not 0 <= table.size <= MAX_SIZE:
        raise BundleError(f"{purpose}: a size of {table.size} entries makes no sense")
    _check_key(table)
    _check_entries(table, checker)
    if table.default_map:
        defaults = checker.map(table.default_map, MapType.ARRAY, f"{purpose}, default action")
        if defaults.value_size < table.value_size or not 0 <= table.default_index < defaults.max_entries:
            raise BundleError(
                f"{purpose}, default action: map {defaults} has no element {table.default_index} for it"
            )
    if not 0 <= table.default[0] < len(table.actions):
        raise BundleError(f"{purpose}: the default action {table.default[0]} is not one of {len(table.actions)}")
    for entry in table.entries:
        known = 0 <= entry.action < len(table.actions) and len(entry.matches) == len(table.keys)
        if not known or any(number < 0 for match in entry.matches for number in match):
            raise BundleError(f"{purpose}: an initial entry does not fit the table: {entry}")
    if table.hits:
        checker.memory(table.hits, 8 * (table.size + 1), f"{purpose}, last hits")
    if table.direct_counter:
        name, entries = table.direct_counter, table.size + 1
        checker.sized(name, MapType.PERCPU_ARRAY, f"{purpose}, direct counter", 4, COUNTER_SIZE, entries)


def lpm_key_size(table: TableLayout) -> int:
    """The size of an LPM trie's key: the u32 prefix length and the key's bytes, as a C struct rounds them up."""
    return 4 + (table.key_size + 3) // 4 * 4


def _check_entries(table: TableLayout, checker: Checker) -> None:
    """Check the maps that a table's entries are in."""
    purpose = f"table {table.name}"
    if table.buckets is not None:
        _check_buckets(table, table.buckets, checker)
    elif table.trie is not None:
        _check_trie(table, table.trie, checker)
    elif table.kind is TableKind.HASH:
        checker.sized(table.map, MapType.HASH, purpose, table.key_size, table.entry_size, table.size)
    elif table.kind is TableKind.LPM:
        size = lpm_key_size(table)
        checker.sized(table.map, MapType.LPM_TRIE, purpose, size, table.entry_size, table.size)
    elif table.kind is TableKind.TERNARY:
        _check_ternary(table, checker)


def _check_buckets(table: TableLayout, buckets: BucketMaps, checker: Checker) -> None:
    purpose = f"table {table.name}"
    if table.kind is not TableKind.HASH or table.key_size % 4 or not 4 <= table.key_size <= MAX_BUCKET_KEY:
        raise BundleError(
            f"{purpose}: a {table.kind.value} table with keys of {table.key_size} bytes has no buckets"
        )
    lines = checker.shared(table.map, purpose)
    used = 8 + buckets.slots * (table.key_size + 4)
    if not 1 <= buckets.slots <= MAX_SLOTS or lines.value_size % 8 or used > lines.value_size:
        raise BundleError(f"{purpose}: {buckets.slots} slots in a line of map {lines} make no sense")
    if not 1 <= buckets.buckets < lines.max_entries <= MAX_LINES:
        raise BundleError(f"{purpose}: {buckets.buckets} buckets in map {lines} make no sense")
    _check_values(table, buckets.values, checker)


def _check_values(table: TableLayout, name: str, checker: Checker) -> None:
    purpose, wanted = f"table {table.name}", table.size + 2
    values = checker.shared(name, f"{purpose}, values")
    if values.value_size != table.entry_size or not wanted <= values.max_entries <= MAX_LINES:
        raise BundleError(f"{purpose}: map {values} should hold {wanted} values of {table.entry_size} bytes")


def _check_trie(table: TableLayout, trie: TrieMaps, checker: Checker) -> None:
    purpose = f"table {table.name}"
    if table.kind is not TableKind.LPM or not 1 <= table.key_size <= MAX_KEY_BYTES:
        raise BundleError(f"{purpose}: a {table.kind.value} table with keys of {table.key_size} bytes has no trie")
    if not 1 <= trie.root_bits <= MAX_ROOT_BITS:
        raise BundleError(f"{purpose}: a root of {trie.root_bits} bits makes no sense")
    lines = checker.shared(table.map, purpose)
    least = (1 << trie.root_bits) * 8 // LINE_BYTES + MIN_NODES
    if lines.value_size != LINE_BYTES or not least <= lines.max_entries <= MAX_LINES:
        raise BundleError(f"{purpose}: map {lines} has no room for a root of {trie.root_bits} bits")
    _check_values(table, trie.values, checker)


def _check_ternary(table: TableLayout, checker: Checker) -> None:
    purpose, ternary = f"table {table.name}", table.ternary
    if ternary is None or ternary.max_groups < 1:
        raise BundleError(f"{purpose}: a ternary table needs mask groups")
    entries = checker.map(table.map, MapType.HASH, purpose)
    if entries.key_size < 4 + table.key_size or entries.value_size < 4 + table.entry_size:
        raise BundleError(f"{purpose}: map {entries} is too small for keys of {table.key_size} bytes")
    masks = checker.map(ternary.masks, MapType.ARRAY, f"{purpose}, masks")
    if masks.max_entries < 2 * ternary.max_groups or masks.value_size < 8 + table.key_size:
        raise BundleError(f"{purpose}: map {masks} is too small for {ternary.max_groups} groups")
    checker.sized(ternary.active, MapType.ARRAY, f"{purpose}, groups in use", 4, 8, 1)


def _check_key(table: TableLayout) -> None:
    for field in table.keys:
        fits = 0 < field.width <= MAX_KEY_WIDTH and field.size == -(-field.width // 8)
        if not fits or not 0 <= field.offset <= table.key_size - field.size:
            raise BundleError(f"table {table.name}: key field {field} does not fit into {table.key_size} bytes")
    _check_distinct((field.id for field in table.keys), f"table {table.name}: key field")
    _check_distinct((action.id for action in table.actions), f"table {table.name}: action")


def _check_distinct(ids: Iterable[int], what: str) -> None:
    seen: set[int] = set()
    for number in ids:
        if number in seen:
            raise BundleError(f"{what} {number} is there twice")
        seen.add(number)


def tables_by_id(manifest: Manifest, p4info: p4i.P4Info) -> Iterator[tuple[TableLayout, p4i.Table]]:
    """Pair each table's layout with its P4Info; BundleError when they are not of the same program."""
    infos = {t.preamble.id: t for t in p4info.tables}
    if infos.keys() != {t.id for t in manifest.tables}:
        raise BundleError("the P4Info has other tables than the device config: they come from different programs")
    for table in manifest.tables:
        info = infos[table.id]
        if not _same_keys(table, info, _translated(p4info)):
            raise BundleError(f"the P4Info has other match fields for table {table.name} than the device config")
        if {ref.id for ref in info.action_refs} - {a.id for a in table.actions}:
            raise BundleError(f"the P4Info has other actions for table {table.name} than the device config")
        yield table, info
    profiles = {p.preamble.id for p in p4info.action_profiles}
    if not profiles >= {p.id for p in manifest.profiles}:
        raise BundleError("the P4Info has other action profiles than the device config")


def _translated(p4info: p4i.P4Info) -> frozenset[str]:
    """The types whose values have another width for the control plane (P4Runtime 1.4, section 8.4.6)."""
    new_types = p4info.type_info.new_types.items()
    return frozenset(name for name, each in new_types if each.HasField("translated_type"))


def _same_keys(table: TableLayout, info: p4i.Table, translated: frozenset[str]) -> bool:
    keys = _by_id(table.keys, info)
    if [m.id for m in info.match_fields] != [k.id for k in keys]:
        return False
    pairs = zip(info.match_fields, keys, strict=True)
    return all(m.bitwidth == k.width or m.type_name.name in translated for m, k in pairs)


def _by_id(keys: tuple[KeyField, ...], info: p4i.Table) -> list[KeyField]:
    order = {m.id: i for i, m in enumerate(info.match_fields)}
    return sorted(keys, key=lambda k: order.get(k.id, len(order)))
