"""A checked program to ir.Pipeline: the six blocks of V1Switch, and what the control plane sees."""

from __future__ import annotations

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.checker import CheckedProgram
from rackplane.compiler.frontend.lower_control_plane import controller_headers, sort_objects
from rackplane.compiler.frontend.lower_controls import ControlLowerer
from rackplane.compiler.frontend.lower_env import Binding, BlockInstance, LowerError, PacketObject
from rackplane.compiler.frontend.lower_parsers import ParserLowerer
from rackplane.compiler.frontend.lower_program import ProgramBuilder
from rackplane.compiler.frontend.lower_types import NoLowering, leaves, lower_type, type_name
from rackplane.compiler.lexing.diagnostics import Diagnostics

_PACKAGE = "V1Switch"
_BLOCKS = ("parser", "verify", "ingress", "egress", "compute", "deparser")


def lower(checked: CheckedProgram, source: str, diagnostics: Diagnostics) -> ir.Pipeline | None:
    """The pipeline of a program; None after errors, which go to the diagnostics."""
    try:
        pipeline = _Pipeline(checked, source, diagnostics).build()
    except LowerError as e:
        diagnostics.error(e.message, e.span, *e.notes)
        return None
    return None if diagnostics.errors else pipeline


class _Pipeline:
    def __init__(self, checked: CheckedProgram, source: str, diagnostics: Diagnostics) -> None:
        self._declarations = checked.program.declarations
        self._source = source
        self._program = ProgramBuilder(diagnostics, checked.errors)
        self._program.no_action = next(
            (d for d in self._declarations if isinstance(d, ast.ActionDeclaration) and d.name == "NoAction"), None
        )

    def build(self) -> ir.Pipeline:
        main = self._main()
        lowerer = ControlLowerer(self._program, "globals")
        self._globals(lowerer)
        instances = self._instances(main, lowerer)
        parser = instances["parser"].declaration
        headers = self._struct(parser.parameters[1], "the headers")
        metadata = self._struct(parser.parameters[2], "the metadata")
        standard = self._struct(parser.parameters[3], "the standard metadata")
        for parameter in parser.parameters[1:3]:
            self._check_bytes(parameter.type)
        roots: dict[str, Binding] = {
            "hdr": ir.Var("hdr", headers),
            "meta": ir.Var("meta", metadata),
            "standard": ir.Var("standard_metadata", standard),
            "in": PacketObject("packet_in"),
            "out": PacketObject("packet_out"),
        }
        lowered_parser = ParserLowerer(self._program, "parser").parser(
            instances["parser"], "parser", [roots[r] for r in _ROOTS["parser"]]
        )
        controls = {name: self._control(name, instances[name], roots) for name in _BLOCKS[1:]}
        collected = self._program.collected
        listed = {a.name for a in collected.actions.values()}
        collected.actions.update({n: a for n, a in self._program.called.items() if n not in listed})
        sort_objects(collected, instances.values())
        return self._pipeline(main, lowered_parser, controls, (headers, metadata, standard))

    def _pipeline(
        self,
        main: ast.Instantiation,
        parser: ir.Parser,
        controls: dict[str, ir.Control],
        roots: tuple[ir.Struct, ir.Struct, ir.Struct],
    ) -> ir.Pipeline:
        headers, metadata, standard = roots
        collected = self._program.collected
        packet_headers = controller_headers(self._composites(), self._program.types)
        return ir.Pipeline(
            self._source,
            headers,
            metadata,
            standard,
            parser,
            **{k: controls[k] for k in _BLOCKS[1:]},
            variables={k: tuple(v) for k, v in collected.variables.items()},
            actions=collected.actions,
            tables=collected.tables,
            registers=collected.registers,
            counters={n: c for n, c in collected.counters.items() if c.size or c.table},
            meters={n: m for n, m in collected.meters.items() if m.size or m.table},
            action_profiles=collected.action_profiles,
            value_sets=collected.value_sets,
            digests=collected.digests,
            controller_headers=packet_headers,
            field_lists=self._field_lists(main, metadata),
            type_names=self._type_names(),
            constants=self._constants(),
            enums=self._enums(),
            type_info=self._program.types.definitions,
            errors=self._program.errors,
            annotations=tuple(main.annotations),
        )

    # Instances

    def _main(self) -> ast.Instantiation:
        found = [d for d in self._declarations if isinstance(d, ast.Instantiation) and d.name == "main"]
        if not found:
            own = [d.span for d in self._declarations if d.span.file == self._source]
            place = own[-1] if own else ir.Span(self._source, 1, 1)
            raise LowerError("the program has no 'main': V1Switch(...) main;", place)
        main = found[0]
        if not isinstance(main.type, types.Package) or main.type.name != _PACKAGE:
            raise LowerError(
                f"'main' has the type {main.type}, but only v1model's V1Switch can be compiled", main.span
            )
        return main

    def _globals(self, lowerer: ControlLowerer) -> None:
        for declaration in self._declarations:
            if isinstance(declaration, ast.Instantiation) and isinstance(declaration.type, types.Extern):
                self._program.bind_global(declaration, lowerer.instantiate(declaration, "", None))

    def _instances(self, main: ast.Instantiation, lowerer: ControlLowerer) -> dict[str, BlockInstance]:
        resolved = main.call.resolved if main.call is not None else None
        if resolved is None or len(resolved.arguments) != len(_BLOCKS):
            raise LowerError("'main' needs a parser and five controls", main.span)
        found: dict[str, BlockInstance] = {}
        for name, argument in zip(_BLOCKS, resolved.arguments, strict=True):
            if not isinstance(argument, ast.Call) or not isinstance(argument.type, types.Block):
                span = argument.span if argument is not None else main.span
                raise LowerError("the arguments of V1Switch are calls of constructors, as in MyParser()", span)
            found[name] = lowerer.block_instance(argument, argument.type, argument.type.name, 1)
        return found

    def _control(self, name: str, instance: BlockInstance, roots: dict[str, Binding]) -> ir.Control:
        arguments = [roots[r] for r in _ROOTS[name]]
        return ControlLowerer(self._program, name).control(instance, name, arguments)

    def _struct(self, parameter: ast.Parameter, what: str) -> ir.Struct:
        try:
            found = lower_type(parameter.type)
        except NoLowering as e:
            raise LowerError(f"{what} cannot hold {e}", parameter.span) from e
        if isinstance(found, ir.Header):
            return ir.Struct(found.name, found.fields)
        if not isinstance(found, ir.Struct):
            raise LowerError(f"{what} must be a struct, not {parameter.type}", parameter.span)
        return found

    def _check_bytes(self, t: types.Type) -> None:
        """Headers are whole bytes: no target of v1model has others."""
        t = types.underlying(t)
        if isinstance(t, types.Stack):
            self._check_bytes(t.element)
        elif types.is_header(t) and isinstance(t, types.Composite) and isinstance(t.declaration, ast.Declaration):
            width = types.bit_width(t) or 0
            if width % 8:
                raise LowerError(f"the header {t} has {width} bits, which are no whole bytes", t.declaration.span)
        elif isinstance(t, types.Composite):
            for member in t.members:
                self._check_bytes(member.type)

    # What the control plane sees

    def _composites(self) -> list[ast.CompositeDeclaration]:
        found: list[ast.CompositeDeclaration] = []
        for d in self._declarations:
            if isinstance(d, ast.TypedefDeclaration) and isinstance(d.source, ast.CompositeDeclaration):
                found.append(d.source)
            elif isinstance(d, ast.CompositeDeclaration):
                found.append(d)
        return [d for d in found if not d.type_parameters]

    def _type_names(self) -> dict[str, ir.Header | ir.Struct | ir.Union]:
        found: dict[str, ir.Header | ir.Struct | ir.Union] = {}
        for d in self._composites():
            try:
                lowered = lower_type(d.type)
            except NoLowering:
                continue
            if isinstance(lowered, ir.Header | ir.Struct | ir.Union) and isinstance(d.type, types.Composite):
                found[type_name(d.type)] = lowered
        return found

    def _field_lists(self, main: ast.Instantiation, metadata: ir.Struct) -> tuple[ir.FieldList, ...]:
        package = main.type
        if not isinstance(package, types.Package):
            return ()
        declared = package.arguments[1]
        lists: dict[int, list[ir.Place]] = {}
        _add_fields(declared, ir.Var("meta", metadata), lists, self._numbers())
        return tuple(ir.FieldList(index, tuple(places)) for index, places in sorted(lists.items()))

    def _constants(self) -> dict[str, tuple[int, ir.Bits]]:
        found: dict[str, tuple[int, ir.Bits]] = {}
        for d in self._declarations:
            if isinstance(d, ast.Constant) and isinstance(d.value, int):
                if isinstance(d.type, types.Integer):
                    found[d.name] = (d.value, ir.Bits(max(d.value.bit_length(), 32), d.value < 0))
                    continue
                lowered = lower_type(d.type)
                if isinstance(lowered, ir.Bits):
                    found[d.name] = (int(d.value), lowered)
        return found

    def _numbers(self) -> dict[str, int]:
        """Constants and enum members by the names that annotations give them."""
        found = {name: value for name, (value, _) in self._constants().items()}
        for enum, members in self._enums().items():
            found.update({f"{enum}.{member}": value for member, value in members})
        return found

    def _enums(self) -> dict[str, tuple[tuple[str, int], ...]]:
        found: dict[str, tuple[tuple[str, int], ...]] = {}
        for d in self._declarations:
            if isinstance(d, ast.EnumDeclaration) and isinstance(d.type, types.EnumType):
                found[d.name] = tuple((m, i) for i, m in enumerate(d.type.members))
            elif isinstance(d, ast.EnumDeclaration) and isinstance(d.type, types.SerEnum):
                found[d.name] = d.type.members
        return found


def _add_fields(
    t: types.Type, place: ir.Place, lists: dict[int, list[ir.Place]], constants: dict[str, int]
) -> None:
    if not isinstance(t, types.Composite):
        return
    for member in t.members:
        inner = ir.Member(place, member.name, lower_type(member.type))
        indexes = _field_list_indexes(member.declaration, constants)
        for index in indexes:
            lists.setdefault(index, []).extend(leaves(inner))
        if not indexes:
            _add_fields(types.underlying(member.type), inner, lists, constants)


def _field_list_indexes(declaration: object, constants: dict[str, int]) -> list[int]:
    if not isinstance(declaration, ast.Declaration):
        return []
    found: list[int] = []
    for annotation in declaration.annotations:
        if annotation.name == "field_list":
            for word in annotation.body.split(","):
                try:
                    known = constants.get(word.strip())
                    found.append(known if known is not None else int(word.strip(), 0))
                except ValueError as e:
                    raise LowerError(f"@field_list takes numbers, not '{word.strip()}'", declaration.span) from e
    return found


_ROOTS = {
    "parser": ("in", "hdr", "meta", "standard"),
    "verify": ("hdr", "meta"),
    "ingress": ("hdr", "meta", "standard"),
    "egress": ("hdr", "meta", "standard"),
    "compute": ("hdr", "meta"),
    "deparser": ("out", "hdr"),
}
