"""A rack for tests: compute blades as processes in one network namespace, around the model switch."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
COHERENT = 1 << 40
"""Where the coherent range of every test rack begins."""
DIRECT = (1 << 40) + (1 << 32)
_numbers = itertools.count()

Json = Any
"""What json.loads() returns."""


class BladeGone(Exception):
    """The blade's process ended; its exit status and what it wrote to stderr."""


class Blade:
    """The other end of blade_worker.py."""

    def __init__(self, prefix: list[str], options: dict[str, Any]) -> None:
        """`prefix`: the command that runs another one where the blade's interface is."""
        self.process = subprocess.Popen(
            [*prefix, sys.executable, str(HERE / "blade_worker.py"), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._pool = ThreadPoolExecutor(1)
        self._answer()

    def _answer(self) -> Json:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, errors = self.process.communicate()
            raise BladeGone(self.process.returncode, errors)
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{answer['error']}: {answer['text']}")
        return answer["ok"]

    def do(self, name: str, **arguments: Json) -> Json:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": name, "with": arguments}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def start(self, name: str, **arguments: Json) -> Future[Json]:
        return self._pool.submit(self.do, name, **arguments)

    def stop(self) -> None:
        self._pool.shutdown(wait=False)
        if self.process.poll() is None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@dataclass
class ModelRack:
    """Blades that map `coherent` when they like, and the model between them."""

    blades: list[Blade]
    model: subprocess.Popen[str]
    report: dict[str, Any] = field(default_factory=dict)

    def finish(self) -> dict[str, Any]:
        """Ends the blades, then the model, and returns what the model counted."""
        for blade in self.blades:
            blade.stop()
        if not self.report and self.model.poll() is None:
            out, _ = self.model.communicate("", timeout=20)
            self.report = json.loads(out.splitlines()[-1])
        return self.report


@contextmanager
def _namespace(blades: int) -> Iterator[str]:
    name = f"rmt{os.getpid() % 100000}-{next(_numbers)}"
    run = ["ip", "-n", name]
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for i in range(blades):
            link = ["link", "add", f"c{i}", "address", f"02:00:00:00:00:{i + 1:02x}", "type", "veth"]
            subprocess.run([*run, *link, "peer", "name", f"s{i}"], check=True)
            subprocess.run([*run, "link", "set", f"s{i}", "up"], check=True)
            subprocess.run([*run, "link", "set", f"c{i}", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def _start_model(namespace: str, blades: int, settings: dict[str, Any]) -> subprocess.Popen[str]:
    links = [(f"s{i}", 0x020000000001 + i, 0x0A000001 + i) for i in range(blades)]
    command = ["ip", "netns", "exec", namespace, sys.executable, str(HERE / "model_switch.py")]
    model = subprocess.Popen(
        [*command, json.dumps({"links": links, **settings})],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert model.stdout is not None
    assert model.stdout.readline() == "ready\n", "the model switch did not start"
    return model


def _end_model(model: subprocess.Popen[str]) -> None:
    if model.poll() is None:
        model.kill()
    model.wait()


@contextmanager
def model_rack(
    blades: int, *, options: dict[str, Any] | None = None, pages: int = 64, region_log2: int = 12, **settings: Json
) -> Iterator[ModelRack]:
    """`options` go to every blade, `settings` to the model switch (ModelConfig)."""
    settings = {"coherent": [(COHERENT, pages * 4096, region_log2)], "direct": [(DIRECT, 1 << 20)]} | settings
    with ExitStack() as stack:
        namespace = stack.enter_context(_namespace(blades))
        model = _start_model(namespace, blades, settings)
        stack.callback(_end_model, model)
        rack = ModelRack([], model)
        for i in range(blades):
            blade_options = {"interface": f"c{i}", "domain": 1, "address": f"10.0.0.{i + 1}"} | (options or {})
            rack.blades.append(Blade(["ip", "netns", "exec", namespace], blade_options))
            stack.callback(rack.blades[-1].stop)
        yield rack
