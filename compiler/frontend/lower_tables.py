"""Tables, their keys, actions and entries; and where they are applied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.ast_walk import walk
from rackplane.compiler.frontend.lower_entries import priorities
from rackplane.compiler.frontend.lower_env import Emit, ExternInstance, Frame, LoweredTable, LowerError
from rackplane.compiler.frontend.lower_keys import key_name
from rackplane.compiler.frontend.lower_labels import LabelLowerer
from rackplane.compiler.frontend.lower_names import control_plane_name, name_annotation
from rackplane.compiler.frontend.lower_program import ProgramBuilder
from rackplane.compiler.frontend.types import Direction

NO_ACTION = "NoAction"
_IMPLEMENTATIONS = ("implementation", "psa_implementation")


class TableLowerer(LabelLowerer):
    """Tables.

    `_exited` is the flag that exits set in the action being lowered, when they must not end the control at once.
    """

    def __init__(self, program: ProgramBuilder, block: str) -> None:
        super().__init__(program, block)
        self._exited: ir.Var | None = None
        self._known_actions: dict[tuple[Frame, ast.ActionDeclaration], str] = {}

    # Application

    def _apply_table(self, e: ast.Call, wanted: str | None) -> ir.Var | None:
        declaration = e.resolved.declaration if e.resolved is not None else None
        if not isinstance(declaration, ast.TableDeclaration):
            raise LowerError("this is no table", e.span)
        table = self._lowered_table(declaration)
        self._statements.extend(table.prelude)
        hit = self._temporary("hit", ir.BOOL) if wanted == "hit" else None
        action = self._temporary("action_run", ir.Bits(32)) if wanted == "action" else None
        if table.exited is not None:
            self._emit(ir.Assign(table.exited, ir.Const(0, ir.BOOL), e.span))
        self._emit(ir.ApplyTable(table.name, hit, action, e.span))
        if table.exited is not None:
            with self._collect() as leaving:
                self._exit(ast.Exit(e.span))
            self._emit(ir.If(table.exited, tuple(leaving), (), e.span))
        return hit or action

    def _lowered_table(self, declaration: ast.TableDeclaration) -> LoweredTable:
        frame: Frame | None = self._frame
        while frame is not None and declaration not in frame.bindings:
            frame = frame.parent
        if frame is None or frame.instance is None:
            raise LowerError(f"the table '{declaration.name}' is not known here", declaration.span)
        known = frame.instance.tables.get(declaration)
        if known is None:
            with self._in_frame(frame):
                known = self._make_table(declaration, frame)
            frame.instance.tables[declaration] = known
        return known

    def _make_table(self, declaration: ast.TableDeclaration, frame: Frame) -> LoweredTable:
        prefix = frame.instance.prefix if frame.instance is not None else ""
        name = control_plane_name(declaration.annotations, prefix, declaration.name)
        other = self._program.collected.tables.get(name)
        if other is not None:
            again = ["the control stands twice in V1Switch: write it once more under another name"]
            notes = again if other.span == declaration.span else []
            raise LowerError(f"two tables have the control-plane name '{name}'", declaration.span, *notes)
        with self._collect() as prelude:
            keys = tuple(self._key(k) for k in declaration.keys or ())
        with self._action_code(self._must_flag(declaration)) as exited:
            references = [self._action_reference(r, frame) for r in declaration.actions or ()]
        default = self._default_call(declaration, references)
        table = ir.Table(
            name,
            keys,
            tuple(references),
            default,
            annotations=tuple(declaration.annotations),
            span=declaration.span,
        )
        table = self._with_properties(table, declaration)
        self._program.collected.tables[name] = self._with_entries(table, declaration)
        return LoweredTable(name, tuple(prelude), exited)

    def _must_flag(self, declaration: ast.TableDeclaration) -> bool:
        """Whether an exit in the table's actions must leave copy-outs to the place of application."""
        if not self._exits:
            return False
        waiting: list[ast.Node] = [
            r.declaration.body for r in declaration.actions or () if r.declaration is not None
        ]
        seen: set[ast.Node] = set()
        while waiting:
            for node in walk(waiting.pop()):
                if isinstance(node, ast.Exit):
                    return True
                called = node.resolved.declaration if isinstance(node, ast.Call) and node.resolved else None
                if isinstance(called, ast.ActionDeclaration) and called not in seen:
                    seen.add(called)
                    waiting.append(called.body)
        return False

    @contextmanager
    def _action_code(self, flag: bool) -> Iterator[ir.Var | None]:
        """Code of actions that a table runs: pending copy-outs and loops around the table are not theirs."""
        outer: tuple[list[Emit], ir.Var | None, tuple[tuple[str, str], ...]] = (
            self._exits,
            self._exited,
            self._loops,
        )
        self._exits, self._loops = [], ()
        self._exited = self._temporary("exited", ir.BOOL) if flag else None
        try:
            yield self._exited
        finally:
            self._exits, self._exited, self._loops = outer

    # Keys

    def _key(self, key: ast.KeyElement) -> ir.Key:
        expression = self._scalar(key.expression)
        name = name_annotation(key.annotations) or key_name(key.expression)
        try:
            kind = ir.MatchKind(key.match_kind)
        except ValueError as e:
            raise LowerError(f"v1model has no match kind '{key.match_kind}'", key.kind_span) from e
        type_name = self._program.types.new_type_name(key.expression.type)
        return ir.Key(name, expression, kind, tuple(key.annotations), type_name)

    # Actions

    def _action_reference(self, reference: ast.ActionReference, frame: Frame) -> ir.ActionRef:
        action = reference.declaration
        if action is None:
            raise LowerError(f"unknown action '{reference.name}'", reference.span)
        key = self._action(action, frame, reference)
        return ir.ActionRef(key, tuple(reference.annotations))

    def _action(self, action: ast.ActionDeclaration, frame: Frame, reference: ast.ActionReference | None) -> str:
        home = self._home_of(action)
        prefix = home.instance.prefix if home.instance is not None else ""
        name = control_plane_name(action.annotations, prefix, action.name)
        directed = [p for p in action.parameters if p.direction is not Direction.NONE]
        if not directed and not self._exited:
            known = self._known_actions.get((home, action))
            if known is not None:
                return known
        lowered = self._lower_action(action, name, home, reference)
        self._check_action_name(name, action)
        key = self._action_key(name, lowered)
        if not directed and not self._exited:
            self._known_actions[home, action] = key
        return key

    def _check_action_name(self, name: str, action: ast.ActionDeclaration) -> None:
        owner = self._program.action_owners.setdefault(name, action)
        if owner is not action:
            where = f"the other one is at {owner.span.file}:{owner.span.line}"
            raise LowerError(f"two actions have the control-plane name '{name}'", action.span, where)

    def _action_key(self, name: str, lowered: ir.Action) -> str:
        """The key of an action; equal actions share one."""
        actions = self._program.collected.actions
        key, number = name, 1
        while key in actions and actions[key] != lowered:
            number += 1
            key = f"{name}#{number}"
        actions[key] = lowered
        return key

    def _lower_action(
        self, action: ast.ActionDeclaration, name: str, home: Frame, reference: ast.ActionReference | None
    ) -> ir.Action:
        frame = Frame(home)
        params: list[ir.Param] = []
        with self._collect() as statements:
            after: list[Emit] = []
            if reference is not None and reference.call is not None:
                after = self._bind_directed(frame, reference.call, action)
            for parameter in action.parameters:
                if parameter.direction is Direction.NONE:
                    params.append(self._parameter(parameter, frame, action))
            self._inline(frame, action.name, action.body, after, action.span)
        return ir.Action(name, tuple(params), tuple(statements), tuple(action.annotations), action.span)

    def _bind_directed(self, frame: Frame, call: ast.Resolved, action: ast.ActionDeclaration) -> list[Emit]:
        pairs = [
            (p, a)
            for p, a in zip(call.parameters, call.arguments, strict=True)
            if p.direction is not Direction.NONE
        ]
        directed = replace(call, parameters=tuple(p for p, _ in pairs), arguments=tuple(a for _, a in pairs))
        return self._bind_arguments(frame, directed, self._captured_by(action))

    def _parameter(self, parameter: ast.Parameter, frame: Frame, action: ast.ActionDeclaration) -> ir.Param:
        t = self._scalar_type(parameter.type, parameter.span)
        variable = self._temporary(f"{action.name}_{parameter.name}", t)
        frame.bindings[parameter] = variable
        name = control_plane_name(parameter.annotations, "", parameter.name)
        type_name = self._program.types.new_type_name(parameter.type)
        if isinstance(parameter.type, types.EnumType):
            type_name = parameter.type.name
        return ir.Param(name, variable, tuple(parameter.annotations), type_name)

    def _exit(self, s: ast.Exit) -> None:
        if self._exited is None:
            super()._exit(s)
            return
        for copy_out in reversed(self._exits):
            copy_out()
        self._emit(ir.Assign(self._exited, ir.Const(1, ir.BOOL), s.span))
        frame = self._frame
        outermost = frame
        while frame.parent is not None and frame.instance is None:
            if frame.label is not None:
                outermost = frame
            frame = frame.parent
        if outermost.label is None:
            raise LowerError("'exit' outside of a body", s.span)
        outermost.left = True
        self._emit(ir.Leave(outermost.label, s.span))

    # Default action and properties

    def _default_call(self, declaration: ast.TableDeclaration, references: list[ir.ActionRef]) -> ir.ActionCall:
        names = [r.name for r in declaration.actions or ()]
        if declaration.default is not None:
            return self._action_call(declaration.default, names, references)
        if NO_ACTION in names:
            return ir.ActionCall(references[names.index(NO_ACTION)].name)
        nothing = self._program.no_action
        if nothing is None:
            raise LowerError(f"the table '{declaration.name}' has no default action", declaration.span)
        key = self._action(nothing, self._program.globals, None)
        references.append(ir.ActionRef(key, (ir.Annotation("defaultonly"),)))
        return ir.ActionCall(key)

    def _action_call(
        self, reference: ast.ActionReference, names: list[str], references: list[ir.ActionRef]
    ) -> ir.ActionCall:
        key = references[names.index(reference.name)].name
        arguments: list[int] = []
        call = reference.call
        if call is not None:
            for parameter, argument in zip(call.parameters, call.arguments, strict=True):
                if parameter.direction is Direction.NONE:
                    arguments.append(self._constant_argument(parameter, argument, reference))
        return ir.ActionCall(key, tuple(arguments))

    def _constant_argument(
        self, parameter: types.Parameter, argument: ast.Expression | None, reference: ast.ActionReference
    ) -> int:
        value = self._value(argument) if argument is not None else self._default_argument(parameter)
        if not isinstance(value, ir.Const):
            raise LowerError(f"the argument of '{parameter.name}' must be known at compile time", reference.span)
        return value.value

    def _with_properties(self, table: ir.Table, declaration: ast.TableDeclaration) -> ir.Table:
        for item in declaration.properties:
            if item.name == "default_action":
                table = replace(table, const_default=item.is_const)
            elif item.name == "size":
                size = self._scalar(item.value)
                if not isinstance(size, ir.Const):
                    raise LowerError("'size' must be known at compile time", item.value.span)
                table = replace(table, size=size.value)
            elif item.name == "support_timeout":
                table = replace(table, idle_timeout=item.value.value is True)
            elif item.name in _OBJECTS or item.name in _IMPLEMENTATIONS:
                table = self._with_object(table, item)
        return table

    def _with_object(self, table: ir.Table, item: ast.TableProperty) -> ir.Table:
        found = self._property_object(item)
        collected = self._program.collected
        wanted = _OBJECTS.get(item.name, ("action_profile", "action_selector"))
        if found.type not in wanted:
            raise LowerError(f"'{item.name}' takes a {wanted[0]}, not a {found.type}", item.value.span)
        if item.name == "counters":
            counter = collected.counters[found.name]
            self._only_once(counter.table, found.name, item)
            collected.counters[found.name] = replace(counter, table=table.name)
            return replace(table, direct_counter=found.name)
        if item.name == "meters":
            meter = collected.meters[found.name]
            self._only_once(meter.table, found.name, item)
            collected.meters[found.name] = replace(meter, table=table.name)
            return replace(table, direct_meter=found.name)
        return replace(table, implementation=found.name)

    def _only_once(self, table: str | None, name: str, item: ast.TableProperty) -> None:
        if table is not None:
            raise LowerError(f"'{name}' already belongs to the table '{table}'", item.value.span)

    def _property_object(self, item: ast.TableProperty) -> ExternInstance:
        if isinstance(item.value, ast.Call) and isinstance(item.value.type, types.Extern):
            name = control_plane_name(item.annotations, "", item.name)
            return self._extern_instance(item.value, item.value.type, name, item.annotations)
        found = self._object(item.value)
        if not isinstance(found, ExternInstance):
            raise LowerError(f"'{item.name}' takes an extern object", item.value.span)
        return found

    # Entries

    def _with_entries(self, table: ir.Table, declaration: ast.TableDeclaration) -> ir.Table:
        if declaration.entries is None:
            return table
        names = [r.name for r in declaration.actions or ()]
        numbers = priorities(declaration, table.keys)
        found = [
            self._entry(entry, table, names, priority)
            for entry, priority in zip(declaration.entries, numbers, strict=True)
        ]
        return replace(table, entries=tuple(found), const_entries=declaration.entries_const)

    def _entry(self, entry: ast.TableEntry, table: ir.Table, names: list[str], priority: int) -> ir.Entry:
        pairs = zip(entry.keys, table.keys, strict=True)
        elements = tuple(self._element(e, key) for e, key in pairs)
        call = self._action_call(entry.action, names, list(table.actions))
        const = entry.is_const
        return ir.Entry(elements, call, priority, const, tuple(entry.annotations), entry.span)

    def _element(self, e: ast.Expression, key: ir.Key) -> ir.Masked | ir.Interval | ir.Lpm:
        label = self._label(e, key.expression)
        full = (1 << key.width) - 1
        if key.kind is ir.MatchKind.RANGE:
            if isinstance(label, ir.Interval):
                return label
            if isinstance(label, ir.Masked):
                return ir.Interval(label.value, label.value) if label.mask else ir.Interval(0, full)
        if key.kind is ir.MatchKind.LPM and isinstance(label, ir.Masked):
            return ir.Lpm(label.value & label.mask, label.mask.bit_count())
        if isinstance(label, ir.ValueSetRef):
            raise LowerError("a value set cannot stand in an entry", e.span)
        return label


_OBJECTS = {"counters": ("direct_counter",), "meters": ("direct_meter",)}
