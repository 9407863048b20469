"""Statements (spec 1.2.5, section 12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.check_calls import CallChecker
from rackplane.compiler.frontend.types import Type
from rackplane.compiler.lexing.diagnostics import did_you_mean

_CODE = ("apply", "action", "function")


class StatementChecker(CallChecker):
    """Statements."""

    def _statement(self, statement: ast.Statement) -> None:
        _STATEMENTS[type(statement)](self, statement)

    def _block(self, block: ast.BlockStatement) -> None:
        with self._scoped():
            self._statements(block.statements)

    def _statements(self, statements: list[ast.Statement]) -> None:
        for statement in statements:
            self._statement(statement)

    def _empty(self, statement: ast.Empty) -> None:
        """Nothing to check."""

    def _assignment(self, s: ast.Assignment) -> None:
        target = self._expression(s.target)
        if s.operator is not None:
            combined = ast.Binary(s.span, s.operator, s.target, s.value)
            self._expression(combined)
            s.target.target = None
            if not self._check_writable(s.target, "cannot assign"):
                return
            self._check_combined(s, target, combined.type)
            return
        self._expression(s.value)
        if isinstance(target, types.Unknown) or not self._check_writable(s.target, "cannot assign"):
            return
        if isinstance(target, types.Extern | types.Block | types.Package) or types.is_literal(target):
            self._error(f"a value of the type {target} cannot be assigned", s.span)
            return
        self._coerce(s.value, target, "the left side")

    def _check_combined(self, s: ast.Assignment, target: Type, result: Type) -> None:
        if isinstance(result, types.Unknown) or isinstance(target, types.Unknown):
            return
        if result != target:
            self._error(f"the left side has the type {target}, but '{s.operator}' makes {result}", s.span)

    def _call_statement(self, s: ast.CallStatement) -> None:
        self._expression(s.call)
        if isinstance(s.call, ast.Call) and isinstance(s.call.function, ast.TypeExpression):
            self._error("this constructor call makes an object that nothing can use", s.span)

    def _if(self, s: ast.If) -> None:
        self._condition(s.condition, "if")
        with self._scoped():
            self._statement(s.then)
        if s.otherwise is not None:
            with self._scoped():
                self._statement(s.otherwise)

    def _condition(self, e: ast.Expression, what: str) -> None:
        found = self._expression(e)
        if found != types.BOOL and not isinstance(found, types.Unknown):
            self._error(f"the condition of '{what}' is a bool, not {found}", e.span)

    def _return(self, s: ast.Return) -> None:
        place = self._around.place
        if place not in _CODE:
            self._error(f"'return' cannot stand in a parser{' state' if place == 'state' else ''}", s.span)
        wanted = self._around.result
        if s.value is None:
            if wanted is not None and wanted != types.VOID:
                self._error(f"'return' needs a value of the type {wanted}", s.span)
            return
        self._expression(s.value)
        if wanted is None or wanted == types.VOID:
            self._error("'return' takes a value in functions with a result only", s.value.span)
        else:
            self._coerce(s.value, wanted, "the result")

    def _exit(self, s: ast.Exit) -> None:
        if self._around.place not in ("apply", "action"):
            self._error(f"'exit' cannot stand in a {self._around.place}", s.span)

    def _jump(self, s: ast.Break | ast.Continue) -> None:
        if not self._around.loops:
            word = "break" if isinstance(s, ast.Break) else "continue"
            self._error(f"'{word}' stands outside of a loop", s.span)

    def _for(self, s: ast.For) -> None:
        with self._scoped():
            self._statements(s.init)
            self._condition(s.condition, "for")
            self._statements(s.update)
            with self._within(loops=self._around.loops + 1), self._scoped():
                self._statement(s.body)

    def _for_in(self, s: ast.ForIn) -> None:
        element = self._value_type(s.variable.reference, "a loop's variable")
        collection = self._expression(s.collection)
        if isinstance(collection, types.SetOf):
            self._for_range(s, element, collection)
        elif isinstance(collection, types.Stack):
            if collection.element != element and not isinstance(element, types.Unknown):
                self._error(f"the elements have the type {collection.element}, not {element}", s.variable.span)
        elif isinstance(collection, types.ListOf | types.Sequence):
            self._coerce(s.collection, types.ListOf(element), "the collection")
        elif not isinstance(collection, types.Unknown):
            self._error(f"a loop runs over a range, a list or a stack, not over {collection}", s.collection.span)
        with self._scoped():
            s.variable.type = element
            self._declare(s.variable)
            with self._within(loops=self._around.loops + 1), self._scoped():
                self._statement(s.body)

    def _for_range(self, s: ast.ForIn, element: Type, collection: types.SetOf) -> None:
        if isinstance(s.collection, ast.Binary):
            if s.collection.operator != "..":
                self._error("a loop runs over a range, a list or a stack, not over a mask", s.collection.span)
            for side in (s.collection.left, s.collection.right):
                side.target = None
                self._coerce(side, element, "the loop's variable")
        elif collection.element != element:
            self._error(f"the loop's variable has the type {element}", s.variable.span)

    # Declarations among statements

    def _declaration(self, s: ast.DeclarationStatement) -> None:
        declaration = s.declaration
        if isinstance(declaration, ast.Variable):
            self._variable(declaration)
        elif isinstance(declaration, ast.Constant):
            self._constant(declaration)
        else:
            self._error("an instance cannot be made among statements", declaration.span)

    def _variable(self, declaration: ast.Variable) -> None:
        declaration.type = self._value_type(declaration.reference, "a variable")
        if isinstance(declaration.type, types.Extern | types.Block | types.Package) or declaration.type in (
            types.INT,
            types.STRING,
            types.MATCH_KIND,
        ):
            self._error(f"a variable cannot have the type {declaration.type}", declaration.reference.span)
            declaration.type = types.UNKNOWN
        if declaration.initializer is not None:
            self._typed(declaration.initializer, declaration.type, f"'{declaration.name}'")
        self._check_shadowing(declaration)
        self._declare(declaration)

    def _constant(self, declaration: ast.Constant) -> None:
        declaration.type = self._value_type(declaration.reference, "a constant")
        if isinstance(declaration.type, types.Extern | types.Block | types.Package | types.Stack):
            declaration.type = self._fail(
                f"a constant cannot have the type {declaration.type}", declaration.reference.span
            )
        initializer = declaration.initializer
        if self._typed(initializer, declaration.type, f"'{declaration.name}'"):
            if not self._is_compile_time(initializer):
                self._error(f"the value of '{declaration.name}' must be known at compile time", initializer.span)
            declaration.value = initializer.value
        self._check_shadowing(declaration)
        self._declare(declaration)

    # Switch

    def _switch(self, s: ast.Switch) -> None:
        with self._within(in_switch=True):
            selector = self._expression(s.selector)
        if self._around.place not in _CODE:
            self._error("'switch' cannot stand in a parser", s.span)
        if types.is_literal(selector):
            self._error("'switch' does not work on a literal without a type", s.selector.span)
            return
        seen: dict[object, ast.SwitchCase] = {}
        for index, case in enumerate(s.cases):
            key = self._switch_label(case, s.selector, selector)
            if key is not None and key in seen:
                self._error("this label is in the switch twice", case.span)
            elif key is not None:
                seen[key] = case
            if case.label is None and index != len(s.cases) - 1 and isinstance(selector, types.ActionRun):
                self._error("'default' must be the last label", case.span)
            if case.body is not None:
                self._block(case.body)
        if s.cases and s.cases[-1].body is None:
            self._diagnostics.warn("the last label of the switch has no statements", s.cases[-1].span)

    def _switch_label(self, case: ast.SwitchCase, selector: ast.Expression, found: Type) -> object:
        """What tells a label from the others; None after an error."""
        if case.label is None:
            return "default"
        if isinstance(found, types.ActionRun):
            return self._action_label(case.label, found)
        self._expression(case.label)
        if isinstance(found, types.Unknown) or isinstance(case.label.type, types.Unknown):
            return None
        if not self._can_switch(selector, found) or not self._coerce(case.label, found, "the switch's selector"):
            return None
        if case.label.value is None:
            self._error("a label must be known at compile time", case.label.span)
        return case.label.value

    def _can_switch(self, selector: ast.Expression, found: Type) -> bool:
        base = types.underlying(found)
        if isinstance(base, types.Integer):
            self._error("'switch' needs a selector with a width", selector.span)
            return False
        if isinstance(base, types.Bits | types.SerEnum | types.EnumType) or base in (types.BOOL, types.ERROR):
            return True
        self._error(f"'switch' does not work on {found}", selector.span)
        return False

    def _action_label(self, label: ast.Expression, found: types.ActionRun) -> object:
        table = found.table
        if not isinstance(table, ast.TableDeclaration):
            return None
        names = [a.name for a in table.actions or ()]
        if not isinstance(label, ast.Path) or label.absolute:
            self._error(f"a label of this switch is the name of an action of '{table.name}'", label.span)
            return None
        if label.name not in names:
            self._error(
                f"'{label.name}' is no action of the table '{table.name}'",
                label.span,
                *did_you_mean(label.name, names),
            )
            return None
        return label.name


def always_returns(statement: ast.Statement) -> bool:
    """Whether no path leaves the statement's end."""
    if isinstance(statement, ast.Return | ast.Exit):
        return True
    if isinstance(statement, ast.BlockStatement):
        return any(always_returns(s) for s in statement.statements)
    if isinstance(statement, ast.If):
        return (
            statement.otherwise is not None
            and always_returns(statement.then)
            and always_returns(statement.otherwise)
        )
    if isinstance(statement, ast.Switch):
        has_default = any(c.label is None for c in statement.cases)
        return has_default and all(c.body is None or always_returns(c.body) for c in statement.cases)
    return False


_STATEMENTS: dict[type, Callable[[Any, Any], None]] = {
    ast.Empty: StatementChecker._empty,
    ast.Assignment: StatementChecker._assignment,
    ast.CallStatement: StatementChecker._call_statement,
    ast.BlockStatement: StatementChecker._block,
    ast.If: StatementChecker._if,
    ast.Return: StatementChecker._return,
    ast.Exit: StatementChecker._exit,
    ast.Break: StatementChecker._jump,
    ast.Continue: StatementChecker._jump,
    ast.Switch: StatementChecker._switch,
    ast.For: StatementChecker._for,
    ast.ForIn: StatementChecker._for_in,
    ast.DeclarationStatement: StatementChecker._declaration,
}
