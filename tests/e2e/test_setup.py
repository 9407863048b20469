"""setup/setup.sh on machines that lack something: stub programs stand for the system's."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "setup" / "setup.sh"
TOOLS = (
    "sh",
    "dirname",
    "mkdir",
    "sort",
    "head",
    "printf",
    "grep",
    "sed",
    "tee",
    "cat",
    "mktemp",
    "rm",
    "env",
    "tr",
    "true",
    "sha256sum",
    "cut",
)


@dataclass(frozen=True)
class Machine:
    """A made-up machine: programs by name, as shell scripts. What they are called with goes to `calls`."""

    root: Path

    def program(self, name: str, script: str) -> None:
        path = self.root / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.root}/calls\n{script}\n')
        path.chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.root / "bin"), "HOME": str(self.root)}
        command = [str(self.root / "project" / "setup" / "setup.sh"), "test"]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )

    def calls(self) -> str:
        path = self.root / "calls"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with root, apt and a new kernel on which every package is installed except mininet."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "project" / "setup").mkdir(parents=True)
    shutil.copy(SCRIPT, tmp_path / "project" / "setup" / "setup.sh")
    for name in TOOLS:
        found = shutil.which(name)
        assert found, name
        (tmp_path / "bin" / name).symlink_to(found)
    (tmp_path / "project" / "pyproject.toml").write_text("")
    (tmp_path / "project" / ".venv" / "bin").mkdir(parents=True)
    version = "{}.{}".format(*map(int, platform.python_version_tuple()[:2]))
    (tmp_path / "project" / ".venv" / ".made-by").write_text(f"/usr/bin/python3 {version}\n")
    made = Machine(tmp_path)
    made.program("../project/.venv/bin/python", "exit 0")
    made.program("uname", 'case "$1" in -s) echo Linux;; -r) echo 6.8.0-45-generic;; esac')
    made.program("id", "echo 0")
    made.program("dpkg", "echo amd64")
    made.program("dpkg-query", 'for last; do :; done; [ "$last" = mininet ] || printf installed')
    made.program("apt-cache", 'echo "  Candidate: 1.0"')
    made.program("apt-get", 'case "$*" in indextargets*) echo /bin/sh;; esac')
    return made


@pytest.mark.parametrize(
    ("program", "script", "sentence"),
    [
        ("uname", 'case "$1" in -s) echo Darwin;; esac', "rackplane needs Linux; this is Darwin."),
        (
            "uname",
            'case "$1" in -s) echo Linux;; -r) echo 5.15.0-91-generic;; esac',
            "Linux 5.15.0-91-generic is too old: rackplane needs 6.1 or newer "
            "(Debian 12 and Ubuntu 24.04 have it).",
        ),
        ("id", "echo 1000", "rackplane needs root and there is no sudo here: run make as root."),
        (
            "apt-cache",
            'case "$*" in *mininet) echo "  Candidate: (none)";; *) echo "  Candidate: 1";; esac',
            "the package mininet is not available: on Ubuntu, enable the universe component "
            "(add-apt-repository universe), then run make again.",
        ),
        (
            "apt-get",
            'case "$*" in indextargets*) exit 0;; *update*) echo "E: no network"; exit 100;; esac',
            "the package lists could not be fetched: check the network, then run make again "
            "(details: build/setup.log).",
        ),
        (
            "apt-get",
            'case "$*" in indextargets*) echo /bin/sh;; *install*) echo "E: broken"; exit 100;; esac',
            "apt-get could not install mininet: the reason is at the end of build/setup.log.",
        ),
    ],
)
def test_what_cannot_be_had_is_one_sentence(machine: Machine, program: str, script: str, sentence: str) -> None:
    machine.program(program, script)
    done = machine.run()
    assert done.returncode == 1
    assert done.stderr == f"rackplane: {sentence}\n"


def test_a_machine_without_apt_is_told_which_ones_work(machine: Machine) -> None:
    (machine.root / "bin" / "apt-get").unlink()
    done = machine.run()
    assert done.returncode == 1
    assert done.stderr.startswith(
        "rackplane: apt-get is missing: rackplane's set-up knows Debian 12 and Ubuntu 24.04"
    )


def test_sudo_that_refuses_is_named(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    machine.program("sudo", "exit 1")
    assert "sudo refuses: run make as root, or as a user who may use sudo." in machine.run().stderr


def test_only_what_is_missing_is_installed_unattended(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    machine.program("sudo", '[ "$1" != -n ] || shift; exec "$@"')
    machine.program(
        "apt-get", 'echo "as $DEBIAN_FRONTEND" >>"$0.log"; case "$*" in indextargets*) echo /bin/sh;; esac'
    )
    done = machine.run()
    assert "==> installing Debian packages: mininet" in done.stdout
    installs = [line for line in machine.calls().splitlines() if line.startswith("apt-get") and " install " in line]
    assert len(installs) == 1
    assert installs[0].endswith("install --no-install-recommends mininet")
    assert " -y " in installs[0]
    assert "as noninteractive" in (machine.root / "bin" / "apt-get.log").read_text()
    assert "update" not in machine.calls()


def test_packages_that_are_there_need_no_root(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    machine.program("dpkg-query", "printf installed")
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("==> installing rackplane with test into .venv\n", "")
    assert "pip install" in machine.calls()
    again = machine.run()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert not [line for line in machine.calls().splitlines() if line.startswith("apt-get") and "install" in line]


def test_the_script_is_executable_and_strict() -> None:
    assert os.access(SCRIPT, os.X_OK)
    assert "\nset -eu\n" in SCRIPT.read_text()
