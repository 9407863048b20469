"""Tracing the packets of an STF script in a switch of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from rackplane.cli.main import main

PROGRAM = Path(__file__).parent / "fixtures" / "traced.p4"
HEAD = "020000000001 020000000002 0800 45000014 00000000 40110000 0a000001"
SCRIPT = f"""\
add routes hdr.ipv4.dst_addr:0x0a020000/16 forward(port:2, next_hop:0x020000000022)
packet 1 {HEAD} 0a020001
expect 2
packet 1 {HEAD} 0a090001
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "two.stf"
    path.write_text(SCRIPT)
    return path


@pytest.mark.root
def test_each_packet_of_the_script_is_told(script: Path) -> None:
    result = CliRunner().invoke(main, ["trace", str(PROGRAM), str(script), "--json"])
    assert result.exit_code == 0, result.output
    verdicts = [json.loads(line)["verdict"] for line in result.stdout.splitlines()]
    assert verdicts[0] == {"outcome": "forward", "port": 2}
    assert (verdicts[1]["outcome"], verdicts[1]["reason"]) == ("drop", "the program dropped it")


@pytest.mark.root
@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("add nothing a:1 b()\n", [], "nothing"),
        (SCRIPT, ["--filter", "udp.isValid()"], "the program has no header 'udp'"),
    ],
)
def test_what_cannot_be_traced(script: Path, text: str, options: list[str], message: str) -> None:
    script.write_text(text)
    result = CliRunner().invoke(main, ["trace", str(PROGRAM), str(script), *options])
    assert (result.exit_code, message in result.stderr) == (1, True), result.stderr


@pytest.mark.root
def test_a_program_needs_a_script() -> None:
    result = CliRunner().invoke(main, ["trace", str(PROGRAM)])
    assert (result.exit_code, "name one" in result.stderr) == (2, True)


@pytest.mark.root
def test_a_program_with_errors(script: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.p4"
    wrong.write_text("control {")
    result = CliRunner().invoke(main, ["trace", str(wrong), str(script)])
    assert (result.exit_code, "wrong.p4:1" in result.stderr) == (1, True), result.stderr
