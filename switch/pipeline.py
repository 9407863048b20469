"""A compiled program in the kernel, with its tables, registers, counters and groups by P4Runtime id."""

from __future__ import annotations

from dataclasses import dataclass, field

from finsy.proto import p4i

from rackplane.compiler.manifest import Manifest, MeterLayout, ProfileLayout, TableKind, TableLayout
from rackplane.switch import digests, loader, valuesets
from rackplane.switch.actions import ActionCodecs
from rackplane.switch.buckets import bucket_table
from rackplane.switch.counters import DirectCounters, IndexedCounter
from rackplane.switch.digests import Digests
from rackplane.switch.direct import DirectResources
from rackplane.switch.errors import BundleError, SwitchError
from rackplane.switch.fanout import Devices, Fanouts
from rackplane.switch.guards import Guards
from rackplane.switch.idle import IdleTimers
from rackplane.switch.kerneltables import DirectMap, KernelTable, NoMap
from rackplane.switch.loader import LoadedObject, ProgramNames
from rackplane.switch.lockedregisters import LockedAccess
from rackplane.switch.maps import PerCpuCounters, SharedMemory
from rackplane.switch.maskgroups import MaskGroups
from rackplane.switch.meters import IndexedMeter, MeterCells
from rackplane.switch.packetheaders import ControllerHeader
from rackplane.switch.portstates import PortStates
from rackplane.switch.profilememory import ProfileMemory
from rackplane.switch.profiles import ActionProfile
from rackplane.switch.registers import RegisterArray
from rackplane.switch.replication import CloneSessions, MulticastGroups, ReplicationEntries
from rackplane.switch.tables import Table, TableParts
from rackplane.switch.trie import trie_table
from rackplane.switch.validate import check_manifest, tables_by_id
from rackplane.switch.valuesets import ValueSet


@dataclass
class Pipeline:
    """Everything of one program. close() lets the kernel drop what no port runs any more."""

    manifest: Manifest
    p4info: p4i.P4Info
    loaded: LoadedObject
    groups: MulticastGroups
    sessions: CloneSessions
    packet_in: ControllerHeader
    packet_out: ControllerHeader
    digests: Digests
    tables: dict[int, Table]
    guards: Guards
    counters: dict[int, IndexedCounter] = field(default_factory=dict)
    meters: dict[int, IndexedMeter] = field(default_factory=dict)
    profiles: dict[int, ActionProfile] = field(default_factory=dict)
    value_sets: dict[int, ValueSet] = field(default_factory=dict)
    port_states: PortStates = field(default_factory=lambda: PortStates({}))
    registers: dict[int, RegisterArray] = field(default_factory=dict)
    drops: PerCpuCounters | None = None

    def ports_changed(self) -> None:
        """Look at the ports that members of groups watch; those that are down are not chosen."""
        changed = self.port_states.refresh()
        if changed:
            for profile in self.profiles.values():
                profile.ports_changed(changed)

    def drop_counts(self) -> dict[str, int]:
        """Return how many frames were dropped, by reason."""
        reasons = self.manifest.maps.reasons
        if self.drops is None or not reasons:
            return {}
        return dict(zip(reasons, self.drops.read(0, len(reasons))[:, 0].tolist(), strict=True))

    def replication_entries(self, kind: str | None) -> ReplicationEntries | None:
        """Return the entries that a member of PacketReplicationEngineEntry's oneof stands for."""
        entries: dict[str, ReplicationEntries] = {
            "multicast_group_entry": self.groups,
            "clone_session_entry": self.sessions,
        }
        return entries.get(kind or "")

    def use_egress(self, program_fd: int) -> None:
        """Let every copy that leaves run another egress program from now on."""
        self.groups.use_egress(program_fd)
        self.sessions.use_egress(program_fd)

    def close(self) -> None:
        """Drop the references to maps and programs."""
        self.digests.close()
        self.loaded.close()


def check(image: bytes, manifest: Manifest, p4info: p4i.P4Info) -> None:
    """Raise BundleError when the three do not belong together; the kernel is not asked."""
    opened = loader.open_object(image, program_names(manifest))
    try:
        check_manifest(manifest, opened.maps)
        list(tables_by_id(manifest, p4info))
    finally:
        opened.close()


def load(image: bytes, manifest: Manifest, p4info: p4i.P4Info, devices: Devices) -> Pipeline:
    """Load a program, with its initial entries; no port runs it yet. Raise BundleError or VerifierError."""
    opened = loader.open_object(image, program_names(manifest))
    try:
        check_manifest(manifest, opened.maps)
        pairs = list(tables_by_id(manifest, p4info))
        loaded = loader.load(opened, program_names(manifest))
        pipeline = _build(manifest, p4info, loaded, devices)
        for layout, info in pairs:
            profile = pipeline.profiles.get(layout.action_profile)
            pipeline.tables[layout.id] = _table(layout, info, manifest, loaded, profile)
    except (SwitchError, ValueError) as e:
        opened.close()
        if isinstance(e, SwitchError):
            raise
        raise BundleError(f"the manifest is malformed: {e}") from e
    return pipeline


def _build(manifest: Manifest, p4info: p4i.P4Info, loaded: LoadedObject, devices: Devices) -> Pipeline:
    tables: dict[int, Table] = {}
    profiles: dict[int, ActionProfile] = {}
    fanouts = Fanouts(manifest.maps, loaded, devices)
    groups = MulticastGroups(manifest.maps, fanouts)
    put_stages(manifest, loaded)
    pipeline = Pipeline(
        manifest=manifest,
        p4info=p4info,
        loaded=loaded,
        groups=groups,
        sessions=CloneSessions(manifest.maps, fanouts),
        tables=tables,
        profiles=profiles,
        guards=Guards(p4info, tables, profiles, groups),
        packet_in=ControllerHeader(manifest.packet_in),
        packet_out=ControllerHeader(manifest.packet_out),
        digests=digests.build(manifest, p4info, loaded),
    )
    if manifest.maps.drops:
        pipeline.drops = PerCpuCounters(loaded.map(manifest.maps.drops))
    for counter in manifest.counters:
        if not counter.table:
            cells = PerCpuCounters(loaded.map(counter.map))
            pipeline.counters[counter.id] = IndexedCounter(counter, cells)
    for meter in manifest.meters:
        if not meter.table:
            pipeline.meters[meter.id] = IndexedMeter(meter, _meter_cells(meter, loaded))
    pipeline.port_states = PortStates(devices.ports)
    for profile in manifest.profiles:
        pipeline.profiles[profile.id] = _profile(profile, p4info, loaded, pipeline.port_states)
    for value_set in manifest.value_sets:
        pipeline.value_sets[value_set.id] = valuesets.build(value_set, loaded.map)
    for position, register in enumerate(manifest.registers):
        access = LockedAccess(manifest, position, loaded.registers_fd) if register.locked else None
        pipeline.registers[register.id] = RegisterArray(register, SharedMemory(loaded.map(register.map)), access)
    return pipeline


def _profile(layout: ProfileLayout, p4info: p4i.P4Info, loaded: LoadedObject, ports: PortStates) -> ActionProfile:
    info = next(p for p in p4info.action_profiles if p.preamble.id == layout.id)
    scopes = {ref.id: ref.scope for table in p4info.tables if table.implementation_id == layout.id
              for ref in table.action_refs}  # fmt: skip
    names = filter(None, (layout.members, layout.values, layout.groups, layout.choices))
    memory = ProfileMemory(layout, {name: SharedMemory(loaded.map(name)) for name in names})
    return ActionProfile(layout, info, ActionCodecs(layout, scopes), memory, ports)


def _table(
    layout: TableLayout, info: p4i.Table, manifest: Manifest, loaded: LoadedObject, profile: ActionProfile | None
) -> Table:
    counters = None
    if layout.direct_counter:
        counters = DirectCounters(PerCpuCounters(loaded.map(layout.direct_counter)))
    meter = next((m for m in manifest.meters if m.table == layout.id), None)
    meters = _meter_cells(meter, loaded) if meter else None
    idle = IdleTimers(SharedMemory(loaded.map(layout.hits)).words(8, layout.size + 1)) if layout.hits else None
    default_map = loaded.map(layout.default_map) if layout.default_map else None
    direct = DirectResources(layout.size, counters, meters, idle)
    return Table(layout, info, TableParts(_kernel_table(layout, loaded), default_map, direct, profile))


def _meter_cells(layout: MeterLayout, loaded: LoadedObject) -> MeterCells:
    return MeterCells(layout, loaded.map(layout.map), loaded.map(layout.marks))


def _kernel_table(layout: TableLayout, loaded: LoadedObject) -> KernelTable:
    if layout.kind in (TableKind.CODE, TableKind.KEYLESS):
        return NoMap()
    entries = loaded.map(layout.map)
    if layout.buckets is not None:
        return bucket_table(layout, entries, loaded.map(layout.buckets.values))
    if layout.trie is not None:
        return trie_table(layout, entries, loaded.map(layout.trie.values))
    if layout.kind is not TableKind.TERNARY:
        return DirectMap(entries)
    if layout.ternary is None:
        raise BundleError(f"ternary table {layout.name} has no mask groups")
    return MaskGroups(layout, loaded.map(layout.ternary.masks), loaded.map(layout.ternary.active), entries)


def program_names(manifest: Manifest) -> ProgramNames:
    """Return the functions of a program's object."""
    return ProgramNames(
        manifest.ingress_program, manifest.egress_program, manifest.loop_program, manifest.register_program
    )


def put_stages(manifest: Manifest, loaded: LoadedObject) -> None:
    """Let the programs call one another."""
    if manifest.maps.stages:
        stages = loaded.map(manifest.maps.stages)
        for index, program_fd in enumerate((loaded.ingress_fd, loaded.loop_fd)):
            stages.put(index.to_bytes(4, "little"), program_fd.to_bytes(4, "little"))
