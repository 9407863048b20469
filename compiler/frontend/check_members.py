"""Members and elements: fields, enum members, stack properties; and what may be assigned to."""

from __future__ import annotations

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.check_exprs import ExpressionChecker
from rackplane.compiler.frontend.types import Bits, Direction, Type
from rackplane.compiler.lexing.diagnostics import did_you_mean

SIZE_METHODS = frozenset(("minSizeInBits", "minSizeInBytes", "maxSizeInBits", "maxSizeInBytes"))
_STACK_METHODS = frozenset(("push_front", "pop_front"))
_HEADER_METHODS = frozenset(("isValid", "setValid", "setInvalid"))


class MemberChecker(ExpressionChecker):
    """base.name and base[index]."""

    def _member(self, e: ast.Member) -> Type:
        base = self._expression(e.base)
        if isinstance(base, types.Unknown):
            return base
        found: Type
        if isinstance(base, types.Meta):
            found = self._of_type(e, base.type)
        elif isinstance(base, types.Composite):
            found = self._field(e, base)
        elif isinstance(base, types.Stack):
            found = self._of_stack(e, base)
        elif isinstance(base, types.ApplyResult):
            found = self._of_result(e, base)
        elif isinstance(base, types.Named | types.Block) and e.name == "apply":
            found = types.Named("method", None)
        elif isinstance(base, types.Extern):
            found = self._of_extern(e, base)
        else:
            found = self._no_member(e, base, ())
        return found

    def _of_extern(self, e: ast.Member, owner: types.Extern) -> Type:
        declaration = owner.declaration
        methods = declaration.methods if isinstance(declaration, ast.ExternDeclaration) else []
        names = [m.name for m in methods if not m.is_constructor]
        return types.Named("method", None) if e.name in names else self._no_member(e, owner, names)

    def _no_member(self, e: ast.Member, owner: Type, known: tuple[str, ...] | list[str]) -> Type:
        text = f"the {owner.what}" if isinstance(owner, types.Named) else str(owner)
        return self._fail(f"{text} has no member '{e.name}'", e.name_span, *did_you_mean(e.name, known))

    def _of_type(self, e: ast.Member, owner: Type) -> Type:
        if isinstance(owner, types.Unknown):
            return owner
        values: dict[str, int] | None = None
        if isinstance(owner, types.EnumType):
            values = {name: index for index, name in enumerate(owner.members)}
        elif isinstance(owner, types.SerEnum):
            values = dict(owner.members)
        elif owner == types.ERROR:
            values = {name: index for index, name in enumerate(self.facts.errors)}
        if values is not None and e.name in values:
            e.value = values[e.name]
            return owner
        if e.name in SIZE_METHODS or (isinstance(owner, types.Block) and e.name == "apply"):
            return types.Named("method", None)
        return self._no_member(e, owner, list(values or ()))

    def _field(self, e: ast.Member, owner: types.Composite) -> Type:
        found = owner.member(e.name)
        if found is not None:
            if isinstance(e.base.value, tuple):
                index = next(i for i, m in enumerate(owner.members) if m.name == e.name)
                e.value = e.base.value[index] if index < len(e.base.value) else None
            return found
        if e.name in SIZE_METHODS or (e.name in _HEADER_METHODS and owner.kind is not types.Kind.STRUCT):
            return types.Named("method", None)
        return self._no_member(e, owner, [m.name for m in owner.members])

    def _of_stack(self, e: ast.Member, owner: types.Stack) -> Type:
        if e.name in _STACK_METHODS or e.name in SIZE_METHODS:
            return types.Named("method", None)
        if e.name == "size":
            e.value = owner.size
            return types.BIT32
        if e.name in ("next", "last", "lastIndex"):
            if self._around.block is None or self._around.block.kind != "parser":
                return self._fail(f"'{e.name}' of a stack can be used in parsers only", e.name_span)
            return types.BIT32 if e.name == "lastIndex" else owner.element
        return self._no_member(e, owner, ["next", "last", "lastIndex", "size", *_STACK_METHODS])

    def _of_result(self, e: ast.Member, owner: types.ApplyResult) -> Type:
        if e.name in ("hit", "miss"):
            return types.BOOL
        if e.name == "action_run":
            if not self._around.in_switch:
                return self._fail("'action_run' can be the selector of a switch only", e.name_span)
            return types.ActionRun(owner.table)
        return self._no_member(e, owner, ["hit", "miss", "action_run"])

    def _index(self, e: ast.Index) -> Type:
        base = self._expression(e.base)
        index = self._expression(e.index)
        if isinstance(base, types.Unknown) or isinstance(index, types.Unknown):
            return types.UNKNOWN
        index = self._plain(e.index)
        if not types.is_numeric(index):
            return self._fail(f"an index is a number, not {index}", e.index.span)
        value = e.index.value
        if isinstance(index, types.Integer) and not isinstance(value, int):
            return self._fail("an index without a width must be known at compile time", e.index.span)
        if isinstance(base, types.Stack):
            return self._stack_element(e, base, value)
        if isinstance(base, types.Tuple):
            return self._tuple_element(e, base, value)
        return self._fail(f"{base} has no elements: only stacks and tuples are indexed", e.span)

    def _stack_element(self, e: ast.Index, base: types.Stack, value: object) -> Type:
        if isinstance(value, int) and not 0 <= value < base.size:
            return self._fail(f"the index {value} is outside of the stack's 0 .. {base.size - 1}", e.index.span)
        if isinstance(e.index.type, types.Integer):
            self._coerce(e.index, types.BIT32, "an index")
        return base.element

    def _tuple_element(self, e: ast.Index, base: types.Tuple, value: object) -> Type:
        if not isinstance(value, int):
            return self._fail("the index of a tuple must be known at compile time", e.index.span)
        if not 0 <= value < len(base.items):
            return self._fail(f"the index {value} is outside of {base}", e.index.span)
        if isinstance(e.base.value, tuple):
            e.value = e.base.value[value]
        return base.items[value]

    # Left values

    def _check_writable(self, e: ast.Expression, what: str) -> bool:
        """Report an expression that cannot be written."""
        problem = self._why_not_writable(e)
        if problem:
            self._error(f"{what}: {problem}", e.span)
        return not problem

    def _why_not_writable(self, e: ast.Expression) -> str:
        if isinstance(e, ast.Path):
            return self._path_problem(e)
        inside: bool = False
        if isinstance(e, ast.Member):
            if isinstance(e.base.type, types.Stack) and e.name in ("lastIndex", "size"):
                return f"'{e.name}' is read-only"
            inside = isinstance(e.base.type, types.Composite | types.Stack | types.Unknown)
        elif isinstance(e, ast.Index):
            inside = isinstance(e.base.type, types.Stack | types.Tuple | types.Unknown)
        elif isinstance(e, ast.Slice):
            inside = isinstance(types.underlying(e.base.type), Bits | types.Unknown)
        if inside and isinstance(e, ast.Member | ast.Index | ast.Slice):
            return self._why_not_writable(e.base)
        return "" if isinstance(e.type, types.Unknown) else "this expression is no place that can be written"

    def _path_problem(self, e: ast.Path) -> str:
        declaration = e.declaration
        if declaration is None or isinstance(declaration, ast.Variable):
            return ""
        if isinstance(declaration, ast.Constant):
            return f"'{e.name}' is a constant"
        if isinstance(declaration, ast.Parameter):
            if declaration.direction.writes:
                return ""
            if declaration.direction is Direction.IN:
                return f"'{e.name}' is an 'in' parameter"
            return f"'{e.name}' is a parameter without direction, which is read-only"
        return f"'{e.name}' is no variable"
