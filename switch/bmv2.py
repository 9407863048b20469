"""The `bmv2` target: the P4 project's compiler and its reference switch, when they are installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rackplane.switch.errors import SwitchError
from rackplane.switch.target import Program, SwitchSetup, TargetMissing, free_port

COMPILER = "p4c-bm2-ss"
SWITCH = "simple_switch_grpc"
HOW_TO_GET = (
    "on Ubuntu: apt install p4lang-p4c p4lang-bmv2; on Debian: the same packages from the P4 project's "
    "repository (https://github.com/p4lang/p4c#installing-packaged-versions-of-p4c)"
)
_COMPILE_TIMEOUT_S = 120
# With one queue, BMv2's default, packets of any other standard_metadata.priority than 0 are dropped.
_PRIORITIES = 8


class Bmv2Target:
    """Programs become BMv2's JSON; the switch is simple_switch_grpc.

    Its Thrift port cannot be bound to one address: it is a free port, given explicitly, on every address.
    """

    name = "bmv2"

    def check(self) -> None:
        """Look for the compiler and the switch."""
        missing = [tool for tool in (COMPILER, SWITCH) if shutil.which(tool) is None]
        if missing:
            raise TargetMissing(f"the target bmv2 needs {' and '.join(missing)}, not found on PATH; {HOW_TO_GET}")

    def compile(
        self,
        source: Path,
        out_dir: Path,
        include_dirs: Sequence[Path] = (),
        defines: Mapping[str, str] | None = None,
    ) -> Program:
        """Compile to NAME.json; raise SwitchError with what p4c said."""
        out_dir.mkdir(parents=True, exist_ok=True)
        program = Program(out_dir / f"{source.stem}.bmv2.p4info.txtpb", out_dir / f"{source.stem}.json")
        command = [COMPILER, "--std", "p4-16", "--p4runtime-files", str(program.p4info)]
        command += [f"-I{directory}" for directory in include_dirs]
        command += [f"-D{name}={value}" if value else f"-D{name}" for name, value in (defines or {}).items()]
        command += ["-o", str(program.device_config), str(source)]
        try:
            result = subprocess.run(
                command, check=False, capture_output=True, text=True, errors="replace", timeout=_COMPILE_TIMEOUT_S
            )
        except FileNotFoundError as e:
            raise TargetMissing(f"the target bmv2 needs {COMPILER}; {HOW_TO_GET}") from e
        except subprocess.TimeoutExpired as e:
            raise SwitchError(f"{COMPILER} did not finish {source} within {_COMPILE_TIMEOUT_S} s") from e
        if result.returncode != 0:
            raise SwitchError(f"{COMPILER} refused {source}:\n{result.stderr.strip()}")
        return program

    def command(self, setup: SwitchSetup) -> tuple[str, ...]:
        """Return simple_switch_grpc's command line: everything on the loopback that can be, no file outside."""
        command = [SWITCH, "--no-p4", "--device-id", str(setup.device_id), "--thrift-port", str(free_port())]
        command += ["--notifications-addr", f"ipc://{setup.state_dir}/notifications.ipc"]
        for number, interface in setup.ports.items():
            command += ["--interface", f"{number}@{interface}"]
        command += ["--", "--grpc-server-addr", setup.grpc_address, "--priority-queues", str(_PRIORITIES)]
        if setup.cpu_port is not None:
            command += ["--cpu-port", str(setup.cpu_port)]
        return tuple(command)
