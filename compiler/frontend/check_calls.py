"""Calls: which of several overloads, which type arguments, which argument for which parameter."""

from __future__ import annotations

from collections.abc import Sequence

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.arguments import Bound, arranged, has_varbit, misfit, size_in_bits
from rackplane.compiler.frontend.check_members import SIZE_METHODS, MemberChecker
from rackplane.compiler.frontend.inference import unify
from rackplane.compiler.frontend.types import Bindings, Direction, Signature, Type
from rackplane.compiler.ir import Span


class CallChecker(MemberChecker):
    """Calls of functions, methods, actions, tables, parsers and controls; constructors."""

    def _call(self, e: ast.Call) -> Type:
        function = e.function
        if isinstance(function, ast.TypeExpression):
            return self._constructor(e, function)
        if isinstance(function, ast.Member):
            return self._method(e, function)
        if isinstance(function, ast.Path):
            return self._named_call(e, function)
        self._expression(function)
        return self._fail("this cannot be called", function.span)

    # Names

    def _named_call(self, e: ast.Call, path: ast.Path) -> Type:
        found = self._lookup(path.name, path.absolute)
        functions = [f for f in found if isinstance(f, ast.FunctionDeclaration)]
        if functions:
            return self._function(e, path.name, functions)
        if found and isinstance(found[0], ast.ActionDeclaration):
            return self._action_call(e, found[0])
        self._check_arguments_alone(e)
        if not found:
            return self._unknown_name("function", path.name, path.span)
        hint = [f"write '{path.name}.apply(...)'"] if isinstance(found[0], ast.TableDeclaration) else []
        return self._fail(f"'{path.name}' cannot be called", path.span, *hint)

    def _function(self, e: ast.Call, name: str, functions: list[ast.FunctionDeclaration]) -> Type:
        signatures = [f.signature for f in functions if f.signature is not None]
        chosen = self._choose(f"function '{name}'", signatures, e.arguments, e.span)
        if chosen is None:
            self._check_arguments_alone(e)
            return types.UNKNOWN
        self._check_place_of(e, name, chosen)
        found = self._apply_signature(e, "function", chosen, None)
        if name == "static_assert" and e.resolved is not None:
            self._static_assert(e, e.resolved)
        return found

    def _static_assert(self, e: ast.Call, resolved: ast.Resolved) -> None:
        values = [a.value if a is not None else None for a in resolved.arguments]
        e.value = True if values[0] is False else None
        if values[0] is False:
            reason = f": {values[1]}" if len(values) > 1 and isinstance(values[1], str) else ""
            self._error(f"static_assert failed{reason}", e.span)
        elif values[0] is True:
            e.value = True

    def _check_place_of(self, e: ast.Call, name: str, signature: Signature) -> None:
        declaration = signature.declaration
        is_extern = isinstance(declaration, ast.FunctionDeclaration) and declaration.body is None
        if is_extern and name == "verify" and self._around.place not in ("state", "function"):
            self._error("'verify' can be called in parsers only", e.span)

    def _action_call(self, e: ast.Call, action: ast.ActionDeclaration) -> Type:
        if action.signature is None:
            return self._fail(f"the action '{action.name}' cannot call itself", e.span)
        if self._around.place in ("state", "function", "parser"):
            self._error(f"an action cannot be called in a {self._around.place}", e.span)
        return self._apply_signature(e, "action", action.signature, None)

    def _check_arguments_alone(self, e: ast.Call) -> None:
        for argument in e.arguments:
            self._expression(argument.expression)

    # Methods

    def _method(self, e: ast.Call, member: ast.Member) -> Type:
        base = self._expression(member.base)
        name = member.name
        found: Type = types.UNKNOWN
        if isinstance(base, types.Unknown):
            self._check_arguments_alone(e)
        elif isinstance(base, types.Meta):
            found = self._type_method(e, member, base.type)
        elif isinstance(base, types.Extern):
            found = self._extern_method(e, member, base)
        elif name == "apply" and isinstance(base, types.Block):
            found = self._apply_block(e, base, member.base)
        elif (
            name == "apply" and isinstance(base, types.Named) and isinstance(base.declaration, ast.TableDeclaration)
        ):
            found = self._apply_table(e, base.declaration)
        elif name in SIZE_METHODS and isinstance(base, types.Composite | types.Stack):
            found = self._size(e, base, name)
        else:
            found = self._builtin_or_field(e, member)
        return found

    def _builtin_or_field(self, e: ast.Call, member: ast.Member) -> Type:
        found = self._member(member)
        member.type = found
        if isinstance(found, types.Named):
            return self._builtin(e, member)
        self._check_arguments_alone(e)
        if not isinstance(found, types.Unknown):
            self._error(f"'{member.name}' cannot be called", member.name_span)
        return types.UNKNOWN

    def _builtin(self, e: ast.Call, member: ast.Member) -> Type:
        name = member.name
        wanted: tuple[types.Parameter, ...] = ()
        if name in ("push_front", "pop_front"):
            wanted = (types.Parameter("count", types.INT),)
        if name != "isValid":
            self._check_writable(member.base, f"cannot call '{name}'")
        if name in ("setValid", "setInvalid") and types.is_union(member.base.type):
            return self._fail(f"'{name}' is called on a member of a header_union, not on the union", e.span)
        result = types.BOOL if name == "isValid" else types.VOID
        before = self._diagnostics.count
        found = self._apply_signature(e, "builtin", Signature(name, wanted, result), member.base)
        if self._diagnostics.count != before:
            return found
        for argument in e.arguments:
            value = argument.expression.value
            if not isinstance(value, int):
                self._error(f"the argument of '{name}' must be known at compile time", argument.span)
            elif value < 0:
                self._error(f"the argument of '{name}' cannot be negative", argument.span)
        return found

    def _type_method(self, e: ast.Call, member: ast.Member, owner: Type) -> Type:
        if member.name in SIZE_METHODS:
            return self._size(e, owner, member.name)
        if member.name == "apply" and isinstance(owner, types.Block):
            declaration = owner.declaration
            if isinstance(declaration, ast.BlockDeclaration) and declaration.constructor:
                self._error(f"'{owner.name}' has constructor parameters: make an instance first", e.span)
            return self._apply_block(e, owner, member.base)
        self._check_arguments_alone(e)
        self._of_type(member, owner)
        if isinstance(owner, types.EnumType | types.SerEnum) or owner == types.ERROR:
            self._error(f"'{member.name}' cannot be called", member.name_span)
        return types.UNKNOWN

    def _size(self, e: ast.Call, owner: Type, name: str) -> Type:
        if e.arguments:
            return self._fail(f"'{name}' takes no arguments", e.span)
        size = size_in_bits(owner, name.startswith("max"))
        e.resolved = ast.Resolved("size", name)
        if size is None:
            if types.is_generic(owner):
                return types.INT
            return self._fail(f"{owner} has no size", e.span)
        e.value = (size + 7) // 8 if name.endswith("Bytes") else size
        return types.INT

    def _extern_method(self, e: ast.Call, member: ast.Member, owner: types.Extern) -> Type:
        declaration = owner.declaration
        if not isinstance(declaration, ast.ExternDeclaration):
            return types.UNKNOWN
        bindings = dict(zip(owner.parameters, owner.arguments, strict=True))
        signatures = [
            _specialized(m.signature, bindings)
            for m in declaration.methods
            if m.name == member.name and not m.is_constructor and m.signature is not None
        ]
        if not signatures:
            self._check_arguments_alone(e)
            return self._no_member(member, owner, [m.name for m in declaration.methods])
        chosen = self._choose(f"method '{member.name}'", signatures, e.arguments, e.span)
        if chosen is None:
            self._check_arguments_alone(e)
            return types.UNKNOWN
        found = self._apply_signature(e, "method", chosen, member.base)
        if owner.name == "packet_in" and e.resolved is not None:
            self._check_packet_in(e, e.resolved)
        return found

    def _check_packet_in(self, e: ast.Call, resolved: ast.Resolved) -> None:
        """extract and lookahead take what has a layout in the packet (spec 1.2.5, section 13.8)."""
        if resolved.name == "lookahead":
            t = resolved.result
            if not types.is_generic(t) and (types.bit_width(t) is None or has_varbit(t)):
                self._error(f"'lookahead' reads types of a fixed width, not {t}", e.span)
        if resolved.name != "extract":
            return
        t = types.underlying(resolved.parameters[0].type)
        if isinstance(t, types.Unknown | types.TypeVar | types.DontCare):
            return
        if not types.is_header(t):
            self._error(f"'extract' fills a header, not {t}", e.span)
        elif len(resolved.parameters) == 1 and has_varbit(t):
            self._error(f"{t} has a varbit field: give its size in bits as second argument", e.span)
        elif len(resolved.parameters) == 2 and not has_varbit(t):
            self._error(f"{t} has no varbit field: 'extract' takes one argument here", e.span)

    def _apply_block(self, e: ast.Call, owner: types.Block, receiver: ast.Expression) -> Type:
        place = self._around.place
        wanted = "state" if owner.kind == "parser" else "apply"
        if place not in (wanted, "program"):
            self._error(
                f"a {owner.kind} is applied in a {'parser state' if wanted == 'state' else 'control'} only", e.span
            )
        declaration = owner.declaration
        if declaration is self._around.block:
            self._error(f"the {owner.kind} '{owner.name}' cannot apply itself", e.span)
        open_variables = tuple(p for p, a in zip(owner.parameters, owner.arguments, strict=True) if a is p)
        signature = Signature(owner.name, owner.apply, types.VOID, open_variables, declaration)
        return self._apply_signature(e, "apply", signature, receiver)

    def _apply_table(self, e: ast.Call, table: ast.TableDeclaration) -> Type:
        if self._around.place != "apply" and not self._around.in_key:
            self._error(f"the table '{table.name}' can be applied in the 'apply' block of a control only", e.span)
        if e.arguments:
            self._error("a table is applied without arguments", e.span)
        e.resolved = ast.Resolved("table", table.name, declaration=table)
        return types.ApplyResult(table)

    # Constructors

    def _constructor(self, e: ast.Call, function: ast.TypeExpression) -> Type:
        made = self._resolve(function.reference, bare=True)
        function.type = types.Meta(made)
        return self._construct(e, made)

    def _construct(self, e: ast.Call, made: Type) -> Type:
        """Check a constructor call of a type; returns the type of the new object."""
        if isinstance(made, types.Unknown):
            self._check_arguments_alone(e)
            return made
        name = getattr(made, "name", str(made))
        signatures = self._constructors(made)
        if signatures is None:
            self._check_arguments_alone(e)
            return self._fail(f"{made} has no constructor", e.span)
        chosen = self._choose(f"constructor of '{name}'", signatures, e.arguments, e.span)
        if chosen is None:
            self._check_arguments_alone(e)
            return types.UNKNOWN
        if isinstance(made, types.Extern) and e is not self._instance_call and _has_abstract(made):
            self._error(f"{made} has abstract methods: declare an instance of it", e.span)
        before = self._diagnostics.count
        found = self._apply_signature(e, "constructor", chosen, None)
        if self._diagnostics.count != before:
            return found
        for argument in e.arguments:
            if not self._is_compile_time(argument.expression):
                self._error("an argument of a constructor must be known at compile time", argument.span)
        return found

    def _constructors(self, made: Type) -> list[Signature] | None:
        declaration = getattr(made, "declaration", None)
        if isinstance(made, types.Extern) and isinstance(declaration, ast.ExternDeclaration):
            own = [m.signature for m in declaration.methods if m.is_constructor and m.signature is not None]
            found = own or ([Signature(made.name, ())] if not declaration.methods else [])
            return [self._made(made, s) for s in found]
        if isinstance(made, types.Block) and isinstance(declaration, ast.BlockDeclaration) and declaration.has_body:
            signature = declaration.constructor_signature
            return [self._made(made, signature)] if signature is not None else None
        if isinstance(made, types.Package):
            return [self._made(made, Signature(made.name, made.constructor))]
        return None

    def _made(self, made: Type, signature: Signature) -> Signature:
        parameters: tuple[types.TypeVar, ...] = getattr(made, "parameters", ())
        arguments: tuple[Type, ...] = getattr(made, "arguments", ())
        bindings = dict(zip(parameters, arguments, strict=True))
        pairs = zip(parameters, arguments, strict=True)
        open_variables = tuple(p for p, a in pairs if a is p or isinstance(a, types.DontCare))
        bindings = {p: a for p, a in bindings.items() if p not in open_variables}
        made = types.substitute(_opened(made), bindings)
        special = types.substitute_parameters(signature.parameters, bindings)
        return Signature(signature.name, special, made, open_variables, getattr(made, "declaration", None))

    # Overloads and arguments

    def _choose(
        self, what: str, signatures: Sequence[Signature], arguments: list[ast.Argument], span: Span
    ) -> Signature | None:
        fitting = [s for s in signatures if not misfit(s, arguments)]
        if len(fitting) == 1:
            return fitting[0]
        if len(signatures) == 1:
            self._error(f"{what}: {misfit(signatures[0], arguments)}", span)
        elif not fitting:
            self._error(f"no {what} takes these {len(arguments)} argument(s)", span)
        else:
            self._error(f"these arguments fit more than one {what}", span)
        return None

    def _apply_signature(
        self, e: ast.Call, what: str, signature: Signature, receiver: ast.Expression | None
    ) -> Type:
        bound = self._bind(e, signature)
        if bound is None:
            return types.UNKNOWN
        bindings = self._infer(e, signature, bound)
        if bindings is None:
            return types.UNKNOWN
        parameters = types.substitute_parameters(signature.parameters, bindings)
        for parameter, argument in zip(parameters, bound, strict=True):
            if argument is not None:
                self._check_argument(what, parameter, argument)
        result = types.substitute(signature.result, bindings)
        e.resolved = ast.Resolved(
            what, signature.name, parameters, tuple(bound), bindings, receiver, signature.declaration, result
        )
        return result

    def _bind(self, e: ast.Call, signature: Signature) -> Bound | None:
        for argument in e.arguments:
            self._expression(argument.expression)
        problem = misfit(signature, e.arguments)
        if problem:
            self._error(f"'{signature.name}': {problem}", e.span)
            return None
        return arranged(signature, e.arguments)

    def _infer(self, e: ast.Call, signature: Signature, bound: Bound) -> Bindings | None:
        variables = signature.type_parameters
        bindings: Bindings = {}
        if e.type_arguments:
            written = [self._resolve(t) for t in e.type_arguments]
            for reference, t in zip(e.type_arguments, written, strict=True):
                if t == types.VOID:
                    self._error("void cannot be a type argument", reference.span)
            if len(written) != len(variables):
                message = f"'{signature.name}' takes {len(variables)} type argument(s), not {len(written)}"
                self._error(message, e.span)
                return None
            given = zip(variables, written, strict=True)
            bindings = {v: t for v, t in given if not isinstance(t, types.DontCare)}
        if not variables:
            return {}
        free = frozenset(variables) - bindings.keys()
        if not self._unify_all(signature, bound, free, bindings) or not self._inferred_well(
            signature, bound, bindings
        ):
            return None
        for variable in variables:
            if variable not in bindings:
                if self._is_left_open(variable, signature, bound):
                    bindings[variable] = types.DontCare()
                    continue
                self._error(f"cannot tell the type argument {variable} of '{signature.name}'", e.span,
                            f"write it: {signature.name}<...>(...)")  # fmt: skip
                return None
        return bindings

    def _inferred_well(self, signature: Signature, bound: Bound, bindings: Bindings) -> bool:
        """Report arguments whose literals do not tell a type."""
        if signature.result is not None and not isinstance(signature.declaration, ast.FunctionDeclaration):
            return True
        for parameter, argument in zip(signature.parameters, bound, strict=True):
            if argument is None or not isinstance(parameter.type, types.TypeVar):
                continue
            found = bindings.get(parameter.type)
            problem = ""
            if isinstance(found, types.Named | types.Meta | types.Block | types.Package):
                problem = f"'{parameter.name}' cannot be {found}"
            elif isinstance(found, types.Record | types.Default | types.Invalid):
                problem = "the type of this literal is not known: write a cast in front"
            elif found == types.STRING and parameter.direction is not Direction.NONE:
                problem = f"'{parameter.name}' cannot be a string: strings have no direction"
            elif found is not None and any(isinstance(p, types.Integer) for p in types.parts(found)):
                problem = "this number needs a width here, as in 8w1"
            if problem:
                self._error(problem, argument.span)
                return False
        return True

    def _is_left_open(self, variable: types.TypeVar, signature: Signature, bound: Bound) -> bool:
        """Whether only left-out and `_` arguments would tell the variable."""
        users = [
            a for p, a in zip(signature.parameters, bound, strict=True)
            if any(part is variable for part in types.parts(p.type))
        ]  # fmt: skip
        return bool(users) and all(a is None or isinstance(a, ast.Anything) for a in users)

    def _unify_all(
        self, signature: Signature, bound: Bound, free: frozenset[types.TypeVar], bindings: Bindings
    ) -> bool:
        good = True
        for parameter, argument in zip(signature.parameters, bound, strict=True):
            if argument is None:
                continue
            formal = types.substitute(parameter.type, {v: t for v, t in bindings.items() if v not in free})
            if not unify(formal, argument.type, free, bindings):
                shown = types.substitute(formal, bindings)
                message = f"the parameter '{parameter.name}' has the type {shown}, but this is {argument.type}"
                self._error(message, argument.span)
                good = False
        return good

    def _check_argument(self, what: str, parameter: types.Parameter, argument: ast.Expression) -> None:
        if isinstance(argument, ast.Anything):
            if parameter.direction is not Direction.OUT and what != "constructor":
                self._error(f"'_' cannot be the argument of '{parameter.name}', which is read", argument.span)
            return
        subject = f"the parameter '{parameter.name}'"
        if not self._coerce(argument, parameter.type, subject):
            return
        if parameter.direction.writes:
            if isinstance(argument, ast.Slice) and argument.bounds is None:
                message = f"{subject} is written: a slice at a computed place can be assigned only"
                self._error(message, argument.span)
                return
            if self._check_writable(argument, f"{subject} is written") and argument.target not in (
                None,
                argument.type,
            ):
                message = f"{subject} is written and needs a {parameter.type}, not {argument.type}"
                self._error(message, argument.span)
        elif parameter.direction is Direction.NONE and what in ("function", "method"):
            scalar = not isinstance(parameter.type, types.Extern | types.Block | types.Package)
            if scalar and not self._is_compile_time(argument):
                self._error(f"{subject} needs a value that is known at compile time", argument.span)


def _opened(made: Type) -> Type:
    """The type with its own parameters where `_` stands among its arguments."""
    parameters: tuple[types.TypeVar, ...] = getattr(made, "parameters", ())
    arguments: tuple[Type, ...] = getattr(made, "arguments", ())
    if not any(isinstance(a, types.DontCare) for a in arguments):
        return made
    generic = getattr(made.declaration, "type", made) if isinstance(made, types.Extern | types.Package) else made
    pairs = zip(parameters, arguments, strict=True)
    return types.substitute(generic, {p: a for p, a in pairs if not isinstance(a, types.DontCare)})


def _specialized(signature: Signature, bindings: Bindings) -> Signature:
    parameters = types.substitute_parameters(signature.parameters, bindings)
    result = types.substitute(signature.result, bindings)
    return Signature(
        signature.name, parameters, result, signature.type_parameters, signature.declaration, signature.abstract
    )


def _has_abstract(made: types.Extern) -> bool:
    declaration = made.declaration
    return isinstance(declaration, ast.ExternDeclaration) and any(m.abstract for m in declaration.methods)
