"""Errors of a compute blade. Each says what was tried, on what address, and how to mend it."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """`enum rackmem_code` of include/rackmem.h."""

    OK = 0
    BAD_ARGUMENT = 1
    SYSTEM = 2
    NOT_PERMITTED = 3
    OVERLAP = 4
    NO_MEMORY = 5
    TIMED_OUT = 6
    REFUSED_INVALID = 7
    REFUSED_ACCESS = 8
    REFUSED_FAULT = 9
    FORKED = 10
    NOT_MAPPED = 11


class RackMemoryError(Exception):
    """Rack memory could not be used."""


class BuildError(RackMemoryError):
    """The C library could not be built."""


class ArgumentError(RackMemoryError, ValueError):
    """An argument that no rack accepts: an unaligned address, an empty range, a range in use."""


class SystemCallError(RackMemoryError, OSError):
    """The kernel refused a system call; `errno` says which way."""


class RackTimeoutError(RackMemoryError, TimeoutError):
    """The rack did not answer."""


class RefusedError(RackMemoryError):
    """The rack refused: no such memory, no right, or a verb that this memory does not take."""


class ForkedError(RackMemoryError):
    """The context belongs to the parent process."""


class ClosedError(RackMemoryError):
    """The context is closed."""


_CLASSES: dict[Code, type[RackMemoryError]] = {
    Code.BAD_ARGUMENT: ArgumentError,
    Code.SYSTEM: SystemCallError,
    Code.NOT_PERMITTED: SystemCallError,
    Code.OVERLAP: ArgumentError,
    Code.NO_MEMORY: RackMemoryError,
    Code.TIMED_OUT: RackTimeoutError,
    Code.REFUSED_INVALID: RefusedError,
    Code.REFUSED_ACCESS: RefusedError,
    Code.REFUSED_FAULT: RefusedError,
    Code.FORKED: ForkedError,
    Code.NOT_MAPPED: ArgumentError,
}


def error_for(code: int, text: str, system_errno: int) -> RackMemoryError:
    """The exception for what a library call returned."""
    kind = _CLASSES.get(Code(code), RackMemoryError)
    return kind(system_errno, text) if issubclass(kind, OSError) and system_errno else kind(text)
