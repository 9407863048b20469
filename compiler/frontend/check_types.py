"""Type references and type declarations (spec 1.2.5, section 7)."""

from __future__ import annotations

import re

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.check_base import TYPE_DECLARATIONS, CheckerBase
from rackplane.compiler.frontend.types import MAX_LEAVES, MAX_STACK, MAX_WIDTH, Kind, Type
from rackplane.compiler.ir import Span

_BASE: dict[str, Type] = {
    "bool": types.BOOL,
    "error": types.ERROR,
    "int": types.INT,
    "string": types.STRING,
    "match_kind": types.MATCH_KIND,
    "void": types.VOID,
    "bit": types.BIT1,
    "_": types.DontCare(),
}


class TypeChecker(CheckerBase):
    """Types as they are written, to types."""

    def _constant_int(self, expression: ast.Expression, what: str) -> int | None:
        """The compile-time number of an expression; None after an error."""
        raise NotImplementedError

    # References

    def _resolve(self, reference: ast.TypeRef, *, bare: bool = False) -> Type:
        """The type that is written. `bare` lets a generic type stand without its arguments."""
        if isinstance(reference, ast.BaseRef):
            return _BASE[reference.name]
        if isinstance(reference, ast.WidthRef):
            return self._width_type(reference)
        if isinstance(reference, ast.ArrayRef):
            return self._array(reference)
        if isinstance(reference, ast.SpecializedRef):
            return self._specialized(reference)
        if isinstance(reference, ast.NameRef):
            return self._named(reference, bare)
        raise TypeError(f"no type reference: {type(reference).__name__}")

    def _value_type(self, reference: ast.TypeRef, what: str) -> Type:
        """The type of a variable, field or result; void, _ and generics without arguments are errors."""
        found = self._resolve(reference)
        if found == types.VOID or any(isinstance(p, types.DontCare) for p in types.parts(found)):
            return self._fail(f"{what} cannot have the type {found}", reference.span)
        return found

    def _width_type(self, reference: ast.WidthRef) -> Type:
        width = self._constant_int(reference.width, "a width")
        if width is None:
            return types.UNKNOWN
        least = 1 if reference.name == "int" else 0
        if width < least:
            return self._fail(f"the width of {reference.name} cannot be {width}", reference.width.span)
        if width > MAX_WIDTH:
            return self._fail(f"the width {width} is more than {MAX_WIDTH} bits", reference.width.span)
        if reference.name == "varbit":
            return types.Varbit(width)
        return types.Bits(width, reference.name == "int")

    def _array(self, reference: ast.ArrayRef) -> Type:
        element = self._resolve(reference.element)
        size = self._constant_int(reference.size, "the size of a stack")
        if size is None or isinstance(element, types.Unknown):
            return types.UNKNOWN
        if size < 1:
            return self._fail(f"a stack cannot have {size} elements", reference.size.span)
        if size > MAX_STACK:
            return self._fail(f"the stack size {size} is more than {MAX_STACK}", reference.size.span)
        if not (types.is_header(element) or types.is_union(element) or isinstance(element, types.TypeVar)):
            return self._fail(f"a stack holds headers or header unions, not {element}", reference.element.span)
        return types.Stack(element, size)

    def _named(self, reference: ast.NameRef, bare: bool) -> Type:
        found = self._lookup(reference.name, reference.absolute)
        if not found:
            return self._unknown_name("type", reference.name, reference.span)
        declaration = found[0]
        if not isinstance(declaration, TYPE_DECLARATIONS):
            return self._fail(f"'{reference.name}' is not a type", reference.span)
        wanted = getattr(declaration.type, "parameters", ())
        if wanted and not bare and getattr(declaration.type, "arguments", ()) == wanted:
            names = ", ".join(str(w) for w in wanted)
            return self._fail(f"'{reference.name}' needs its type arguments <{names}>", reference.span)
        return declaration.type

    def _specialized(self, reference: ast.SpecializedRef) -> Type:
        arguments = tuple(self._resolve(a) for a in reference.arguments)
        base = reference.base
        if isinstance(base, ast.BaseRef):
            return self._tuple_or_list(reference, base.name, arguments)
        generic = self._resolve(base, bare=True)
        if isinstance(generic, types.Unknown) or not self._may_specialize(generic, arguments, reference):
            return types.UNKNOWN
        special = types.specialize(generic, arguments)
        self._check_specialized(special, reference.span)
        return self._of_bounded_size(special, reference.span)

    def _may_specialize(self, generic: Type, arguments: tuple[Type, ...], reference: ast.SpecializedRef) -> bool:
        wanted = getattr(generic, "parameters", ())
        problem, span = "", reference.span
        if not wanted or getattr(generic, "arguments", ()) != wanted:
            problem = f"'{generic}' takes no type arguments"
        elif len(wanted) != len(arguments):
            name = getattr(generic, "name", str(generic))
            problem = f"'{name}' takes {len(wanted)} type argument(s), not {len(arguments)}"
        else:
            for argument, written in zip(arguments, reference.arguments, strict=True):
                if argument == types.VOID:
                    problem, span = "void cannot be a type argument", written.span
                elif any(_same_origin(p, generic) for p in types.parts(argument)):
                    problem, span = f"'{generic}' cannot contain itself as a type argument", written.span
        if problem:
            self._error(problem, span)
        return not problem

    def _of_bounded_size(self, t: Type, span: Span) -> Type:
        count = types.leaf_count(t)
        if count <= MAX_LEAVES:
            return t
        return self._fail(f"the type is made of {count} numbers, more than {MAX_LEAVES}", span)

    def _check_specialized(self, t: Type, span: Span) -> None:
        if isinstance(t, types.Composite):
            for member in t.members:
                problem = member_problem(t.kind, member.type)
                if problem:
                    self._error(f"the field '{member.name}' of {t} {problem}", span)
                    return

    def _tuple_or_list(self, reference: ast.SpecializedRef, name: str, arguments: tuple[Type, ...]) -> Type:
        for argument, written in zip(arguments, reference.arguments, strict=True):
            problem = member_problem(Kind.STRUCT, argument, in_list=name == "list", in_tuple=True)
            if problem:
                return self._fail(f"an element of a {name} {problem}", written.span)
        if name == "tuple":
            return self._of_bounded_size(types.Tuple(arguments), reference.span)
        if len(arguments) != 1:
            return self._fail(f"list takes 1 type argument, not {len(arguments)}", reference.span)
        return types.ListOf(arguments[0])

    # Declarations

    def _type_variables(self, parameters: list[ast.TypeParameter]) -> tuple[types.TypeVar, ...]:
        found: list[types.TypeVar] = []
        for parameter in parameters:
            variable = types.TypeVar(parameter.name)
            parameter.type = variable
            self._declare(parameter)
            found.append(variable)
        return tuple(found)

    def _composite(self, declaration: ast.CompositeDeclaration) -> None:
        with self._scoped():
            variables = self._type_variables(declaration.type_parameters)
            members: list[types.Member] = []
            seen: set[str] = set()
            for field in declaration.fields:
                if field.name in seen:
                    self._error(f"the {declaration.kind.value} has the field '{field.name}' twice", field.span)
                    continue
                seen.add(field.name)
                field.type = self._field_type(declaration, field)
                self._check_match(field)
                members.append(types.Member(field.name, field.type, field))
        if declaration.kind is Kind.HEADER and sum(isinstance(m.type, types.Varbit) for m in members) > 1:
            self._error(f"the header '{declaration.name}' has more than one varbit field", declaration.span)
        found = types.Composite(
            declaration.kind, declaration.name, variables, tuple(members), variables, declaration
        )
        declaration.type = self._of_bounded_size(found, declaration.span)
        self._declare(declaration)

    def _check_match(self, field: ast.FieldDeclaration) -> None:
        for annotation in field.annotations:
            kind = annotation.body.strip()
            if annotation.name == "match" and kind not in self.facts.match_kinds:
                self._error(f"unknown match kind '{kind}' in @match", field.span)

    def _field_type(self, owner: ast.CompositeDeclaration, field: ast.FieldDeclaration) -> Type:
        found = self._value_type(field.reference, "a field")
        problem = member_problem(owner.kind, found)
        if problem:
            return self._fail(f"the field '{field.name}' of the {owner.kind.value} {problem}", field.reference.span)
        return found

    def _enum(self, declaration: ast.EnumDeclaration) -> None:
        self._check_members(declaration.members, f"the enum '{declaration.name}'")
        if declaration.underlying is None:
            for member in declaration.members:
                if member.initializer is not None:
                    self._error("only an enum with an underlying type gives its members values", member.span)
            declaration.type = types.EnumType(declaration.name, tuple(m.name for m in declaration.members))
            self._declare(declaration)
            return
        base = self._resolve(declaration.underlying)
        if not isinstance(base, types.Bits):
            if not isinstance(base, types.Unknown):
                self._error(
                    f"an enum's underlying type is bit<W> or int<W>, not {base}", declaration.underlying.span
                )
            declaration.type = types.UNKNOWN
            self._declare(declaration)
            return
        values: list[tuple[str, int]] = []
        for member in declaration.members:
            value = self._enum_value(member, base)
            values.append((member.name, value))
        declaration.type = types.SerEnum(declaration.name, base, tuple(values))
        self._declare(declaration)

    def _enum_value(self, member: ast.EnumMember, base: types.Bits) -> int:
        raise NotImplementedError

    def _check_members(self, members: list[ast.EnumMember], owner: str) -> None:
        seen: set[str] = set()
        for member in members:
            if member.name in seen:
                self._error(f"{owner} has the member '{member.name}' twice", member.span)
            seen.add(member.name)

    def _errors(self, declaration: ast.ErrorDeclaration) -> None:
        known = self.facts.errors if declaration.name == "error" else self.facts.match_kinds
        for member in declaration.members:
            if member.name in known:
                self._error(f"{declaration.name} has the member '{member.name}' twice", member.span)
            else:
                known.append(member.name)

    def _check_translation(self, declaration: ast.TypedefDeclaration) -> None:
        for annotation in declaration.annotations:
            if annotation.name == "p4runtime_translation" and not _TRANSLATION.fullmatch(annotation.body.strip()):
                self._error("@p4runtime_translation takes a URI and one of bit<W>, string", declaration.span)

    def _typedef(self, declaration: ast.TypedefDeclaration) -> None:
        source = declaration.source
        if isinstance(source, ast.CompositeDeclaration):
            self._composite(source)
            found = source.type
        elif isinstance(source, ast.EnumDeclaration):
            self._enum(source)
            found = source.type
        elif isinstance(source, ast.TypeRef):
            found = self._value_type(source, "a type")
        else:
            raise TypeError(f"no source of a typedef: {type(source).__name__}")
        if declaration.is_new:
            base = found if isinstance(found, types.NewType) else types.underlying(found)
            scalar = isinstance(base, types.Bits | types.NewType | types.SerEnum) or base == types.BOOL
            if not scalar and not isinstance(found, types.Unknown):
                self._error(f"'type' makes new types of bit<W>, int<W> and bool, not of {found}", declaration.span)
            self._check_translation(declaration)
            found = types.NewType(declaration.name, found, declaration)
        declaration.type = found
        self._declare(declaration)


def _same_origin(part: Type, generic: Type) -> bool:
    origin = getattr(generic, "declaration", None)
    return origin is not None and getattr(part, "declaration", None) is origin


_TRANSLATION = re.compile(r'"[^"]*"\s*,\s*(?:bit\s*<\s*\d\w*\s*>|string|\d\w*)')


_IN_STRUCT = (
    types.Bits,
    types.Varbit,
    types.EnumType,
    types.SerEnum,
    types.NewType,
    types.Composite,
    types.Stack,
    types.Tuple,
    types.TypeVar,
    types.ListOf,
    types.Unknown,
    types.DontCare,
)


def member_problem(kind: Kind, t: Type, *, in_list: bool = False, in_tuple: bool = False) -> str:
    """Why a type cannot be a field of a composite of this kind; empty when it can."""
    base = types.underlying(t)
    if kind is Kind.STRUCT:
        fits = isinstance(base, _IN_STRUCT) or base in (types.BOOL, types.ERROR)
        if in_list:
            fits = fits or base in (types.INT, types.STRING)
        if in_tuple:
            fits = fits or base == types.MATCH_KIND
        return "" if fits else f"cannot have the type {t}"
    if isinstance(base, types.TypeVar | types.Unknown):
        return ""
    if kind is Kind.UNION:
        return "" if types.is_header(base) else f"has the type {t}, but a header_union holds headers"
    if isinstance(base, types.Bits | types.Varbit | types.SerEnum) or base == types.BOOL:
        return ""
    if types.is_struct(base) and isinstance(base, types.Composite):
        inner = [member_problem(kind, m.type) for m in base.members]
        return f"has the type {t}, which does not fit in a header" if any(inner) else ""
    return f"cannot have the type {t}"
