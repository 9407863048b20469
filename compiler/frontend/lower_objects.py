"""Instances: extern objects, parsers and controls, with their constructor arguments and control-plane names."""

from __future__ import annotations

from dataclasses import replace

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.ast_walk import calls
from rackplane.compiler.frontend.lower_env import (
    Binding,
    BlockInstance,
    ExternInstance,
    Frame,
    LowerError,
    ValueSetInstance,
)
from rackplane.compiler.frontend.lower_names import control_plane_name
from rackplane.compiler.frontend.lower_stmts import StatementLowerer
from rackplane.compiler.frontend.lower_types import type_name

_UNITS = {
    "counter": (ir.CounterUnit.PACKETS, ir.CounterUnit.BYTES, ir.CounterUnit.BOTH),
    "meter": (ir.CounterUnit.PACKETS, ir.CounterUnit.BYTES),
}
_ON_TABLES = frozenset(("direct_counter", "direct_meter"))
MAX_ELEMENTS = 1 << 28


class ObjectLowerer(StatementLowerer):
    """Makes instances."""

    def instantiate(
        self, declaration: ast.Instantiation, prefix: str, inside: ast.BlockDeclaration | None
    ) -> Binding:
        """The object of an instantiation, made in the current frame."""
        call = declaration.call
        if call is None or call.resolved is None:
            raise LowerError("this instance was not understood", declaration.span)
        name = control_plane_name(declaration.annotations, prefix, declaration.name)
        made = self._frame.type_of(declaration.type)
        if isinstance(made, types.Block):
            sites = _count_sites(inside, declaration) if inside is not None else 2
            return self.block_instance(call, made, name, sites)
        if isinstance(made, types.Extern):
            return self._extern_instance(call, made, name, declaration.annotations)
        raise LowerError(f"an instance of {made} cannot be made here", declaration.span)

    def block_instance(self, call: ast.Call, made: types.Block, name: str, sites: int) -> BlockInstance:
        """The instance that a constructor call makes; `name` starts the control-plane names inside."""
        declaration = made.declaration
        if not isinstance(declaration, ast.BlockDeclaration) or call.resolved is None:
            raise LowerError(f"{made} has no body", call.span)
        constructor: dict[ast.Declaration, Binding] = {}
        for parameter, argument in zip(call.resolved.parameters, call.resolved.arguments, strict=True):
            if isinstance(parameter.declaration, ast.Parameter):
                constructor[parameter.declaration] = self._constructor_argument(parameter, argument, call)
        return BlockInstance(declaration, name, constructor, sites, types=type_arguments(made))

    def _constructor_argument(
        self, parameter: types.Parameter, argument: ast.Expression | None, call: ast.Call
    ) -> Binding:
        if argument is None:
            value = self._default_argument(parameter)
            if value is None:
                raise LowerError(f"there is no argument for '{parameter.name}'", call.span)
            return value
        if isinstance(argument, ast.Call) and isinstance(argument.function, ast.TypeExpression):
            made = self._frame.type_of(argument.type)
            if isinstance(made, types.Block):
                return self.block_instance(argument, made, parameter.name, 2)
            if isinstance(made, types.Extern):
                return self._extern_instance(argument, made, parameter.name, [])
        if isinstance(argument, ast.Path) and argument.declaration is not None:
            found = self._frame.find(argument.declaration)
            if isinstance(found, BlockInstance):
                found.passed_on = True
            if isinstance(found, ExternInstance | BlockInstance):
                return found
        return self._value(argument)

    # Extern objects

    def _extern_instance(
        self, call: ast.Call, made: types.Extern, name: str, annotations: list[ir.Annotation]
    ) -> ExternInstance:
        resolved = call.resolved
        if resolved is None:
            raise LowerError("this instance was not understood", call.span)
        numbers: list[int] = []
        for parameter, argument in zip(resolved.parameters, resolved.arguments, strict=True):
            numbers.append(self._constructor_number(parameter, argument, call))
        make = _EXTERNS.get(made.name)
        if make is None:
            raise LowerError(f"v1model has no extern '{made.name}' that programs can instantiate", call.span)
        if not name:
            raise LowerError("this object needs a name", call.span)
        self._check_new_name(name, call.span)
        make(self, name, made, numbers, tuple(annotations), call.span)
        return ExternInstance(made.name, name)

    def _constructor_number(
        self, parameter: types.Parameter, argument: ast.Expression | None, call: ast.Call
    ) -> int:
        value = self._value(argument) if argument is not None else self._default_argument(parameter)
        if not isinstance(value, ir.Const):
            raise LowerError(f"the argument of '{parameter.name}' must be known at compile time", call.span)
        if parameter.name in ("size", "instance_count") and not 0 <= value.value <= MAX_ELEMENTS:
            raise LowerError(f"the size {value.value} is not between 0 and {MAX_ELEMENTS}", call.span)
        return value.value

    def _check_new_name(self, name: str, span: ir.Span) -> None:
        c = self._program.collected
        taken = (c.registers, c.counters, c.meters, c.action_profiles)
        if any(name in names for names in taken):
            raise LowerError(f"two objects have the control-plane name '{name}'", span)

    def _register(
        self, name: str, made: types.Extern, numbers: list[int], notes: tuple[ir.Annotation, ...], span: ir.Span
    ) -> None:
        t = self._type(made.arguments[0], span) if made.arguments else ir.Bits(32)
        if not isinstance(t, ir.Bits):
            raise LowerError(f"a register holds numbers, not {made.arguments[0]}", span)
        if not numbers[0]:
            raise LowerError("a register has at least one element", span)
        initial = numbers[1] if len(numbers) > 1 else 0
        spec = self._program.types.spec(made.arguments[0]) if made.arguments else ir.BitSpec(32)
        self._program.collected.registers[name] = ir.Register(
            name, t, numbers[0], notes, initial, spec=spec, index_type=self._index_type(made.arguments[1:])
        )

    def _counter(
        self, name: str, made: types.Extern, numbers: list[int], notes: tuple[ir.Annotation, ...], span: ir.Span
    ) -> None:
        unit = _UNITS["counter"][numbers[-1]]
        size = 0 if made.name in _ON_TABLES else numbers[0]
        self._program.collected.counters[name] = ir.Counter(
            name, unit, size, None, notes, self._index_type(made.arguments)
        )

    def _meter(
        self, name: str, made: types.Extern, numbers: list[int], notes: tuple[ir.Annotation, ...], span: ir.Span
    ) -> None:
        unit = _UNITS["meter"][numbers[-1]]
        on_table = made.name in _ON_TABLES
        size = 0 if on_table else numbers[0]
        index = None if on_table else self._index_type(made.arguments)
        self._program.collected.meters[name] = ir.Meter(name, unit, size, None, None, notes, index)

    def _index_type(self, arguments: tuple[types.Type, ...]) -> str | None:
        """The name of the `type` that indexes an array, if it has one."""
        return self._program.types.new_type_name(arguments[0]) if arguments else None

    def _profile(
        self, name: str, made: types.Extern, numbers: list[int], notes: tuple[ir.Annotation, ...], span: ir.Span
    ) -> None:
        if made.name == "action_selector":
            profile = ir.ActionProfile(name, numbers[1], True, numbers[0], numbers[2], notes)
        else:
            profile = ir.ActionProfile(name, numbers[0], annotations=notes)
        self._program.collected.action_profiles[name] = profile

    # Locals of parsers and controls

    def _instance_frame(self, instance: BlockInstance) -> Frame:
        """The frame of an instance's body, with its objects, actions and tables; made once."""
        if instance.frame is not None:
            return instance.frame
        frame = Frame(self._program.globals, dict(instance.constructor), instance.types, instance)
        instance.frame = frame
        with self._in_frame(frame):
            for local in instance.declaration.locals:
                if isinstance(local, ast.Instantiation):
                    frame.bindings[local] = self.instantiate(local, instance.prefix, instance.declaration)
                elif isinstance(local, ast.ActionDeclaration | ast.TableDeclaration):
                    frame.bindings[local] = local.name
                elif isinstance(local, ast.ValueSetDeclaration):
                    frame.bindings[local] = self._value_set(local, instance.prefix)
        return frame

    def _value_set(self, declaration: ast.ValueSetDeclaration, prefix: str) -> ValueSetInstance:
        name = control_plane_name(declaration.annotations, prefix, declaration.name)
        size = self._scalar(declaration.size)
        if not isinstance(size, ir.Const):
            raise LowerError("the size of a value set must be known at compile time", declaration.size.span)
        element = declaration.type.element if isinstance(declaration.type, types.ValueSetOf) else types.UNKNOWN
        fields = self._set_fields(element, declaration.span)
        self._program.collected.value_sets[name] = ir.ValueSet(
            name, fields, size.value, tuple(declaration.annotations)
        )
        return ValueSetInstance(name)

    def _set_fields(self, element: types.Type, span: ir.Span) -> tuple[ir.SetField, ...]:
        element = types.underlying(element)
        if isinstance(element, types.Composite):
            found: list[ir.SetField] = []
            for m in element.members:
                found.extend(self._member_fields(m, span))
            return tuple(found)
        if isinstance(element, types.Tuple):
            items = enumerate(element.items)
            return tuple(ir.SetField(f"f{i}", self._scalar_type(t, span), ir.MatchKind.EXACT) for i, t in items)
        return (ir.SetField("", self._scalar_type(element, span), ir.MatchKind.EXACT),)

    def _member_fields(self, m: types.Member, span: ir.Span) -> list[ir.SetField]:
        if not self._is_scalar(m.type):
            return [replace(f, name=f"{m.name}.{f.name}") for f in self._set_fields(m.type, span)]
        notes = m.declaration.annotations if isinstance(m.declaration, ast.Declaration) else []
        name = control_plane_name(notes, "", m.name)
        match = _match_kind(m.declaration, span)
        return [ir.SetField(name, self._scalar_type(m.type, span), match, tuple(notes))]

    def _start_locals(self, instance: BlockInstance) -> None:
        """Make the variables of a body that starts, in the current frame."""
        for local in instance.declaration.locals:
            if not isinstance(local, ast.Variable):
                continue
            t = self._type(local.type, local.span)
            known = instance.variables.get(local)
            variable = known if known is not None else self._temporary(local.name, t)
            instance.variables[local] = variable
            if local.initializer is not None:
                self._assign(variable, self._value(local.initializer), local.span)
            elif not isinstance(t, ir.Bits | ir.Varbit) and known is not None:
                self._invalidate(variable, local.span)
            self._frame.bindings[local] = variable

    def _digest_name(self, t: types.Type) -> str:
        if isinstance(t, types.Composite):
            declaration = t.declaration
            notes = declaration.annotations if isinstance(declaration, ast.Declaration) else []
            return control_plane_name(notes, "", type_name(t))
        return f"digest_{len(self._program.collected.digests)}"


def type_arguments(made: types.Block) -> types.Bindings:
    """What the type parameters of a parser or control stand for."""
    declaration = made.declaration
    if not isinstance(declaration, ast.BlockDeclaration) or not isinstance(declaration.type, types.Block):
        return {}
    return dict(zip(declaration.type.parameters, made.arguments, strict=False))


def _match_kind(declaration: object, span: ir.Span) -> ir.MatchKind:
    if isinstance(declaration, ast.Declaration):
        for annotation in declaration.annotations:
            if annotation.name == "match":
                try:
                    return ir.MatchKind(annotation.body.strip())
                except ValueError as e:
                    raise LowerError(f"unknown match kind '{annotation.body.strip()}'", span) from e
    return ir.MatchKind.EXACT


def _count_sites(block: ast.BlockDeclaration, instance: ast.Instantiation) -> int:
    """How many calls in a block apply one of its instances."""
    nodes: list[ast.Node] = [block.body] if block.body is not None else list(block.states)
    found = 0
    for node in nodes:
        for call in calls(node):
            resolved = call.resolved
            receiver = resolved.receiver if resolved is not None else None
            if isinstance(receiver, ast.Path) and receiver.declaration is instance:
                found += 1
    return found


_EXTERNS = {
    "register": ObjectLowerer._register,
    "counter": ObjectLowerer._counter,
    "direct_counter": ObjectLowerer._counter,
    "meter": ObjectLowerer._meter,
    "direct_meter": ObjectLowerer._meter,
    "action_profile": ObjectLowerer._profile,
    "action_selector": ObjectLowerer._profile,
}
