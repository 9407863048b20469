"""Running a function inside another network namespace, in a thread of its own."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rackplane.switch.errors import SwitchError

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000


def run_in(namespace: Path, work: Callable[[], T]) -> T:
    """Run `work` in the namespace that a file such as /run/netns/NAME or /proc/PID/ns/net stands for."""

    def enter() -> None:
        with namespace.open("rb") as f:
            _call("setns", f.fileno(), _CLONE_NEWNET)

    return _in_thread(enter, work, str(namespace))


def run_in_fd(namespace_fd: int, work: Callable[[], T]) -> T:
    """Run `work` in the namespace that an open file descriptor stands for."""
    return _in_thread(lambda: _call("setns", namespace_fd, _CLONE_NEWNET), work, "a network namespace")


def run_in_new(work: Callable[[], T]) -> T:
    """Run `work` in a namespace without a name: it goes, with its interfaces, once nothing refers to it."""
    return _in_thread(lambda: _call("unshare", _CLONE_NEWNET), work, "a new network namespace")


def enter_new() -> None:
    """Move this thread, and those that it starts from now on, to a namespace without a name."""
    try:
        _call("unshare", _CLONE_NEWNET)
    except OSError as e:
        raise SwitchError(f"cannot make a network namespace: {e.strerror} (root is needed)") from e


def current() -> Path:
    """Return the file that stands for the calling thread's namespace."""
    return Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net")


def _call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _in_thread(enter: Callable[[], None], work: Callable[[], T], where: str) -> T:
    results: list[T] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            enter()
        except OSError as e:
            errors.append(SwitchError(f"cannot enter {where}: {e.strerror} (root is needed)"))
            return
        try:
            results.append(work())
        except (OSError, SwitchError) as e:
            errors.append(e)

    thread = threading.Thread(target=body, name="netns")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    if not results:
        raise SwitchError(f"the work in {where} ended without a result")
    return results[0]
