"""Types as the control plane is told of them."""

from __future__ import annotations

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.lower_env import LowerError
from rackplane.compiler.frontend.lower_names import name_annotation
from rackplane.compiler.frontend.lower_types import natural, type_name

_KINDS = {
    types.Kind.STRUCT: ir.SpecKind.STRUCT,
    types.Kind.HEADER: ir.SpecKind.HEADER,
    types.Kind.UNION: ir.SpecKind.UNION,
}


class TypeInfo:
    """The definitions of all types that were asked for."""

    def __init__(self) -> None:
        self.definitions: dict[ir.NamedSpec, ir.TypeDefinition] = {}

    def spec(self, t: types.Type) -> ir.TypeSpec:
        """The specification of a type of the program; the named types in it are defined from then on."""
        t = natural(t)
        simple = _simple(t)
        if simple is not None:
            return simple
        if isinstance(t, types.Tuple):
            return ir.TupleSpec(tuple(self.spec(item) for item in t.items))
        if isinstance(t, types.Stack):
            return self._stack(t)
        return self._named(t)

    def new_type_name(self, t: types.Type) -> str | None:
        """Define a type; its name, when it is a `type` declaration."""
        spec = self.spec(t)
        return spec.name if isinstance(spec, ir.NamedSpec) and spec.kind is ir.SpecKind.NEW_TYPE else None

    def _stack(self, t: types.Stack) -> ir.TypeSpec:
        element = self.spec(t.element)
        if not isinstance(element, ir.NamedSpec):
            raise TypeError(f"a stack of {t.element}")
        return ir.StackSpec(element, t.size)

    def _named(self, t: types.Type) -> ir.TypeSpec:
        if isinstance(t, types.Composite):
            spec = ir.NamedSpec(_KINDS[t.kind], _declared_name(t.declaration, type_name(t)))
        elif isinstance(t, types.EnumType):
            spec = ir.NamedSpec(ir.SpecKind.ENUM, t.name)
        elif isinstance(t, types.SerEnum):
            spec = ir.NamedSpec(ir.SpecKind.SERIALIZABLE_ENUM, t.name)
        elif isinstance(t, types.NewType):
            spec = ir.NamedSpec(ir.SpecKind.NEW_TYPE, t.name)
        else:
            raise TypeError(f"the control plane sees no {t}")
        if spec not in self.definitions:
            self.definitions[spec] = self._definition(t)
        return spec

    def _definition(self, t: types.Type) -> ir.TypeDefinition:
        if isinstance(t, types.Composite):
            header = t.kind is types.Kind.HEADER
            return ir.Members(self._header_members(t, "") if header else self._members(t))
        if isinstance(t, types.EnumType):
            return ir.Enumerators(tuple((m, i) for i, m in enumerate(t.members)))
        if isinstance(t, types.SerEnum):
            return ir.Enumerators(t.members, t.underlying.width)
        if isinstance(t, types.NewType):
            declaration = t.declaration
            notes = tuple(declaration.annotations) if isinstance(declaration, ast.Declaration) else ()
            return ir.NewType(self.spec(types.underlying(t)), _translation(notes, declaration), notes)
        raise TypeError(f"{t} has no name")

    def _members(self, t: types.Composite) -> tuple[tuple[str, ir.TypeSpec], ...]:
        return tuple((_declared_name(m.declaration, m.name), self.spec(m.type)) for m in t.members)

    def _header_members(self, t: types.Composite, prefix: str) -> tuple[tuple[str, ir.TypeSpec], ...]:
        found: list[tuple[str, ir.TypeSpec]] = []
        for member, path in _flat(t, prefix):
            found.append((path, self.spec(types.underlying(member.type))))
        return tuple(found)


def _simple(t: types.Type) -> ir.TypeSpec | None:
    if isinstance(t, types.Bits):
        return ir.BitSpec(t.width, t.signed)
    if isinstance(t, types.Varbit):
        return ir.BitSpec(t.width, varying=True)
    if t == types.BOOL:
        return ir.BoolSpec()
    return ir.ErrorSpec() if t == types.ERROR else None


def flat_members(t: types.Composite) -> list[tuple[types.Member, str]]:
    """The fields of a header with their control-plane names: structs inside give dotted ones."""
    return _flat(t, "")


def _flat(t: types.Composite, prefix: str) -> list[tuple[types.Member, str]]:
    found: list[tuple[types.Member, str]] = []
    for m in t.members:
        inner = types.underlying(m.type)
        if isinstance(inner, types.Composite):
            found += _flat(inner, f"{prefix}{m.name}.")
        else:
            found.append((m, f"{prefix}{m.name}" if prefix else _declared_name(m.declaration, m.name)))
    return found


def _declared_name(declaration: object, name: str) -> str:
    notes = declaration.annotations if isinstance(declaration, ast.Declaration) else []
    return (name_annotation(notes) or name).removeprefix(".")


def _translation(notes: tuple[ir.Annotation, ...], declaration: object) -> ir.Translation | None:
    for note in notes:
        if note.name == "p4runtime_translation":
            uri, _, given = note.body.rpartition(",")
            return ir.Translation(uri.strip().strip('"'), _translated_width(given, declaration))
    return None


def _translated_width(given: str, declaration: object) -> int | None:
    """The width of bit<W> or W, None for string."""
    word = given.replace(" ", "")
    if word == "string":
        return None
    digits = word.removeprefix("bit<").removesuffix(">")
    if digits.isdigit():
        return int(digits)
    span = declaration.span if isinstance(declaration, ast.Declaration) else ir.NOWHERE
    raise LowerError("@p4runtime_translation takes a URI and one of bit<W>, string", span)
