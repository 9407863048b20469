"""Controls: the top-level ones, and those inside of them, inlined."""

from __future__ import annotations

from dataclasses import replace

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.ast_walk import calls
from rackplane.compiler.frontend.lower_binding import OBJECTS, Sharing
from rackplane.compiler.frontend.lower_calls import MAX_CALL_DEPTH
from rackplane.compiler.frontend.lower_env import Binding, BlockInstance, Frame, LowerError, TooLarge
from rackplane.compiler.frontend.lower_names import control_plane_name
from rackplane.compiler.frontend.lower_objects import type_arguments
from rackplane.compiler.frontend.lower_tables import TableLowerer
from rackplane.compiler.frontend.types import Direction


class ControlLowerer(TableLowerer):
    """Controls."""

    def control(self, instance: BlockInstance, name: str, arguments: list[Binding]) -> ir.Control:
        """Lower a top-level control whose parameters stand for the arguments."""
        frame = self._instance_frame(instance)
        declaration = instance.declaration
        frame.bindings.update(zip(declaration.parameters, arguments, strict=True))
        with self._in_frame(frame), self._collect() as statements:
            self._run_control(instance, frame)
        return ir.Control(name, tuple(statements))

    def _run_control(self, instance: BlockInstance, frame: Frame) -> None:
        """Emit the local variables and the body of a control whose parameters are bound."""
        declaration = instance.declaration
        frame.label, frame.left = self._program.label(declaration.name), False
        with self._in_frame(frame):
            with self._collect() as statements:
                self._start_locals(instance)
                if declaration.body is not None:
                    self._block(declaration.body)
            self._emit_scope(frame, statements)

    def _instance_of(self, receiver: ast.Expression, e: ast.Call) -> BlockInstance:
        if isinstance(receiver, ast.Path) and receiver.declaration is not None:
            found = self._frame.find(receiver.declaration)
            if isinstance(found, BlockInstance):
                return found
        if isinstance(receiver, ast.TypeExpression) and isinstance(receiver.type, types.Meta):
            return self._direct_instance(self._frame.type_of(receiver.type.type), e)
        raise LowerError("this cannot be applied", e.span)

    def _direct_instance(self, made: types.Type, e: ast.Call) -> BlockInstance:
        """The instance that Type.apply(...) makes: one for each call and each instance around it."""
        if not isinstance(made, types.Block) or not isinstance(made.declaration, ast.BlockDeclaration):
            raise LowerError("this cannot be applied", e.span)
        around = self._frame
        while around.instance is None and around.parent is not None:
            around = around.parent
        if around.instance is None:
            raise LowerError("this cannot be applied here", e.span)
        known = around.instance.direct.get(e)
        if known is None:
            name = control_plane_name([], around.instance.prefix, made.declaration.name)
            known = BlockInstance(made.declaration, name, {}, types=type_arguments(made))
            around.instance.direct[e] = known
        return known

    def _apply_instance(self, e: ast.Call, resolved: ast.Resolved, instance: BlockInstance) -> None:
        if instance.declaration.kind != "control":
            raise LowerError("a parser cannot be applied here", e.span)
        self._spend(e.span)
        self._depth += 1
        if self._depth > MAX_CALL_DEPTH:
            raise TooLarge(f"controls nest more than {MAX_CALL_DEPTH} levels deep", e.span)
        frame = self._instance_frame(instance)
        single = not instance.passed_on and (instance.sites == 1 or self._same_arguments(e, instance))
        sharing = Sharing() if single else Sharing(None)
        after = self._bind_arguments(frame, own_parameters(resolved, instance), sharing, instance.variables)
        self._exits.extend(after)
        self._run_control(instance, frame)
        del self._exits[len(self._exits) - len(after) :]
        for copy_out in after:
            copy_out()
        self._depth -= 1

    def _same_arguments(self, e: ast.Call, instance: BlockInstance) -> bool:
        """Whether all places that apply the instance give the same plain places."""
        frame = self._frame
        while frame.instance is None and frame.parent is not None:
            frame = frame.parent
        receiver = e.resolved.receiver if e.resolved is not None else None
        if frame.instance is None or not isinstance(receiver, ast.Path):
            return False
        body = frame.instance.declaration.body
        if body is None:
            return False
        sites = [
            c for c in calls(body)
            if c.resolved is not None
            and isinstance(c.resolved.receiver, ast.Path)
            and c.resolved.receiver.declaration is receiver.declaration
        ]  # fmt: skip
        first = sites[0].resolved
        return first is not None and all(c.resolved is not None and _alike(first, c.resolved) for c in sites[1:])


def own_parameters(resolved: ast.Resolved, instance: BlockInstance) -> ast.Resolved:
    """The call with the parameters of the instance itself: it may have been known by an abstract type only."""
    own = instance.declaration.parameters
    pairs = zip(resolved.parameters, own, strict=True)
    return replace(resolved, parameters=tuple(replace(p, name=d.name, declaration=d) for p, d in pairs))


def _alike(first: ast.Resolved, second: ast.Resolved) -> bool:
    pairs = zip(first.parameters, first.arguments, second.arguments, strict=True)
    return all(
        a is not None and b is not None and _same_place(a, b)
        for p, a, b in pairs
        if p.direction is not Direction.NONE or not isinstance(p.type, OBJECTS)
    )


def _same_place(a: ast.Expression, b: ast.Expression) -> bool:
    if isinstance(a, ast.Path) and isinstance(b, ast.Path):
        return a.declaration is b.declaration
    if isinstance(a, ast.Member) and isinstance(b, ast.Member):
        return a.name == b.name and _same_place(a.base, b.base)
    return False
