"""`rackplane compile`: P4 to an XDP program, P4Info and C."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from rackplane.cli.output import json_option, print_json
from rackplane.compiler.clang import ClangMissing
from rackplane.compiler.driver import Compiled, compile_program, default_cache
from rackplane.compiler.errors import CompileErrors, Diagnostic, render
from rackplane.switch import deviceconfig


@click.command()
@click.argument("source", metavar="PROGRAM.p4", type=click.Path(path_type=Path))
@click.option("-I", "include", multiple=True, type=click.Path(path_type=Path), help="Look for included files here.")
@click.option("-D", "define", multiple=True, metavar="NAME[=VALUE]", help="Define a macro.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("build"), show_default=True, help="Folder."
)
@click.option(
    "--as-bmv2", is_flag=True, help="Also write NAME.json and NAME.p4.p4info.txtpb, for controllers made for BMv2."
)
@json_option
@click.pass_context
def compile_(  # noqa: PLR0913, PLR0917 (one argument per option)
    ctx: click.Context,
    source: Path,
    include: tuple[Path, ...],
    define: tuple[str, ...],
    output: Path,
    as_bmv2: bool,
    as_json: bool,
) -> None:
    """Compile a v1model program to XDP.

    Writes NAME.xdp.zip (what a switch loads) and its parts: C, object, and P4Info as text and binary. Errors show
    file, line and column; the exit status is then 1.
    """
    try:
        compiled = compile_program(source, include, _macros(define), out_dir=output, cache=default_cache())
    except CompileErrors as error:
        _report(error.diagnostics, as_json)
        ctx.exit(1)
    except (ClangMissing, OSError) as error:
        raise click.ClickException(str(error)) from error
    if as_bmv2:
        _write_as_bmv2(compiled, output, source.stem)
    files = [str(path) for path in _files(compiled, output)]
    if as_json:
        shown = [_as_data(warning) for warning in compiled.warnings]
        print_json({"ok": True, "cached": compiled.cached, "files": files, "diagnostics": shown})
    else:
        for warning in compiled.warnings:
            click.echo(render(warning), err=True)
        for path in files:
            click.echo(path)


def _macros(definitions: tuple[str, ...]) -> dict[str, str]:
    """NAME means 1, as for every C compiler."""
    return {name: value if equals else "1" for name, equals, value in (text.partition("=") for text in definitions)}


def _write_as_bmv2(compiled: Compiled, output: Path, name: str) -> None:
    """What such a controller reads: any JSON as the config, and P4Info by the name that p4c gives it."""
    (output / f"{name}.json").write_text(deviceconfig.as_json(compiled.bundle))
    (output / f"{name}.p4.p4info.txtpb").write_text(compiled.bundle.p4info_text)


def _files(compiled: Compiled, output: Path) -> list[Path]:
    bundle = compiled.path
    return sorted(output.glob(f"{bundle.name.split('.')[0]}.*")) if bundle else []


def _as_data(diagnostic: Diagnostic) -> dict[str, object]:
    return {**asdict(diagnostic), "severity": diagnostic.severity.value}


def _report(diagnostics: tuple[Diagnostic, ...], as_json: bool) -> None:
    if as_json:
        found = [_as_data(diagnostic) for diagnostic in diagnostics]
        print_json({"ok": False, "files": [], "diagnostics": found})
    for diagnostic in diagnostics:
        click.echo(render(diagnostic), err=True)
