"""`python -m rackplane.switch.stf PROGRAM.p4 SCRIPT.stf...`: one line per script; exit status 1 if one failed.

Runs in a network namespace of its own, which goes with the process: nothing can be left behind, and the
switch's services are reachable from nowhere else.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from rackplane.compiler.bundle import SUFFIX
from rackplane.compiler.driver import compile_with_lead, default_cache, write_parts
from rackplane.compiler.errors import CompileErrors, render
from rackplane.switch import links, netns, targets
from rackplane.switch.errors import SwitchError
from rackplane.switch.stf.runner import Result, has_short_packets, run_script
from rackplane.switch.target import Program, Target

LEAD_BYTES = 16


@click.command()
@click.argument("program", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("scripts", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", "target_name", type=click.Choice(targets.NAMES), default="xdp", show_default=True)
@click.option("-I", "include_dirs", multiple=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per script.")
def main(
    program: Path, scripts: tuple[Path, ...], target_name: str, include_dirs: tuple[Path, ...], as_json: bool
) -> None:
    """Run STF packet tests on a live switch."""
    target = targets.by_name(target_name)
    try:
        target.check()
        netns.enter_new()
        links.set_up("lo")
        with tempfile.TemporaryDirectory(prefix="rackplane-stf-") as folder:
            lead = LEAD_BYTES if target.name == "xdp" and any(map(has_short_packets, scripts)) else 0
            compiled = _compile(target, program, Path(folder), include_dirs, lead)
            results = [_report(run_script(script, compiled, target, lead), as_json) for script in scripts]
    except CompileErrors as e:
        raise click.ClickException("\n".join(render(d) for d in e.diagnostics)) from e
    except SwitchError as e:
        raise click.ClickException(str(e)) from e
    failed = sum(not result.passed for result in results)
    click.echo(f"{len(results) - failed} passed, {failed} failed on {target.name}", err=as_json)
    raise click.exceptions.Exit(1 if failed else 0)


def _compile(target: Target, program: Path, folder: Path, include_dirs: tuple[Path, ...], lead: int) -> Program:
    if not lead:
        return target.compile(program, folder, include_dirs)
    bundle = compile_with_lead(program, include_dirs, lead_bytes=lead, cache=default_cache())
    write_parts(bundle, folder, program.stem)
    return Program(folder / f"{program.stem}.p4info.txtpb", folder / f"{program.stem}{SUFFIX}")


def _report(result: Result, as_json: bool) -> Result:
    if as_json:
        click.echo(json.dumps({**asdict(result), "script": str(result.script), "passed": result.passed}))
        return result
    click.echo(f"{'ok  ' if result.passed else 'FAIL'} {result.script}  ({result.seconds:.2f} s)")
    for problem in result.problems:
        click.echo("     " + problem.replace("\n", "\n     "))
    return result


if __name__ == "__main__":
    main()
