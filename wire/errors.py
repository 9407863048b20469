"""What can become of a request to rack memory, other than its result."""

from __future__ import annotations

from rackplane.wire.generated.rack_headers import Syndrome


class WireError(Exception):
    """The base of every error that this room raises on purpose."""


class PacketError(WireError):
    """A frame is not what it should be."""


class TransportError(WireError):
    """The link to the rack can not be used."""


class RequestError(WireError):
    """A request has failed. What it was to write may have been written in part, where it had several segments."""


class InvalidRequestError(RequestError):
    """This memory does not take the verb, or not with this length or alignment."""


class RemoteAccessError(RequestError):
    """There is no such address, or the right to use it is missing."""


class RemoteOperationalError(RequestError):
    """The memory could not carry the request out."""


class NoAnswerError(RequestError, TimeoutError):
    """No answer came within the request's time: it may or may not have been carried out."""


class BusyError(RequestError):
    """All that came within the request's time was `receiver not ready`."""


_REFUSALS = {
    Syndrome.NAK_INVALID_REQUEST: (
        InvalidRequestError,
        "invalid request: a verb, length or alignment it does not take",
    ),
    Syndrome.NAK_REMOTE_ACCESS: (RemoteAccessError, "no such address, or no right to it"),
    Syndrome.NAK_REMOTE_OPERATIONAL: (RemoteOperationalError, "the memory could not carry it out"),
}


def refusal(what: str, syndrome: int) -> RequestError:
    """The error of a NAK's syndrome."""
    for known, (kind, text) in _REFUSALS.items():
        if syndrome == known:
            return kind(f"{what} was refused: {text}")
    return RequestError(f"{what} was refused with syndrome {syndrome:#04x}")
