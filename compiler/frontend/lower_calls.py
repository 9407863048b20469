"""Calls of functions, actions, controls and tables, inlined; and the built-in methods of headers and stacks."""

from __future__ import annotations

from collections.abc import Callable

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.ast_walk import outer_names
from rackplane.compiler.frontend.lower_binding import BindingLowerer, Sharing
from rackplane.compiler.frontend.lower_env import (
    BlockInstance,
    Emit,
    ExternInstance,
    Frame,
    LowerError,
    PacketObject,
    TooLarge,
    Value,
)
from rackplane.compiler.frontend.lower_names import control_plane_name
from rackplane.compiler.frontend.lower_types import NoLowering, lower_type

MAX_CALL_DEPTH = 100


class CallLowerer(BindingLowerer):
    """Calls, as expressions and as statements."""

    def _call(self, e: ast.Call) -> Value:
        found = self._run_call(e)
        if found is None:
            raise LowerError("this call has no result", e.span)
        return found

    def _run_call(self, e: ast.Call) -> Value | None:
        """Lower a call; None when it has no result."""
        resolved = e.resolved
        if resolved is None:
            raise LowerError("this call was not understood", e.span)
        run = _CALLS.get(resolved.what)
        if run is None:
            raise LowerError("this call cannot be made when the program runs", e.span)
        return run(self, e, resolved)

    def _run_table(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        self._apply_table(e, None)
        return None

    # Functions and actions

    def _call_function(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        declaration = resolved.declaration
        if not isinstance(declaration, ast.FunctionDeclaration):
            raise LowerError(f"'{resolved.name}' has no body", e.span)
        if declaration.body is None:
            return self._call_extern(e, resolved)
        bindings = {v: self._frame.type_of(t) for v, t in resolved.bindings.items()}
        frame = Frame(self._program.globals, types=bindings)
        after = self._bind_arguments(frame, resolved, Sharing())
        result_type = types.substitute(self._frame.type_of(resolved.result), bindings)
        if result_type != types.VOID:
            frame.result = self._temporary(f"{declaration.name}_result", self._type(result_type, e.span))
        self._inline(frame, declaration.name, declaration.body, after, e.span)
        return frame.result

    def _call_action(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        action = resolved.declaration
        if not isinstance(action, ast.ActionDeclaration):
            raise LowerError(f"'{resolved.name}' is not an action", e.span)
        home = self._home_of(action)
        if self._frame.instance is not None:
            self._list_action(action, home)
        frame = Frame(home)
        after = self._bind_arguments(frame, resolved, self._captured_by(action))
        self._inline(frame, action.name, action.body, after, e.span)
        return None

    def _list_action(self, action: ast.ActionDeclaration, home: Frame) -> None:
        """Let the control plane know of an action that a control calls directly."""
        prefix = home.instance.prefix if home.instance is not None else ""
        name = control_plane_name(action.annotations, prefix, action.name)
        listed = ir.Action(name, (), (), tuple(action.annotations), action.span)
        self._program.called.setdefault(name, listed)

    def _home_of(self, action: ast.ActionDeclaration) -> Frame:
        """The frame in which an action is declared."""
        frame: Frame | None = self._frame
        while frame is not None:
            if action in frame.bindings:
                return frame
            frame = frame.parent
        return self._program.globals

    def _captured_by(self, action: ast.ActionDeclaration) -> Sharing:
        home = self._home_of(action)
        found: list[ir.Expr] = []
        for name in outer_names(action.body):
            binding = home.find(name)
            if isinstance(binding, ir.Expr):
                found.append(binding)
        return Sharing(tuple(found))

    def _inline(self, frame: Frame, name: str, body: ast.BlockStatement, after: list[Emit], span: ir.Span) -> None:
        """Emit a body in its frame, then its copy-outs; an exit inside does the copy-outs too."""
        self._spend(span)
        self._depth += 1
        if self._depth > MAX_CALL_DEPTH:
            raise TooLarge(f"calls nest more than {MAX_CALL_DEPTH} levels deep", span)
        frame.label = self._program.label(name)
        self._exits.extend(after)
        with self._in_frame(frame), self._collect() as statements:
            self._block(body)
        del self._exits[len(self._exits) - len(after) :]
        self._emit_scope(frame, statements)
        for copy_out in after:
            copy_out()
        self._depth -= 1

    def _emit_scope(self, frame: Frame, statements: list[ir.Stmt]) -> None:
        if frame.left and frame.label is not None:
            kept = without_last_leave(statements, frame.label)
            if leaves_to(kept, frame.label):
                self._emit(ir.Scope(frame.label, tuple(kept)))
                return
            statements = kept
        self._statements.extend(statements)

    # Blocks

    def _apply_block(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        if resolved.receiver is None:
            raise LowerError("'apply' of nothing", e.span)
        instance = self._instance_of(resolved.receiver, e)
        self._apply_instance(e, resolved, instance)
        return None

    def _instance_of(self, receiver: ast.Expression, e: ast.Call) -> BlockInstance:
        raise NotImplementedError

    def _apply_instance(self, e: ast.Call, resolved: ast.Resolved, instance: BlockInstance) -> None:
        raise NotImplementedError

    def _apply_table(self, e: ast.Call, wanted: str | None) -> ir.Var | None:
        raise NotImplementedError

    def _block(self, block: ast.BlockStatement) -> None:
        raise NotImplementedError

    def _call_extern(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        raise NotImplementedError

    def _extern_method(self, e: ast.Call, resolved: ast.Resolved, instance: ExternInstance) -> Value | None:
        raise NotImplementedError

    def _packet_method(self, e: ast.Call, resolved: ast.Resolved, packet: PacketObject) -> Value | None:
        raise NotImplementedError

    def _apply_member(self, e: ast.Member, call: ast.Call) -> Value:
        found = self._apply_table(call, "action" if e.name == "action_run" else "hit")
        if found is None:
            raise LowerError("this table has no result", e.span)
        if e.name == "miss":
            return ir.Unary(ir.UnaryOp.NOT, found, ir.BOOL)
        return found

    # Methods

    def _method(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        if resolved.receiver is None:
            raise LowerError("a method of nothing", e.span)
        found = self._object(resolved.receiver)
        if isinstance(found, PacketObject):
            return self._packet_method(e, resolved, found)
        if isinstance(found, ExternInstance):
            return self._extern_method(e, resolved, found)
        raise LowerError("this object has no methods", e.span)

    def _builtin(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        if resolved.receiver is None:
            raise LowerError("a method of nothing", e.span)
        if resolved.name == "isValid":
            return ir.IsValid(self._place(resolved.receiver))
        place = self._fixed_place(resolved.receiver)
        if resolved.name in ("setValid", "setInvalid"):
            self._emit(ir.SetValidity(place, resolved.name == "setValid", e.span))
            return None
        count = resolved.arguments[0].value if resolved.arguments and resolved.arguments[0] is not None else 0
        if not isinstance(count, int):
            raise LowerError("the argument must be known at compile time", e.span)
        self._emit(ir.ShiftStack(place, count if resolved.name == "push_front" else -count, e.span))
        return None

    def _size_of(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        member = e.function
        if not isinstance(member, ast.Member):
            raise LowerError("the size of nothing", e.span)
        base = self._frame.type_of(member.base.type)
        owner = base.type if isinstance(base, types.Meta) else base
        try:
            lower_type(owner)
        except NoLowering as problem:
            raise LowerError(f"{owner} has no size", e.span) from problem
        size = types.bit_width(owner)
        if size is None:
            raise LowerError(f"{owner} has no size", e.span)
        in_bytes = member.name.endswith("Bytes")
        return ir.Const((size + 7) // 8 if in_bytes else size, ir.Bits(32))


def leaves_to(statements: list[ir.Stmt] | tuple[ir.Stmt, ...], label: str) -> bool:
    """Whether a jump to the label is among the statements."""
    return any(_leaves(s, label) for s in statements)


def _leaves(s: ir.Stmt, label: str) -> bool:
    if isinstance(s, ir.Leave):
        return s.label == label
    if isinstance(s, ir.If):
        return leaves_to(s.then, label) or leaves_to(s.otherwise, label)
    if isinstance(s, ir.Switch):
        return any(leaves_to(c.body, label) for c in s.cases)
    if isinstance(s, ir.Scope | ir.Loop):
        return leaves_to(s.body, label)
    return False


def without_last_leave(statements: list[ir.Stmt], label: str) -> list[ir.Stmt]:
    """The statements without jumps that stand where the scope ends anyway."""
    if not statements:
        return statements
    last = statements[-1]
    if isinstance(last, ir.Leave) and last.label == label:
        return without_last_leave(statements[:-1], label)
    if isinstance(last, ir.If):
        then = tuple(without_last_leave(list(last.then), label))
        otherwise = tuple(without_last_leave(list(last.otherwise), label))
        return [*statements[:-1], ir.If(last.condition, then, otherwise, last.span)]
    if isinstance(last, ir.Switch):
        cases = tuple(ir.SwitchCase(c.labels, tuple(without_last_leave(list(c.body), label))) for c in last.cases)
        return [*statements[:-1], ir.Switch(last.selector, cases, last.span)]
    return statements


_CALLS: dict[str, Callable[[CallLowerer, ast.Call, ast.Resolved], Value | None]] = {
    "function": CallLowerer._call_function,
    "action": CallLowerer._call_action,
    "table": CallLowerer._run_table,
    "apply": CallLowerer._apply_block,
    "builtin": CallLowerer._builtin,
    "method": CallLowerer._method,
    "size": CallLowerer._size_of,
}
