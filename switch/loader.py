"""From the bytes of a compiled object to maps and programs in the kernel.

The object may come from the network: only the named XDP programs are loaded, only maps of known types are
made, nothing is pinned, and the memory of its maps is bounded before anything reaches the kernel.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field

from rackplane.switch import libbpf
from rackplane.switch.errors import BpfError, BundleError, SwitchError
from rackplane.switch.libbpf import AttachType, MapInfo, MapType, ObjectPtr, ProgramPtr, ProgramType
from rackplane.switch.lineinfo import lines_of
from rackplane.switch.maps import BpfMap
from rackplane.switch.verifier import explain

MAX_MAP_MEMORY = 4 << 30
_LOG_SIZE = 4 << 20
_PER_ELEMENT = 64


@dataclass(frozen=True)
class ProgramNames:
    """The functions of the object that are loaded; all but `ingress` are empty when there is none."""

    ingress: str
    egress: str = ""
    loop: str = ""
    registers: str = ""


@dataclass
class OpenObject:
    """An object that libbpf has read: its maps are known, nothing is in the kernel."""

    image: bytes
    pointer: ObjectPtr
    maps: dict[str, MapInfo]
    inner: dict[str, MapInfo]
    programs: dict[str, ProgramPtr]

    def close(self) -> None:
        """Free it; also closes what load() put into the kernel."""
        libbpf.close_object(self.pointer)


@dataclass
class LoadedObject:
    """Maps and programs in the kernel; they live until close(), or as long as a link or a map refers to them."""

    opened: OpenObject
    maps: dict[str, BpfMap]
    inner: dict[str, MapInfo]
    ingress_fd: int
    egress_fd: int = field(default=-1)
    loop_fd: int = field(default=-1)
    registers_fd: int = field(default=-1)

    def map(self, name: str) -> BpfMap:
        """Return a map by name; BundleError when the object has none of that name."""
        try:
            return self.maps[name]
        except KeyError as e:
            raise BundleError(f"the object has no map {name}") from e

    def close(self) -> None:
        """Drop this process's references."""
        self.opened.close()


def share_maps(opened: OpenObject, owner: LoadedObject) -> None:
    """Let an object that is not loaded yet work on the maps of another one, by name; BundleError if one differs.

    Maps that a program is made with stay its own: constants, and programs to call.
    """
    for pointer in libbpf.object_maps(opened.pointer):
        info = libbpf.map_info(pointer)
        theirs = owner.maps.get(info.name)
        own = info.name.startswith(".rodata") or info.kind is MapType.PROG_ARRAY
        if theirs is None or own:
            continue
        if theirs.info != info:
            raise BundleError(f"this is no build of the running program: its map {info} is {theirs.info} there")
        libbpf.reuse_map(pointer, theirs.fd)


def open_object(image: bytes, names: ProgramNames) -> OpenObject:
    """Read an ELF object and check that it asks for nothing but XDP programs and plain maps."""
    with libbpf.Messages() as messages:
        try:
            pointer = libbpf.open_object(image, "rackplane")
        except BpfError as e:
            said = "; ".join(messages.lines) or str(e)
            raise BundleError(f"the object cannot be read as a BPF object: {said}") from e
    try:
        maps, inner = _survey_maps(pointer)
        programs = _select_programs(pointer, names)
    except SwitchError:
        libbpf.close_object(pointer)
        raise
    return OpenObject(image, pointer, maps, inner, programs)


def load(opened: OpenObject, names: ProgramNames) -> LoadedObject:
    """Put the object into the kernel; raise VerifierError with P4 lines when a program is refused."""
    logs = {name: ctypes.create_string_buffer(_LOG_SIZE) for name in opened.programs}
    for name, program in opened.programs.items():
        libbpf.set_log_buffer(program, logs[name])
    with libbpf.Messages() as messages:
        try:
            libbpf.load_object(opened.pointer)
        except BpfError as e:
            raise _load_error(e, opened.image, logs, messages.lines) from e
    maps = [BpfMap(libbpf.map_info(m), libbpf.map_fd(m)) for m in libbpf.object_maps(opened.pointer)]
    fds = {name: libbpf.program_fd(program) for name, program in opened.programs.items()}
    return LoadedObject(
        opened,
        {m.info.name: m for m in maps},
        opened.inner,
        fds[names.ingress],
        fds.get(names.egress, -1),
        fds.get(names.loop, -1),
        fds.get(names.registers, -1),
    )


def _load_error(
    error: BpfError, image: bytes, logs: dict[str, ctypes.Array[ctypes.c_char]], said: list[str]
) -> SwitchError:
    for name, buffer in logs.items():
        log = buffer.value.decode(errors="replace")
        if log and "failed" in " ".join(line for line in said if name in line):
            return explain(name, log, lines_of(image, name))
    reason = "; ".join(line for line in said if "\n" not in line) or str(error)
    return BundleError(f"the object cannot be loaded into the kernel: {reason}")


def _survey_maps(pointer: ObjectPtr) -> tuple[dict[str, MapInfo], dict[str, MapInfo]]:
    maps: dict[str, MapInfo] = {}
    inner: dict[str, MapInfo] = {}
    memory = 0
    for map_ in libbpf.object_maps(pointer):
        info = libbpf.map_info(map_)
        if info.kind is None:
            raise BundleError(f"map {info} is of a type that a compiled program does not use")
        if libbpf.map_pin_path(map_):
            raise BundleError(f"map {info} asks to be pinned in the file system, which is refused")
        template = libbpf.inner_map(map_)
        if template:
            inner[info.name] = libbpf.map_info(template)
        memory += info.max_entries * (info.key_size + info.value_size + _PER_ELEMENT)
        maps[info.name] = info
    if memory > MAX_MAP_MEMORY:
        raise BundleError(
            f"the maps would take {memory >> 20} MiB, the limit is {MAX_MAP_MEMORY >> 20} MiB: "
            "declare smaller tables and registers"
        )
    return maps, inner


def _select_programs(pointer: ObjectPtr, names: ProgramNames) -> dict[str, ProgramPtr]:
    attach = {names.ingress: AttachType.XDP}
    if names.egress:
        attach[names.egress] = AttachType.XDP_DEVMAP
    attach |= {name: AttachType.XDP for name in (names.loop, names.registers) if name}
    chosen: dict[str, ProgramPtr] = {}
    for program in libbpf.object_programs(pointer):
        info = libbpf.program_info(program)
        name, wanted = info.name, info.name in attach
        libbpf.set_autoload(program, wanted)
        if wanted and (info.type != ProgramType.XDP or info.attach_type != attach[name]):
            raise BundleError(f"{name} is not an XDP program of type {attach[name].name}: {info}")
        if wanted:
            chosen[name] = program
    for name in attach:
        if name not in chosen:
            raise BundleError(f"the object has no program {name}")
    return chosen
