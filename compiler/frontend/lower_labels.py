"""Sets of values: labels of select cases and elements of entries."""

from __future__ import annotations

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast
from rackplane.compiler.frontend.lower_env import LowerError, ValueSetInstance
from rackplane.compiler.frontend.lower_externs import ExternLowerer
from rackplane.compiler.frontend.lower_fold import bits_of, cast

Label = ir.Masked | ir.Interval | ir.ValueSetRef
ANYTHING = ir.Masked(0, 0)


class LabelLowerer(ExternLowerer):
    """Labels."""

    def _label(self, e: ast.Expression, key: ir.Expr) -> Label:
        """The set that matches one key."""
        t = bits_of(key)
        full = (1 << t.width) - 1
        if isinstance(e, ast.Anything):
            return ANYTHING
        if isinstance(e, ast.Binary) and e.operator == "&&&":
            mask = self._known_label(e.right, t) & full
            return ir.Masked(self._known_label(e.left, t) & mask, mask)
        if isinstance(e, ast.Binary) and e.operator == "..":
            return ir.Interval(self._known_label(e.left, t), self._known_label(e.right, t))
        found = self._set_of(e)
        if found is not None:
            return found
        return ir.Masked(self._known_label(e, t) & full, full)

    def _set_of(self, e: ast.Expression) -> ir.ValueSetRef | None:
        if isinstance(e, ast.Path) and e.declaration is not None:
            found = self._frame.find(e.declaration)
            if isinstance(found, ValueSetInstance):
                return ir.ValueSetRef(found.name)
        return None

    def _known_label(self, e: ast.Expression, t: ir.Bits) -> int:
        value = self._scalar(e)
        if not isinstance(value, ir.Const):
            raise LowerError("a set must be known at compile time", e.span)
        converted = cast(value, t)
        return converted.value if isinstance(converted, ir.Const) else value.value
