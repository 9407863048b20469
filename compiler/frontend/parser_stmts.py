"""Parsing of statements and of the declarations that stand among them."""

from __future__ import annotations

from rackplane.compiler.frontend import ast
from rackplane.compiler.frontend.parser_exprs import ExpressionParser
from rackplane.compiler.ir import Annotation, Span
from rackplane.compiler.lexing.tokens import IDENTIFIER, Token

_ASSIGNMENTS = frozenset(("=", "+=", "-=", "*=", "/=", "%=", "|+|=", "|-|=", "<<=", ">>=", "&=", "|=", "^="))


class StatementParser(ExpressionParser):
    """Statements."""

    def _block(self, annotations: list[Annotation] | None = None) -> ast.BlockStatement:
        start = self._expect("{").span
        self._enter()
        statements = self._scoped(lambda: self._many(self._statement, "}"))
        end = self._expect("}", "at the end of the block").span
        self._leave()
        return ast.BlockStatement(start, annotations or [], statements, end)

    def _statement(self) -> ast.Statement:
        token = self._current
        annotations = self._annotations() if token.kind == "@" else []
        kind = self._current.kind
        if kind == "{":
            return self._block(annotations)
        if kind == "const":
            return ast.DeclarationStatement(token.span, self._constant(annotations))
        if kind == "transition":
            raise self._problem("'transition' ends a state: it cannot stand inside a block")
        parse = _STATEMENTS.get(kind)
        if parse is not None:
            self._enter()
            statement = parse(self)
            self._leave()
            return statement
        if not self._starts_declaration():
            return self._simple_statement()
        reference = self._type()
        if self._current.kind == "." and isinstance(reference, ast.SpecializedRef):
            return self._direct_application(reference)
        return ast.DeclarationStatement(token.span, self._variable_or_instance(reference, annotations))

    def _direct_application(self, reference: ast.TypeRef) -> ast.Statement:
        """Type<arguments>.apply(...);"""
        call = self._postfix(ast.TypeExpression(reference.span, reference), reference.span)
        if not isinstance(call, ast.Call):
            raise self._problem("this expression has no effect; expected a call of 'apply'", call.span)
        self._expect(";", "after the statement")
        return ast.CallStatement(call.span, call)

    def _starts_declaration(self) -> bool:
        token, following = self._current, self._peek()
        if self._starts_type(token, following):
            after = self._peek(2) if token.kind == "." else following
            return after.kind != "." or token.kind not in (IDENTIFIER, ".", "error")
        return self._is_name(token) and self._is_name(following)

    def _variable_or_instance(self, reference: ast.TypeRef, annotations: list[Annotation]) -> ast.Declaration:
        if self._current.kind == "(":
            return self._instantiation(reference, annotations)
        declaration = self._variable(reference, annotations)
        self._expect(";", "after the declaration")
        return declaration

    def _variable(self, reference: ast.TypeRef, annotations: list[Annotation]) -> ast.Variable:
        name, reference = self._declarator(reference, "the name of a variable")
        initializer = self._expression() if self._accept("=") else None
        self._declare(name.text)
        return ast.Variable(name.span, name.text, reference, initializer, annotations=annotations)

    def _declarator(self, reference: ast.TypeRef, what: str) -> tuple[Token, ast.TypeRef]:
        name = self._name(what)
        while self._accept("["):
            size = self._inside(self._expression)
            self._expect("]")
            reference = ast.ArrayRef(reference.span, reference, size)
        return name, reference

    def _constant(self, annotations: list[Annotation]) -> ast.Constant:
        self._expect("const")
        name, reference = self._declarator(self._type(), "the name of a constant")
        self._expect("=", "and the constant's value")
        value = self._expression()
        self._expect(";", "after the constant")
        self._declare(name.text)
        return ast.Constant(name.span, name.text, reference, value, annotations=annotations)

    def _instantiation(self, reference: ast.TypeRef, annotations: list[Annotation]) -> ast.Instantiation:
        arguments = self._arguments()
        name = self._name("the name of the instance")
        methods: list[ast.Declaration] = []
        has_block = False
        if self._accept("="):
            has_block = True
            self._expect("{")
            methods = self._scoped(lambda: self._many(self._object_declaration, "}"))
            self._expect("}")
        self._expect(";", "after the instance")
        self._declare(name.text)
        return ast.Instantiation(
            name.span, name.text, reference, arguments, methods, has_block, annotations=annotations
        )

    def _object_declaration(self) -> ast.Declaration | None:
        raise NotImplementedError

    def _simple_statement(self) -> ast.Statement:
        statement = self._assignment_or_call()
        self._expect(";", "after the statement")
        return statement

    def _assignment_or_call(self) -> ast.Statement:
        start = self._current
        target = self._postfix(self._primary(), start.span)
        if self._current.kind in _ASSIGNMENTS:
            operator = self._advance().kind[:-1]
            value = self._expression()
            return ast.Assignment(self._span_from(start.span), target, value, operator or None)
        if isinstance(target, ast.Call):
            return ast.CallStatement(target.span, target)
        if self._current.kind == ";":
            raise self._problem("this expression has no effect; expected an assignment or a call", target.span)
        raise self._problem(f"expected '=' or '(', found {self._current.named}")

    def _empty(self) -> ast.Statement:
        return ast.Empty(self._advance().span)

    def _if(self) -> ast.Statement:
        start = self._expect("if").span
        self._expect("(", "after 'if'")
        condition = self._expression()
        self._expect(")")
        then = self._single()
        otherwise = self._single() if self._accept("else") else None
        return ast.If(start, condition, then, otherwise)

    def _single(self) -> ast.Statement:
        return self._scoped(self._statement)

    def _return(self) -> ast.Statement:
        start = self._expect("return").span
        value = None if self._current.kind == ";" else self._expression()
        self._expect(";", "after 'return'")
        return ast.Return(start, value)

    def _exit(self) -> ast.Statement:
        start = self._expect("exit").span
        self._expect(";", "after 'exit'")
        return ast.Exit(start)

    def _break(self) -> ast.Statement:
        start = self._expect("break").span
        self._expect(";", "after 'break'")
        return ast.Break(start)

    def _continue(self) -> ast.Statement:
        start = self._expect("continue").span
        self._expect(";", "after 'continue'")
        return ast.Continue(start)

    def _switch(self) -> ast.Statement:
        start = self._expect("switch").span
        self._expect("(", "after 'switch'")
        selector = self._expression()
        self._expect(")")
        self._expect("{")
        cases = self._many(self._switch_case, "}")
        self._expect("}")
        return ast.Switch(start, selector, cases)

    def _switch_case(self) -> ast.SwitchCase:
        start = self._current.span
        label = None
        if not self._accept("default"):
            label = self._expression()
        span = self._span_from(start)
        self._expect(":", "after the case's label")
        body = self._block(self._annotations()) if self._current.kind in ("{", "@") else None
        return ast.SwitchCase(span, label, body)

    def _for(self) -> ast.Statement:
        return self._scoped(self._for_scoped)

    def _for_scoped(self) -> ast.Statement:
        start = self._expect("for").span
        self._expect("(", "after 'for'")
        inner = self._annotations()
        if self._is_for_in():
            return self._for_in(start, inner)
        init: list[ast.Statement] = []
        while self._current.kind != ";":
            init.append(self._for_init(inner))
            inner = []
            if not self._accept(","):
                break
        self._expect(";", "after the loop's start")
        condition = self._expression()
        self._expect(";", "after the loop's condition")
        update: list[ast.Statement] = []
        while self._current.kind != ")":
            update.append(self._assignment_or_call())
            if not self._accept(","):
                break
        self._expect(")")
        return ast.For(start, init, condition, update, self._single())

    def _is_for_in(self) -> bool:
        depth = 0
        for distance in range(1, 200):
            token = self._peek(distance)
            depth += (token.kind in ("(", "[", "{")) - (token.kind in (")", "]", "}"))
            if depth < 0 or token.kind == ";":
                return False
            if token.kind == "in" and depth == 0:
                return True
        return False

    def _for_in(self, start: Span, annotations: list[Annotation]) -> ast.Statement:
        reference = self._type()
        name = self._name("the name of the loop's variable")
        self._expect("in")
        first = self._expression()
        if self._accept(".."):
            second = self._expression()
            first = ast.Binary(self._span_from(first.span), "..", first, second)
        self._expect(")")
        self._declare(name.text)
        variable = ast.Variable(name.span, name.text, reference, annotations=annotations)
        return ast.ForIn(start, variable, first, self._single())

    def _for_init(self, annotations: list[Annotation]) -> ast.Statement:
        start = self._current.span
        if not annotations and self._current.kind == "@":
            annotations = self._annotations()
        if self._starts_declaration():
            return ast.DeclarationStatement(start, self._variable(self._type(), annotations))
        return self._assignment_or_call()


_STATEMENTS = {
    ";": StatementParser._empty,
    "if": StatementParser._if,
    "return": StatementParser._return,
    "exit": StatementParser._exit,
    "break": StatementParser._break,
    "continue": StatementParser._continue,
    "switch": StatementParser._switch,
    "for": StatementParser._for,
}
