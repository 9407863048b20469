"""The `xdp` target: rackplane's own compiler, and the kernel."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rackplane.compiler.driver import compile_program, default_cache
from rackplane.switch import libbpf
from rackplane.switch.errors import SwitchError
from rackplane.switch.target import Program, SwitchSetup, TargetMissing


class XdpTarget:
    """Programs become XDP programs; the switch is `python -m rackplane.switch`."""

    name = "xdp"

    def check(self) -> None:
        """Look for libbpf."""
        try:
            libbpf.possible_cpus()
        except SwitchError as e:
            raise TargetMissing(f"the target xdp cannot run here: {e}") from e

    def compile(
        self,
        source: Path,
        out_dir: Path,
        include_dirs: Sequence[Path] = (),
        defines: Mapping[str, str] | None = None,
    ) -> Program:
        """Compile to NAME.xdp.zip; raise CompileErrors."""
        compiled = compile_program(source, include_dirs, defines, out_dir=out_dir, cache=default_cache())
        if compiled.path is None:
            raise SwitchError(f"the compiler wrote no bundle for {source}")
        return Program(out_dir / f"{source.stem}.p4info.txtpb", compiled.path)

    def command(self, setup: SwitchSetup) -> tuple[str, ...]:
        """Return the daemon's command line."""
        command = [sys.executable, "-m", "rackplane.switch", "--grpc", setup.grpc_address]
        command += ["--device-id", str(setup.device_id), "--state-dir", str(setup.state_dir)]
        for number, interface in setup.ports.items():
            command += ["--port", f"{number}={interface}"]
        if setup.cpu_port is not None:
            command += ["--cpu-port", str(setup.cpu_port)]
        return tuple(command)
