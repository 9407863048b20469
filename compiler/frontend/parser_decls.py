"""Parsing of types, externs, parsers, controls and packages: everything at the top of a program."""

from __future__ import annotations

from rackplane.compiler.frontend import ast
from rackplane.compiler.frontend.parser_tables import TableParser
from rackplane.compiler.frontend.types import Direction, Kind
from rackplane.compiler.ir import Annotation
from rackplane.compiler.lexing.tokens import Token

_COMPOSITES = {"struct": Kind.STRUCT, "header": Kind.HEADER, "header_union": Kind.UNION}


class DeclarationParser(TableParser):
    """Declarations."""

    def program(self) -> ast.Program:
        """The whole program; syntax errors go to the diagnostics."""
        start = self._current.span
        declarations: list[ast.Declaration] = []
        while self._current.kind != "end of file":
            declarations.extend(self._many(self._top_level, "end of file"))
            if self._current.kind == "}":
                self._diagnostics.error("this '}' closes nothing", self._advance().span)
        return ast.Program(start, declarations)

    def _top_level(self) -> ast.Declaration | None:
        if self._accept(";"):
            return None
        annotations = self._annotations()
        kind = self._current.kind
        if kind in _COMPOSITES:
            return self._composite(annotations)
        if kind in ("error", "match_kind") and self._peek().kind == "{":
            return self._errors(annotations)
        parse = _TOP_LEVEL.get(kind)
        if parse is not None and not (kind == "type" and self._peek().kind in ("(", "<")):
            return parse(self, annotations)
        return self._function_or_instance(annotations)

    # Types

    def _type_parameters(self) -> list[ast.TypeParameter]:
        found: list[ast.TypeParameter] = []
        if self._accept("<"):
            while True:
                name = self._name("the name of a type parameter")
                self._declare(name.text, is_type=True)
                found.append(ast.TypeParameter(name.span, name.text))
                if not self._accept(","):
                    break
            self._expect(">")
        return found

    def _composite(self, annotations: list[Annotation]) -> ast.CompositeDeclaration:
        kind = _COMPOSITES[self._advance().kind]
        name = self._name(f"the name of the {kind.value}")
        self._declare(name.text, is_type=True)

        def rest() -> ast.CompositeDeclaration:
            parameters = self._type_parameters()
            self._expect("{")
            fields = self._many(self._field, "}")
            self._expect("}")
            return ast.CompositeDeclaration(name.span, name.text, kind, parameters, fields, annotations=annotations)

        return self._scoped(rest)

    def _field(self) -> ast.FieldDeclaration:
        annotations = self._annotations()
        name, reference = self._declarator(self._type(), "the name of a field")
        self._expect(";", "after the field")
        return ast.FieldDeclaration(name.span, name.text, reference, annotations=annotations)

    def _members(self) -> list[ast.EnumMember]:
        members: list[ast.EnumMember] = []
        self._expect("{")
        while self._current.kind != "}":
            annotations = self._annotations()
            name = self._name("the name of a member")
            value = self._expression() if self._accept("=") else None
            members.append(ast.EnumMember(name.span, name.text, value, annotations=annotations))
            if not self._accept(","):
                break
        self._expect("}")
        return members

    def _enum(self, annotations: list[Annotation]) -> ast.EnumDeclaration:
        self._expect("enum")
        underlying = None
        if self._peek().kind != "{":
            underlying = self._type()
        name = self._name("the name of the enum")
        self._declare(name.text, is_type=True)
        return ast.EnumDeclaration(name.span, name.text, underlying, self._members(), annotations=annotations)

    def _errors(self, annotations: list[Annotation]) -> ast.ErrorDeclaration:
        start = self._advance()
        return ast.ErrorDeclaration(start.span, start.text, self._members(), annotations=annotations)

    def _typedef(self, annotations: list[Annotation]) -> ast.TypedefDeclaration:
        is_new = self._advance().kind == "type"
        source: ast.TypeRef | ast.Declaration
        if self._current.kind in _COMPOSITES or self._current.kind in ("enum", "@"):
            source = self._typedef_source()
            reference: ast.TypeRef = ast.NameRef(source.span, source.name)
            name, reference = self._declarator(reference, "the name of the type")
        else:
            name, source = self._declarator(self._type(), "the name of the type")
        self._expect(";", "after the type")
        self._declare(name.text, is_type=True)
        return ast.TypedefDeclaration(name.span, name.text, source, is_new, annotations=annotations)

    def _typedef_source(self) -> ast.Declaration:
        annotations = self._annotations()
        return self._enum(annotations) if self._current.kind == "enum" else self._composite(annotations)

    # Callables

    def _parameters(self) -> list[ast.Parameter]:
        self._expect("(")
        found: list[ast.Parameter] = []
        if self._current.kind != ")":
            found.append(self._parameter())
            while self._accept(","):
                found.append(self._parameter())
        self._expect(")")
        return found

    def _parameter(self) -> ast.Parameter:
        annotations = self._annotations()
        direction = Direction.NONE
        if self._current.kind in ("in", "out", "inout"):
            direction = Direction(self._advance().kind)
        name, reference = self._declarator(self._type(), "the name of a parameter")
        default = self._inside(self._expression) if self._accept("=") else None
        self._declare(name.text)
        return ast.Parameter(name.span, name.text, reference, direction, default, annotations=annotations)

    def _prototype(
        self, annotations: list[Annotation], result: ast.TypeRef, name: Token
    ) -> ast.FunctionDeclaration:
        type_parameters = self._type_parameters()
        parameters = self._parameters()
        return ast.FunctionDeclaration(
            name.span, name.text, type_parameters, parameters, result, annotations=annotations
        )

    def _function_or_instance(self, annotations: list[Annotation]) -> ast.Declaration:
        if not (self._is_name(self._current) or self._starts_type(self._current, self._peek())):
            raise self._problem(f"expected a declaration, found {self._current.named}")
        reference = self._type()
        if self._current.kind == "(":
            return self._instantiation(reference, annotations)
        name = self._name("the name of a function or instance")
        if self._current.kind in ("=", ";"):
            raise self._problem(
                "a variable cannot stand at the top of a program; did you mean a 'const'?", name.span
            )
        self._declare(name.text)
        return self._scoped(lambda: self._function_rest(annotations, reference, name))

    def _function_rest(
        self, annotations: list[Annotation], reference: ast.TypeRef, name: Token
    ) -> ast.FunctionDeclaration:
        function = self._prototype(annotations, reference, name)
        function.body = self._block()
        return function

    def _object_declaration(self) -> ast.Declaration | None:
        if self._accept(";"):
            return None
        return self._function_or_instance(self._annotations())

    def _action(self, annotations: list[Annotation]) -> ast.ActionDeclaration:
        self._expect("action")
        name = self._name("the name of the action")
        self._declare(name.text)

        def rest() -> ast.ActionDeclaration:
            parameters = self._parameters()
            return ast.ActionDeclaration(name.span, name.text, parameters, self._block(), annotations=annotations)

        return self._scoped(rest)

    # Externs

    def _extern(self, annotations: list[Annotation]) -> ast.Declaration | None:
        self._expect("extern")
        if self._is_name(self._current) and self._is_object():
            return self._extern_object(annotations)
        if self._is_name(self._current) and self._peek().kind == ";":
            self._declare(self._advance().text, is_type=True)
            self._advance()
            return None
        reference = self._type()
        name = self._name("the name of the extern function")
        self._declare(name.text)
        function = self._scoped(lambda: self._prototype(annotations, reference, name))
        self._expect(";", "after the extern function")
        return function

    def _is_object(self) -> bool:
        distance = 1
        if self._peek().kind == "<":
            while self._peek(distance).kind not in (">", "{", ";", "(", "end of file"):
                distance += 1
            distance += 1
        return self._peek(distance).kind == "{"

    def _extern_object(self, annotations: list[Annotation]) -> ast.ExternDeclaration:
        name = self._advance()
        self._declare(name.text, is_type=True)

        def rest() -> ast.ExternDeclaration:
            parameters = self._type_parameters()
            self._expect("{")
            methods = self._many(lambda: self._method(name.text), "}")
            self._expect("}")
            return ast.ExternDeclaration(name.span, name.text, parameters, methods, annotations=annotations)

        return self._scoped(rest)

    def _method(self, owner: str) -> ast.FunctionDeclaration:
        annotations = self._annotations()
        abstract = self._accept("abstract") is not None
        if self._current.text == owner and self._peek().kind == "(":
            name = self._advance()
            result: ast.TypeRef = ast.BaseRef(name.span, "void")
            method = self._scoped(lambda: self._prototype(annotations, result, name))
            method.is_constructor = True
        else:
            reference = self._type()
            name = self._name("the name of a method")
            method = self._scoped(lambda: self._prototype(annotations, reference, name))
        method.abstract = abstract
        self._expect(";", "after the method")
        return method

    # Parsers, controls, packages

    def _package(self, annotations: list[Annotation]) -> ast.PackageDeclaration:
        self._expect("package")
        name = self._name("the name of the package")

        def rest() -> ast.PackageDeclaration:
            type_parameters = self._type_parameters()
            parameters = self._parameters()
            return ast.PackageDeclaration(
                name.span, name.text, type_parameters, parameters, annotations=annotations
            )

        package = self._scoped(rest)
        self._expect(";", "after the package")
        self._declare(name.text, is_type=True)
        return package

    def _parser_or_control(self, annotations: list[Annotation]) -> ast.BlockDeclaration:
        kind = self._advance().kind
        name = self._name(f"the name of the {kind}")
        self._declare(name.text, is_type=True)

        def rest() -> ast.BlockDeclaration:
            type_parameters = self._type_parameters()
            parameters = self._parameters()
            block = ast.BlockDeclaration(
                name.span, name.text, kind, type_parameters, parameters, annotations=annotations
            )
            if self._accept(";"):
                return block
            if self._current.kind == "(":
                block.constructor = self._parameters()
                for parameter in block.constructor:
                    parameter.in_constructor = True
            block.has_body = True
            self._expect("{")
            self._body(block)
            self._expect("}", f"at the end of the {kind}")
            return block

        return self._scoped(rest)

    def _body(self, block: ast.BlockDeclaration) -> None:
        if block.kind == "control":
            block.locals = self._control_locals()
            if self._current.kind == "apply":
                self._advance()
                block.body = self._block(self._annotations())
            if self._current.kind != "}":
                raise self._problem("nothing may follow the 'apply' block of a control")
            return
        while self._current.kind not in ("}", "end of file"):
            for item in self._many(self._parser_item, "}"):
                if isinstance(item, ast.StateDeclaration):
                    block.states.append(item)
                else:
                    block.locals.append(item)

    def _control_locals(self) -> list[ast.Declaration]:
        done = False

        def local() -> ast.Declaration | None:
            nonlocal done
            if self._current.kind == "apply" and self._peek().kind in ("{", "@"):
                done = True
                return None
            return self._control_local()

        found: list[ast.Declaration] = []
        while not done and self._current.kind not in ("}", "end of file"):
            found.extend(self._until(local, lambda: done))
        return found

    def _control_local(self) -> ast.Declaration:
        annotations = self._annotations()
        kind = self._current.kind
        if kind == "const":
            return self._constant(annotations)
        if kind == "action":
            return self._action(annotations)
        if kind == "table":
            return self._table(annotations)
        if self._starts_declaration():
            return self._variable_or_instance(self._type(), annotations)
        raise self._problem(f"expected a declaration or 'apply', found {self._current.named}")

    def _parser_item(self) -> ast.Declaration:
        annotations = self._annotations()
        kind = self._current.kind
        if kind == "state":
            return self._state(annotations)
        if kind == "const":
            return self._constant(annotations)
        if kind == "value_set":
            return self._value_set(annotations)
        if self._starts_declaration():
            return self._variable_or_instance(self._type(), annotations)
        raise self._problem(f"expected a declaration or a state, found {self._current.named}")

    def _value_set(self, annotations: list[Annotation]) -> ast.ValueSetDeclaration:
        self._expect("value_set")
        self._expect("<")
        element = self._type()
        self._expect(">")
        self._expect("(")
        size = self._expression()
        self._expect(")")
        name = self._name("the name of the value set")
        self._expect(";", "after the value set")
        self._declare(name.text)
        return ast.ValueSetDeclaration(name.span, name.text, element, size, annotations=annotations)

    # States

    def _state(self, annotations: list[Annotation]) -> ast.StateDeclaration:
        self._expect("state")
        name = self._name("the name of the state")
        self._expect("{")
        return self._scoped(lambda: self._state_rest(name, annotations))

    def _state_rest(self, name: Token, annotations: list[Annotation]) -> ast.StateDeclaration:
        statements = self._until(self._statement, lambda: self._current.kind == "transition")
        transition = None
        if self._current.kind == "transition":
            transition = self._transition()
        self._expect("}", "at the end of the state")
        return ast.StateDeclaration(name.span, name.text, statements, transition, annotations=annotations)

    def _transition(self) -> ast.Transition:
        start = self._expect("transition").span
        if not self._accept("select"):
            name = self._name("the name of a state")
            self._expect(";", "after the transition")
            return ast.Transition(name.span, name.text, [], [])
        self._expect("(", "after 'select'")
        keys: list[ast.Expression] = []
        if self._current.kind != ")":
            keys.append(self._expression())
            while self._accept(","):
                keys.append(self._expression())
        self._expect(")")
        self._expect("{")
        cases = self._many(self._select_case, "}")
        self._expect("}")
        return ast.Transition(start, None, keys, cases)

    def _select_case(self) -> ast.SelectCase:
        start = self._current.span
        keys = self._keyset()
        self._expect(":", "after the keys")
        name = self._name("the name of a state")
        self._expect(";", "after the state's name")
        return ast.SelectCase(start, keys, name.text, name.span)


_TOP_LEVEL = {
    "const": DeclarationParser._constant,
    "extern": DeclarationParser._extern,
    "action": DeclarationParser._action,
    "parser": DeclarationParser._parser_or_control,
    "control": DeclarationParser._parser_or_control,
    "package": DeclarationParser._package,
    "enum": DeclarationParser._enum,
    "typedef": DeclarationParser._typedef,
    "type": DeclarationParser._typedef,
}
