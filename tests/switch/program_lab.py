"""A compiled program in the kernel without ports: written and read as over P4Runtime, and run on single frames."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

from compiled_program import as_bytes as canonical
from compiled_program import compiled
from finsy.proto import p4i, p4r

from rackplane.switch import libbpf, pipeline
from rackplane.switch.errors import Code
from rackplane.switch.fanout import Devices
from rackplane.switch.maps import SharedMemory
from rackplane.switch.p4runtime import read
from rackplane.switch.p4runtime.status import BatchError
from rackplane.switch.p4runtime.write import Writer
from rackplane.switch.ports import Port

LOOPBACK = 1
PORT = 4
REDIRECT = 4


class Lab:
    """One program. Every frame comes in on port 4."""

    def __init__(self, name: str, ports: dict[int, Port] | None = None) -> None:
        program = compiled(name)
        self.info = program.p4info
        self.pipeline = pipeline.load(program.image, program.manifest, self.info, Devices(ports or {}))
        self.writer = Writer(self.pipeline)
        maps = program.manifest.maps
        SharedMemory(self.pipeline.loaded.map(maps.ports)).words(2, LOOPBACK + 1)[LOOPBACK] = PORT + 1
        out = self.pipeline.loaded.map(maps.tx)
        for number in range(1, 9):
            out.put(number.to_bytes(4, "little"), LOOPBACK.to_bytes(4, "little") + bytes(4))

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None) -> None:
        self.pipeline.close()

    def id(self, name: str) -> int:
        """The id of the object of that name or alias."""
        return next(p.id for p in self._preambles() if name in (p.name, p.alias))

    def _preambles(self) -> Iterator[p4i.Preamble]:
        info = self.info
        for group in (info.tables, info.actions, info.action_profiles, info.meters, info.direct_meters,
                      info.counters, info.value_sets, info.registers):  # fmt: skip
            yield from (o.preamble for o in group)

    def action(self, name: str, *values: int) -> p4r.Action:
        """An action with its parameters in order."""
        found = p4r.Action(action_id=self.id(name))
        for number, value in enumerate(values, start=1):
            found.params.add(param_id=number, value=canonical(value))
        return found

    def entry(self, table: str, *values: int, priority: int = 0) -> p4r.Entity:
        """A table entry of exact fields, without an action."""
        entity = p4r.Entity()
        entity.table_entry.table_id = self.id(table)
        entity.table_entry.priority = priority
        for number, value in enumerate(values, start=1):
            entity.table_entry.match.add(field_id=number).exact.value = canonical(value)
        return entity

    def write(self, kind: p4r.Update.Type.ValueType, *entities: p4r.Entity, atomicity: int = 0) -> None:
        """Write a batch of one kind; BatchError."""
        updates = [p4r.Update(type=kind, entity=e).SerializeToString() for e in entities]
        self.writer.write(atomicity, updates)

    def insert(self, *entities: p4r.Entity) -> None:
        """INSERT."""
        self.write(p4r.Update.INSERT, *entities)

    def modify(self, *entities: p4r.Entity) -> None:
        """MODIFY."""
        self.write(p4r.Update.MODIFY, *entities)

    def delete(self, *entities: p4r.Entity) -> None:
        """DELETE."""
        self.write(p4r.Update.DELETE, *entities)

    def refusal(self, kind: p4r.Update.Type.ValueType, entity: p4r.Entity) -> tuple[Code, str]:
        """How a write of one entity is refused."""
        try:
            self.write(kind, entity)
        except BatchError as e:
            (error,) = e.errors.values()
            return error.code, str(error)
        raise AssertionError(f"the write was not refused: {entity}")

    def read(self, *entities: p4r.Entity) -> list[p4r.Entity]:
        """Read; BatchError."""
        request = p4r.ReadRequest(entities=entities)
        answers = [p4r.ReadResponse.FromString(m) for m in read.read(self.pipeline, request)]
        return [entity for answer in answers for entity in answer.entities]

    def run(self, frame: bytes, repeat: int = 1) -> bytes | None:
        """The frame that leaves; None when it is dropped."""
        verdict, out, _ = libbpf.test_run(self.pipeline.loaded.ingress_fd, frame, repeat, LOOPBACK)
        return out if verdict == REDIRECT else None
