"""The command as users call it, on racks with names of their own."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rackplane.topologies import cleanup, processes, state
from rackplane.topologies.down import take_down

TIMEOUT = 120
NODES = 16_000
BMV2 = pytest.param(
    "bmv2",
    marks=[
        pytest.mark.bmv2,
        pytest.mark.skipif(
            not (shutil.which("p4c-bm2-ss") and shutil.which("simple_switch_grpc")),
            reason="p4c-bm2-ss and simple_switch_grpc are not on PATH",
        ),
    ],
)


@dataclass(frozen=True)
class Rackplane:
    """The command, for a rack called `name`."""

    name: str

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", "from rackplane.cli.main import main; main()", *arguments]

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), input=stdin, capture_output=True, text=True, check=False, timeout=TIMEOUT
        )

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 (JSON)
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )

    def remains(self) -> list[str]:
        """Whatever is left of the rack on this machine."""
        interfaces = [p.name for p in Path("/sys/class/net").iterdir() if p.name.startswith(f"{self.name}-eth")]
        pids = [str(process.pid) for process in processes.find_marked(f"{self.name}.")]
        files = [str(p) for p in (state.run_directory(self.name), cleanup.PIN_ROOT / self.name) if p.exists()]
        return interfaces + pids + files

    def await_nothing(self, seconds: float = 15.0) -> list[str]:
        deadline = time.monotonic() + seconds
        while (left := self.remains()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left


@pytest.fixture
def rackplane() -> Iterator[Rackplane]:
    command = Rackplane(f"e{secrets.token_hex(3)}")
    yield command
    take_down(command.name)


@pytest.fixture(scope="session")
def edge_list(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of several pages, with hubs and with nodes that nothing leads to."""
    random = np.random.default_rng(7)
    targets = np.concatenate([np.minimum(random.zipf(1.6, 20_000), NODES), random.integers(0, NODES, 20_000)])
    sources = random.integers(0, NODES, len(targets))
    lines = [f"n{source} n{target}" for source, target in zip(sources, targets, strict=True)]
    path = tmp_path_factory.mktemp("graph") / "edges"
    path.write_text("# a made-up graph\n" + "\n".join(lines) + "\n")
    return path
