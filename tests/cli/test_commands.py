"""The command line: what it prints where, and its exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rackplane.cli.catalogue import SYSTEMS, State
from rackplane.cli.main import VERBS, main
from rackplane.cli.options import Size


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_every_verb_has_help() -> None:
    listed = run("--help").stdout
    for name in VERBS:
        assert f"\n  {name} " in listed
        result = run(name, "--help")
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith(f"Usage: main {name}")


def test_the_list_of_verbs_imports_none_of_them() -> None:
    code = (
        "import sys; from rackplane.cli.main import main; main(['--help'], standalone_mode=False);"
        "print(sorted(m for m in sys.modules if m.startswith(('rackplane.', 'numpy', 'grpc', 'rich', 'finsy'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['rackplane.cli', 'rackplane.cli.main']"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fly",), "No such command 'fly'"),
        (("up",), "Missing argument"),
        (("up", "rack", "--compute", "17"), "17 is not in the range 1<=x<=16"),
        (("demo", "--target", "tofino"), "'tofino' is not one of 'xdp', 'bmv2'"),
        (("demo", "--capacity", "much"), "'much' is no size; write for example 64K"),
        (("ctl", "mind", "free", "there"), "'there' is no number"),
        (("ctl", "mind", "protect", "0", "4K", "--domain", "0"), "0 is not in the range"),
        (("shell", "--election-id", "0"), "0 is not in the range"),
    ],
)
def test_wrong_usage_is_status_2(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.root
def test_a_topology_that_is_not_there() -> None:
    result = run("up", "ring")
    assert (result.exit_code, "ring: No such file or directory" in result.stderr) == (1, True)
    assert result.stdout == ""


@pytest.mark.root
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ctl", "mind", "--rack", "nosuch", "stats"), "no rack called 'nosuch' is running; `rackplane up rack`"),
        (("ctl", "mind", "--rack", "../etc", "stats"), "'../etc' is no name"),
        (("shell", "--rack", "nosuch"), "no rack called 'nosuch' is running"),
        (("down", "../../tmp"), "'../../tmp' is no name"),
        (("demo", "--graph", "/no/such/file"), "cannot read the graph /no/such/file: No such file"),
        (("up", "rack", "--name", "A B"), "'A B' is no name"),
        (("up", "rack", "--capacity", "5000"), "a capacity of 5000 bytes is impossible"),
    ],
)
def test_what_fails_is_one_sentence_and_status_1(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


@pytest.mark.parametrize("verb", [("demo",), ("up", "rack"), ("down",), ("ctl", "mind", "stats"), ("shell",)])
def test_without_root_a_verb_says_so(verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = run(*verb)
    assert result.exit_code == 1
    assert "needs root: run `sudo" in result.stderr


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("64K", 65536),
        ("256M", 256 << 20),
        ("1g", 1 << 30),
        ("2GiB", 2 << 30),
        ("3kB", 3072),
        ("0", 0),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert Size().convert(text, None, None) == size


def test_systems_as_json() -> None:
    result = run("systems", "--json")
    systems = json.loads(result.stdout)
    assert result.exit_code == 0
    assert len(systems) == 35
    assert {system["state"] for system in systems} <= {state.value for state in State}
    assert [system["key"] for system in systems if system["state"] != "planned"] == ["mind"]


def test_the_catalogue_is_honest() -> None:
    assert len({system.key for system in SYSTEMS}) == len(SYSTEMS)
    root = Path(__file__).resolve().parents[2]
    for system in SYSTEMS:
        if system.state is State.PLANNED:
            assert (system.rooms, system.run, system.shown) == ((), "", "")
        else:
            assert system.run
            assert system.shown
            assert [room for room in system.rooms if not (root / room).exists()] == []
        assert bool(system.missing) == (system.state is State.PARTIAL)


def test_systems_for_people() -> None:
    text = run("systems").stdout
    assert "MIND" in text
    assert "1 partial, 34 planned" in text


def test_compile_shows_every_error_and_writes_nothing(tmp_path: Path) -> None:
    source = tmp_path / "bad.p4"
    source.write_text("header h {\n  bit<8> x\n}\n")
    result = run("compile", str(source), "-o", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert f"{source}:" in result.stderr
    assert "^" in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def test_compile_reports_errors_as_json(tmp_path: Path) -> None:
    source = tmp_path / "bad.p4"
    source.write_text("header h {\n  bit<8> x\n}\n")
    result = run("compile", str(source), "--json", "-o", str(tmp_path / "out"))
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["ok"] is False
    assert report["diagnostics"][0]["severity"] == "error"
    assert report["diagnostics"][0]["span"]["line"] in (2, 3)


@pytest.mark.parametrize("cached", [False, True])
def test_compile_shows_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: bool) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "warned.p4"
    frame = Path(__file__).parents[1] / "compiler" / "programs"
    text = "control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) { apply {} }"
    text = f'#include "frame.p4"\n#warning old\n{text}\nV1Switch(P(), V(), I(), E(), C(), D()) main;\n'
    source.write_text(text)
    command = ("compile", str(source), "-I", str(frame), "-o", str(tmp_path / "out"))
    for _ in range(2 if cached else 1):
        result = run(*command)
    assert result.exit_code == 0
    assert f"{source}:2:2: warning: #warning old" in result.stderr
    report = json.loads(run(*command, "--json").stdout)
    assert [d["severity"] for d in report["diagnostics"]] == ["warning"]


def test_compile_of_a_missing_file(tmp_path: Path) -> None:
    result = run("compile", str(tmp_path / "none.p4"))
    assert result.exit_code == 1
    assert "none.p4" in result.stderr
