"""`rackplane doctor`: what the machine has and lacks, and the one command that mends each lack."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from rackplane.cli.checks.kernel import check_kernel
from rackplane.cli.checks.leftovers import check_leftovers
from rackplane.cli.checks.model import Finding, Level
from rackplane.cli.checks.tools import check_bcc, check_tools
from rackplane.cli.output import json_option, print_json

_STYLE = {Level.OK: "green", Level.LACKING: "yellow", Level.MISSING: "red"}


@click.command()
@click.option("--no-bcc", is_flag=True, help="Leave out the one slow check: a compilation with BCC.")
@json_option
@click.pass_context
def doctor(ctx: click.Context, no_bcc: bool, as_json: bool) -> None:
    """Show what this machine has and lacks, and the one command that mends each lack.

    The exit status is 1 if a rack cannot run here.
    """
    findings = [*check_tools(), *check_kernel(), *check_leftovers()]
    if not no_bcc and not any(
        finding.level is Level.MISSING and finding.check in ("root", "bcc") for finding in findings
    ):
        findings.append(check_bcc())
    if as_json:
        print_json({"ready": ready(findings), "findings": [_as_data(finding) for finding in findings]})
    else:
        _show(findings)
    ctx.exit(0 if ready(findings) else 1)


def ready(findings: list[Finding]) -> bool:
    """Whether a rack can run."""
    return all(finding.level is not Level.MISSING for finding in findings)


def _as_data(finding: Finding) -> dict[str, str]:
    return {**asdict(finding), "level": finding.level.value}


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("check", "", "finding"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        table.add_row(finding.check, f"[{_STYLE[finding.level]}]{finding.level.value}[/]", finding.detail)
    console = Console()
    console.print(table)
    mends = [finding for finding in findings if finding.mend]
    if mends:
        console.print("\nTo mend:", style="bold")
        for finding in mends:
            console.print(f"  {finding.check}: [bold]{finding.mend}[/]", soft_wrap=True)
    if ready(findings):
        console.print("\nThis machine can run a rack: [bold]rackplane demo[/]")
