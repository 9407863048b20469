"""Errors of this room: each names the thing that failed, the value, and what would mend it."""

from __future__ import annotations

import errno
import os


class EbpfError(Exception):
    """The base of every error that this room raises on purpose."""


class BpfCallError(EbpfError):
    """A bpf(2) call failed; `code` is the positive errno."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what}: {os.strerror(code)} ({errno.errorcode.get(code, str(code))})")
        self.code = code


class ProgramError(EbpfError):
    """BCC cannot be used, a program does not compile, or the kernel refuses it."""


class InterfaceError(EbpfError):
    """No such interface here, or it lacks what a program needs of it."""
