"""Declarations of callables, blocks, packages and instances (spec 1.2.5, sections 7, 10 to 16)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.check_parsers import ParserChecker
from rackplane.compiler.frontend.check_stmts import always_returns
from rackplane.compiler.frontend.types import Direction, Signature, Type


class DeclarationChecker(ParserChecker):
    """A whole program, declaration by declaration: a name is known after its declaration only."""

    def program(self, program: ast.Program) -> None:
        """Check everything; errors go to the diagnostics."""
        for declaration in program.declarations:
            _DECLARATIONS[type(declaration)](self, declaration)
        for declaration in self._scope.local("NoAction"):
            if not isinstance(declaration, ast.ActionDeclaration) or declaration.parameters:
                self._error("'NoAction' must be an action without parameters", declaration.span)
        for declaration in self._scope.local("main"):
            if not isinstance(declaration.type, types.Package | types.Unknown):
                self._error("'main' must be an instance of a package", declaration.span)

    # Parameters

    def _parameters(self, parameters: list[ast.Parameter]) -> tuple[types.Parameter, ...]:
        """Resolve and declare parameters in the current scope."""
        found: list[types.Parameter] = []
        for p in parameters:
            p.type = self._parameter_type(p)
        for p in parameters:
            optional = any(a.name == "optional" for a in p.annotations)
            if p.default is not None:
                self._default(p)
            if optional and p.default is not None:
                self._error(f"the optional parameter '{p.name}' cannot have a default value", p.span)
            self._declare(p)
            found.append(types.Parameter(p.name, p.type, p.direction, optional, p))
        return tuple(found)

    def _parameter_type(self, p: ast.Parameter) -> Type:
        found = self._value_type(p.reference, "a parameter")
        is_object = isinstance(found, types.Extern | types.Block | types.Package)
        declaration = getattr(found, "declaration", None)
        concrete = (
            isinstance(found, types.Block)
            and isinstance(declaration, ast.BlockDeclaration)
            and declaration.has_body
        )
        if concrete or (isinstance(found, types.Block | types.Package) and not p.in_constructor):
            return self._fail(f"the parameter '{p.name}' cannot have the type {found}", p.span)
        if p.direction is not Direction.NONE:
            if is_object:
                return self._fail(f"the parameter '{p.name}' of the type {found} cannot have a direction", p.span)
            if p.in_constructor:
                return self._fail(f"the constructor parameter '{p.name}' cannot have a direction", p.span)
            if found in (types.INT, types.STRING, types.MATCH_KIND):
                return self._fail(f"a parameter of the type {found} cannot have a direction", p.span)
        return found

    def _check_optional(self, parameters: list[ast.Parameter]) -> None:
        for p in parameters:
            if any(a.name == "optional" for a in p.annotations):
                self._error(
                    f"'{p.name}' cannot be optional: only parameters of externs, types and packages are", p.span
                )

    def _default(self, p: ast.Parameter) -> None:
        if p.default is None:
            return
        if p.direction.writes:
            self._error(f"the parameter '{p.name}' is written and cannot have a default value", p.default.span)
        if self._typed(p.default, p.type, f"the parameter '{p.name}'") and not self._is_compile_time(p.default):
            self._error(f"the default of '{p.name}' must be known at compile time", p.default.span)

    # Functions and externs

    def _function_signature(self, f: ast.FunctionDeclaration) -> Signature:
        """Resolve a prototype in the current scope."""
        variables = self._type_variables(f.type_parameters)
        result = self._resolve(f.result)
        if any(isinstance(p, types.DontCare) for p in types.parts(result)):
            self._error(f"'{f.name}' cannot return {result}", f.result.span)
        if isinstance(result, types.Extern | types.Block | types.Package) and not f.is_constructor:
            self._error(f"'{f.name}' cannot return an object of the type {result}", f.result.span)
        parameters = self._parameters(f.parameters)
        return Signature(f.name, parameters, result, variables, f, f.abstract)

    def _function_declaration(self, f: ast.FunctionDeclaration) -> None:
        f.type = types.Named("function", f)
        with self._scoped():
            signature = self._function_signature(f)
            if f.body is not None:
                self._check_optional(f.parameters)
                self._function_body(f, signature, f.body)
        f.signature = signature
        self._declare(f)

    def _function_body(self, f: ast.FunctionDeclaration, signature: Signature, body: ast.BlockStatement) -> None:
        with self._within(place="function", result=signature.result, loops=0, callable=f):
            self._block(body)
        if signature.result != types.VOID and not always_returns(body):
            self._error(f"the function '{f.name}' can end without returning a {signature.result}", f.span)

    def _extern_declaration(self, e: ast.ExternDeclaration) -> None:
        with self._scoped():
            variables = self._type_variables(e.type_parameters)
            seen: list[tuple[str, list[str]]] = []
            for method in e.methods:
                self._extern_method_declaration(e, method, seen)
        e.type = types.Extern(e.name, variables, e, variables)
        self._declare(e)

    def _extern_method_declaration(
        self, e: ast.ExternDeclaration, method: ast.FunctionDeclaration, seen: list[tuple[str, list[str]]]
    ) -> None:
        shape = (method.name, [p.name for p in method.parameters])
        if shape in seen:
            self._error(f"'{e.name}' has this form of '{method.name}' twice", method.span)
        seen.append(shape)
        if method.name == e.name and not method.is_constructor:
            self._error(f"a method cannot have the name of its extern '{e.name}'", method.span)
        for parameter in method.parameters:
            parameter.in_constructor = method.is_constructor
        with self._scoped():
            method.signature = self._function_signature(method)
        for p in method.signature.parameters:
            if isinstance(p.type, types.Block | types.Package):
                self._error(f"the parameter '{p.name}' of an extern cannot have the type {p.type}", method.span)

    # Actions

    def _action(self, a: ast.ActionDeclaration) -> None:
        a.type = types.Named("action", a)
        with self._scoped():
            self._check_optional(a.parameters)
            parameters = self._parameters(a.parameters)
            free_seen = False
            for p in parameters:
                if p.direction is Direction.NONE:
                    free_seen = True
                    self._control_plane_type(p, a)
                elif free_seen:
                    self._error(f"'{p.name}' must stand before the parameters without direction", a.span)
            with self._within(place="action", callable=a, result=None, loops=0):
                self._block(a.body)
        a.signature = Signature(a.name, parameters, types.VOID, (), a)
        self._declare(a)

    def _control_plane_type(self, p: types.Parameter, action: ast.ActionDeclaration) -> None:
        span = p.declaration.span if isinstance(p.declaration, ast.Parameter) else action.span
        if isinstance(p.type, types.Extern | types.Block | types.Package) or p.type in (types.INT, types.STRING):
            self._error(f"the parameter '{p.name}' of an action cannot have the type {p.type}", span)

    # Parsers, controls, packages

    def _block_declaration(self, b: ast.BlockDeclaration) -> None:
        with self._scoped():
            variables = self._type_variables(b.type_parameters)
            parameters = self._parameters(b.parameters)
            b.type = types.Block(b.kind, b.name, variables, parameters, variables, b)
            if b.has_body:
                self._check_optional(b.constructor + b.parameters)
                constructor = self._parameters(b.constructor)
                b.constructor_signature = Signature(b.name, constructor, b.type, (), b)
                self._scope.declare(b)
                with self._within(place=b.kind, block=b):
                    self._block_body(b)
        self._declare(b)

    def _block_body(self, b: ast.BlockDeclaration) -> None:
        with self._scoped():
            for local in b.locals:
                _LOCALS[type(local)](self, local)
            if b.kind == "parser":
                self._states(b)
                return
            if b.body is None:
                self._error(f"the control '{b.name}' has no 'apply' block", b.span)
                return
            with self._within(place="apply", result=None, loops=0):
                self._block(b.body)

    def _package(self, p: ast.PackageDeclaration) -> None:
        with self._scoped():
            variables = self._type_variables(p.type_parameters)
            for parameter in p.parameters:
                parameter.in_constructor = True
            parameters = self._parameters(p.parameters)
        p.type = types.Package(p.name, variables, parameters, variables, p)
        self._declare(p)

    def _value_set(self, v: ast.ValueSetDeclaration) -> None:
        element = self._value_type(v.element, "a value set")
        base = types.underlying(element)
        fits = isinstance(base, types.Bits | types.SerEnum | types.EnumType | types.Tuple | types.Unknown)
        if not fits and not types.is_struct(base) and base not in (types.BOOL, types.ERROR):
            element = self._fail(f"a value set cannot hold {element}", v.element.span)
        self._expression(v.size)
        good = types.is_numeric(v.size.type) and self._is_compile_time(v.size)
        if not good and not isinstance(v.size.type, types.Unknown):
            self._error("the size of a value set is a number that is known at compile time", v.size.span)
        v.type = types.ValueSetOf(element)
        self._declare(v)

    # Instances

    def _instance(self, i: ast.Instantiation) -> None:
        made = self._resolve(i.reference, bare=True)
        i.call = ast.Call(i.span, ast.TypeExpression(i.reference.span, i.reference), [], i.arguments)
        self._instance_call = i.call
        i.type = self._construct(i.call, made)
        i.call.type = i.type
        self._check_shadowing(i)
        if isinstance(made, types.Block | types.Package) and i.has_block:
            self._error(f"an instance of {made} cannot have a block of methods", i.span)
        elif isinstance(made, types.Extern):
            self._methods_of(i, made)
        self._check_instance_place(i, made)
        self._declare(i)

    def _check_instance_place(self, i: ast.Instantiation, made: Type) -> None:
        place = self._around.place
        if isinstance(made, types.Block):
            if place == "program":
                self._error(f"a {made.kind} cannot be instantiated at the top of a program", i.span)
            elif place != made.kind:
                self._error(f"a {made.kind} cannot be instantiated in a {place}", i.span)
            elif made.declaration is self._around.block:
                self._error(f"the {made.kind} '{made.name}' cannot contain itself", i.span)
        elif isinstance(made, types.Package) and place != "program":
            self._error(f"a package cannot be instantiated in a {place}", i.span)

    def _methods_of(self, i: ast.Instantiation, made: types.Extern) -> None:
        declaration = made.declaration
        if not isinstance(declaration, ast.ExternDeclaration):
            return
        abstract = {m.name for m in declaration.methods if m.abstract}
        given = {m.name for m in i.methods}
        for name in sorted(abstract - given):
            self._error(f"the instance '{i.name}' must implement the method '{name}' of {made}", i.span)
        for method in i.methods:
            if method.name not in abstract and isinstance(method, ast.FunctionDeclaration):
                self._error(f"{made} has no abstract method '{method.name}'", method.span)
        if abstract and not abstract - given:
            self._error(f"instances that implement methods, as '{i.name}' does, are not supported", i.span)


_DECLARATIONS: dict[type, Callable[[Any, Any], None]] = {
    ast.CompositeDeclaration: DeclarationChecker._composite,
    ast.EnumDeclaration: DeclarationChecker._enum,
    ast.ErrorDeclaration: DeclarationChecker._errors,
    ast.TypedefDeclaration: DeclarationChecker._typedef,
    ast.Constant: DeclarationChecker._constant,
    ast.FunctionDeclaration: DeclarationChecker._function_declaration,
    ast.ExternDeclaration: DeclarationChecker._extern_declaration,
    ast.ActionDeclaration: DeclarationChecker._action,
    ast.BlockDeclaration: DeclarationChecker._block_declaration,
    ast.PackageDeclaration: DeclarationChecker._package,
    ast.Instantiation: DeclarationChecker._instance,
}

_LOCALS: dict[type, Callable[[Any, Any], None]] = {
    ast.Constant: DeclarationChecker._constant,
    ast.Variable: DeclarationChecker._variable,
    ast.ActionDeclaration: DeclarationChecker._action,
    ast.TableDeclaration: DeclarationChecker._table,
    ast.Instantiation: DeclarationChecker._instance,
    ast.ValueSetDeclaration: DeclarationChecker._value_set,
}
