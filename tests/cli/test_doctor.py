"""The doctor's checks, on this machine and on made-up findings."""

from __future__ import annotations

import ctypes
import json
import os

import pytest
from click.testing import CliRunner

from rackplane.cli.checks import kernel, tools
from rackplane.cli.checks.model import Finding, Level, lacking, missing, ok
from rackplane.cli.checks.tools import Program
from rackplane.cli.doctor import ready
from rackplane.cli.main import main


@pytest.mark.parametrize(
    ("findings", "can_run"),
    [
        ([], True),
        ([ok("a", "")], True),
        ([ok("a", ""), lacking("b", "", "mend")], True),
        ([ok("a", ""), missing("b", "", "mend")], False),
    ],
)
def test_only_what_is_missing_stops_a_rack(findings: list[Finding], can_run: bool) -> None:
    assert ready(findings) is can_run


@pytest.mark.root
def test_this_machine_can_run_a_rack() -> None:
    result = CliRunner().invoke(main, ["doctor", "--json"])
    report = json.loads(result.stdout)
    broken = [finding for finding in report["findings"] if finding["level"] == "missing"]
    assert (report["ready"], result.exit_code, broken) == (True, 0, [])
    checks = {finding["check"] for finding in report["findings"]}
    assert {"root", "clang", "bcc", "userfaultfd with write-protect", "BCC compiles", "machine"} <= checks


def test_every_lack_has_a_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(kernel.KernelProbe, "_bpf", refuse)
    monkeypatch.setattr(kernel, "try_userfaultfd", refuse)
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(tools.shutil, "which", lambda *_args, **_kwargs: None)
    monkeypatch.setattr(kernel.subprocess, "run", _not_found)
    findings = [*tools.check_tools(), *kernel.check_kernel()]
    bad = [finding for finding in findings if finding.level is not Level.OK]
    assert {"clang", "libbpf.so.1", "XDP programs", "userfaultfd with write-protect"} <= {f.check for f in bad}
    assert "network namespaces and veth" in {f.check for f in bad}
    assert all(finding.mend and finding.detail for finding in bad)


def _not_found(*_args: object, **_kwargs: object) -> None:
    raise FileNotFoundError(2, "No such file or directory: 'mnexec'")


def test_without_root_the_kernel_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = CliRunner().invoke(main, ["doctor", "--json"])
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [f["mend"] for f in report["findings"] if f["check"] == "root"] == ["run `sudo rackplane doctor`"]
    assert not any(finding["check"] == "XDP programs" for finding in report["findings"])


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_PROGRAMS", (Program("no-such-program", "flies", "hangar"),))
    found = {finding.check: finding for finding in tools.check_tools()}["no-such-program"]
    assert found.level is Level.MISSING
    assert (found.detail, found.mend) == ("not found; it flies", "sudo apt-get install hangar")


@pytest.mark.root
def test_an_unknown_helper_is_refused_by_the_probe() -> None:
    probe = kernel.KernelProbe({"x86_64": 321, "aarch64": 280}[os.uname().machine])
    call_helper_9999 = bytes.fromhex("85000000 0f270000 95000000 00000000")
    with pytest.raises(OSError, match="Invalid argument"):
        probe.load_xdp(call_helper_9999)


def test_the_report_for_people_lists_mends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    text = CliRunner().invoke(main, ["doctor"]).stdout
    assert "To mend:" in text
    assert "sudo rackplane doctor" in text
