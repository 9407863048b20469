"""What the control plane sees of a program beside its tables and objects, and the order in which it sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.lower_env import BlockInstance, ExternInstance, LowerError
from rackplane.compiler.frontend.lower_names import control_plane_name
from rackplane.compiler.frontend.lower_program import Collected
from rackplane.compiler.frontend.lower_types import lower_type
from rackplane.compiler.frontend.lower_typespecs import TypeInfo, flat_members

_T = TypeVar("_T")


def controller_headers(
    declarations: Iterable[ast.CompositeDeclaration], info: TypeInfo
) -> tuple[ir.ControllerHeader, ...]:
    """The headers of packets from and to the controller."""
    found: list[ir.ControllerHeader] = []
    for d in declarations:
        for annotation in d.annotations:
            if annotation.name == "controller_header":
                header = lower_type(d.type)
                if not isinstance(header, ir.Header) or not isinstance(d.type, types.Composite):
                    raise LowerError("@controller_header stands before a header", d.span)
                name = annotation.body.strip().strip('"')
                fields = _packet_fields(d.type, info)
                found.append(ir.ControllerHeader(name, header, fields, tuple(d.annotations)))
    return tuple(found)


def _packet_fields(t: types.Composite, info: TypeInfo) -> tuple[ir.PacketField, ...]:
    found: list[ir.PacketField] = []
    for member, name in flat_members(t):
        lowered = lower_type(member.type)
        notes = member.declaration.annotations if isinstance(member.declaration, ast.Declaration) else []
        if isinstance(lowered, ir.Bits):
            found.append(ir.PacketField(name, lowered.width, tuple(notes), info.new_type_name(member.type)))
    return tuple(found)


@dataclass
class _Order:
    """Control-plane names in the order of their declarations, with instances unfolded in place."""

    tables: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)

    def add(self, instance: BlockInstance) -> None:
        """Add what an instance declares."""
        for local in instance.declaration.locals:
            bound = instance.frame.bindings.get(local) if instance.frame is not None else None
            if isinstance(bound, BlockInstance):
                self.add(bound)
            elif isinstance(bound, ExternInstance):
                self.objects.append(bound.name)
            elif isinstance(local, ast.ActionDeclaration):
                self.actions.append(control_plane_name(local.annotations, instance.prefix, local.name))
            elif local in instance.tables:
                self.tables.append(instance.tables[local].name)
        for direct in instance.direct.values():
            self.add(direct)


def sort_objects(collected: Collected, instances: Iterable[BlockInstance]) -> None:
    """Put tables, actions and objects in the order of their declarations, block by block.

    Actions from outside of all blocks come before those of the first block that uses them.
    """
    order = _Order()
    actions: list[str] = []
    blocks: list[_Order] = []
    for instance in instances:
        own = _Order()
        own.add(instance)
        blocks.append(own)
    inside = {name for own in blocks for name in own.actions}
    in_tables = {r.name for table in collected.tables.values() for r in table.actions}
    called = [a.name for key, a in collected.actions.items() if key not in in_tables and a.name not in inside]
    for own in blocks:
        used = [collected.actions[r.name].name for t in own.tables for r in collected.tables[t].actions]
        actions += [name for name in used if name not in own.actions]
        if own.actions:
            actions += called
        actions += own.actions
        order.tables += own.tables
        order.objects += own.objects
    collected.tables = _sorted(collected.tables, order.tables)
    named: dict[str, dict[str, ir.Action]] = {}
    for key, action in collected.actions.items():
        named.setdefault(action.name, {})[key] = action
    collected.actions = {k: a for group in _sorted(named, actions).values() for k, a in group.items()}
    collected.registers = _sorted(collected.registers, order.objects)
    collected.counters = _sorted(collected.counters, order.objects)
    collected.meters = _sorted(collected.meters, order.objects)
    collected.action_profiles = _sorted(collected.action_profiles, order.objects)


def _sorted(objects: Mapping[str, _T], order: list[str]) -> dict[str, _T]:
    """The objects in the order of their names; those that it does not name come last."""
    first = {name: objects[name] for name in order if name in objects}
    return first | {name: each for name, each in objects.items() if name not in first}
