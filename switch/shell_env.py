"""p4runtime-shell in an environment of its own: its protobuf 3.20 cannot live beside the one of this package.

A trap of version 0.0.6: it hangs on a batch error whose first update succeeded, as its error iterator never
advances. It writes single updates itself; scripts should not send batches through it.
"""

from __future__ import annotations

import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

from rackplane.switch.errors import SwitchError

DIRECTORY = ".venv-shell"
REQUIREMENTS = (
    "p4runtime-shell==0.0.6",
    "p4runtime==1.4.1",
    "protobuf==3.20.3",
    "ipython==7.31.1",
    "jedi==0.17.2",
    "grpcio>=1.66,<2",
    "googleapis-common-protos==1.73.0",
)
_STAMP = "rackplane-requirements.txt"
_INSTALL_TIMEOUT_S = 600


def ensure(directory: Path, say: Callable[[str], None] = lambda _: None) -> Path:
    """Make the environment unless it is there already, and return its Python; SwitchError says what went wrong."""
    python, stamp, wanted = directory / "bin" / "python", directory / _STAMP, "\n".join(REQUIREMENTS) + "\n"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    say(f"making an environment for p4runtime-shell in {directory}")
    try:
        venv.create(directory, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as e:
        raise SwitchError(
            f"cannot make a Python environment in {directory}: {e}; "
            "is python3-venv installed (apt install python3-venv)?"
        ) from e
    _install(python)
    stamp.write_text(wanted)
    return python


def command(python: Path, grpc_address: str, device_id: int, election_id: int = 1) -> tuple[str, ...]:
    """Return the command of an interactive shell on a running switch."""
    high, low = election_id >> 64, election_id & (1 << 64) - 1
    return (
        *(str(python), "-m", "p4runtime_sh", "--grpc-addr", grpc_address),
        *("--device-id", str(device_id), "--election-id", f"{high},{low}"),
    )


def _install(python: Path) -> None:
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS]
    try:
        result = subprocess.run(
            pip, check=False, capture_output=True, text=True, errors="replace", timeout=_INSTALL_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as e:
        raise SwitchError(f"pip did not install p4runtime-shell within {_INSTALL_TIMEOUT_S} s") from e
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or [result.stderr.strip()]
        raise SwitchError(f"pip cannot install p4runtime-shell: {lines[-1]}")
