"""Errors of the switch: each names the thing that failed, the value, and what would mend it."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from enum import IntEnum


class SwitchError(Exception):
    """The base of every error that this room raises on purpose."""


class BpfError(SwitchError):
    """A libbpf or bpf(2) call failed; `code` is the positive errno."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what}: {os.strerror(code)} ({errno.errorcode.get(code, str(code))})")
        self.code = code


class BundleError(SwitchError):
    """A compiled program cannot be used: its parts are missing, malformed, or contradict each other."""


@dataclass(frozen=True)
class SourceLine:
    """A line of the P4 source that the verifier was at: file, 1-based line, and its text."""

    file: str
    line: int
    text: str


class VerifierError(SwitchError):
    """The kernel refused a program. `lines` are the source lines that led there, the last one being the culprit.

    `log` is what the verifier said in full, `reason` why it gave up, `program` the function.
    """

    def __init__(
        self, message: str, lines: tuple[SourceLine, ...], log: str, program: str = "", reason: str = ""
    ) -> None:
        super().__init__(message)
        self.program = program
        self.reason = reason
        self.lines = lines
        self.log = log


class PortError(SwitchError):
    """An interface cannot be a port of the switch."""


class Code(IntEnum):
    """The canonical codes (google.rpc.Code) that P4Runtime answers with."""

    OK = 0
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13


class RequestError(SwitchError):
    """A request, or one update of it, is refused with a canonical code."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def invalid(message: str) -> RequestError:
    """INVALID_ARGUMENT."""
    return RequestError(Code.INVALID_ARGUMENT, message)


def not_found(message: str) -> RequestError:
    """NOT_FOUND."""
    return RequestError(Code.NOT_FOUND, message)
