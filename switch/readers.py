"""Waiting for the programs that run at the moment, so that memory they may still look at can be used anew."""

from __future__ import annotations

import ctypes
import os
import platform

from rackplane.switch.errors import BundleError

_SYS_MEMBARRIER = {"x86_64": 324, "aarch64": 283}
_MEMBARRIER_CMD_GLOBAL = 1


def wait_for_readers() -> None:
    """Return when every program that ran at the time of the call has ended (an RCU grace period)."""
    number = _SYS_MEMBARRIER.get(platform.machine())
    if number is None:
        raise BundleError(f"memory cannot be reused on {platform.machine()}: membarrier(2) is not known here")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, _MEMBARRIER_CMD_GLOBAL, 0, 0) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"membarrier: {os.strerror(code)}")
