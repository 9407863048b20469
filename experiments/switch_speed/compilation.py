"""Compile times, each in a new process: `python -m rackplane.experiments.switch_speed.compilation P4 CACHE OUT`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rackplane.compiler.driver import compile_program
from rackplane.experiments.switch_speed.errors import BenchError
from rackplane.experiments.switch_speed.report import Compilation

_TIMEOUT_S = 120


def measure(source: Path, rounds: int) -> Compilation:
    """Medians over rounds, each with a cache of its own that is empty and then full. Raises BenchError."""
    times = []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="rackplane-compile-") as folder:
            times.append((_timed(source, Path(folder), cached=False), _timed(source, Path(folder), cached=True)))
    return Compilation(
        program=source.stem,
        cold_s=median(cold[0] for cold, _ in times),
        cached_s=median(cached[0] for _, cached in times),
        cold_process_s=median(cold[1] for cold, _ in times),
        cached_process_s=median(cached[1] for _, cached in times),
    )


def _timed(source: Path, folder: Path, *, cached: bool) -> tuple[float, float]:
    """Seconds of the compiler, and of the whole process."""
    module = "rackplane.experiments.switch_speed.compilation"
    command = [sys.executable, "-m", module, str(source), str(folder / "cache"), str(folder / "out")]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"compiling {source} failed: {str(error.stderr)[-500:]}") from error
    seconds = time.perf_counter() - start
    answer = json.loads(done.stdout)
    if answer["cached"] != cached:
        raise BenchError(f"the compiler's cache did not do its work: cached is {answer['cached']}, not {cached}")
    return float(answer["seconds"]), seconds


def main() -> None:
    """Compile, and print the seconds and whether the object came from the cache."""
    source, cache, out = (Path(argument) for argument in sys.argv[1:4])
    start = time.perf_counter()
    compiled = compile_program(source, out_dir=out, cache=cache)
    print(json.dumps({"seconds": time.perf_counter() - start, "cached": compiled.cached}))


if __name__ == "__main__":
    main()
