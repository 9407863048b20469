"""The switch's library of C: tables in shared memory, and the decoding of updates."""

from __future__ import annotations

import ctypes as ct
from functools import cache
from pathlib import Path

from rackplane.compiler.native import NativeBuildError, NativeLibrary
from rackplane.switch.errors import SwitchError

_FOLDER = Path(__file__).resolve().parent
_PROTOTYPES: dict[str, tuple[object, tuple[object, ...]]] = {
    "trie_new": (ct.c_void_p, (ct.c_void_p, ct.c_uint32, ct.c_uint32, ct.c_uint32)),
    "trie_free": (None, (ct.c_void_p,)),
    "trie_change": (ct.c_uint32, (ct.c_void_p, ct.c_char_p, ct.c_uint32, ct.c_char_p, ct.c_char_p, ct.c_uint32)),
    "buckets_new": (ct.c_void_p, (ct.c_void_p, *[ct.c_uint32] * 5, ct.c_uint64)),
    "buckets_free": (None, (ct.c_void_p,)),
    "buckets_put": (ct.c_uint32, (ct.c_void_p, ct.c_char_p, ct.c_char_p, ct.c_uint32)),
    "buckets_remove": (ct.c_uint32, (ct.c_void_p, ct.c_char_p, ct.c_uint32)),
    "find_updates": (ct.c_uint32, (ct.c_void_p, ct.c_uint32, ct.c_void_p, ct.c_uint32)),
    "decode_updates": (
        None,
        (ct.c_void_p, ct.c_char_p, ct.c_void_p, ct.c_uint32, ct.c_void_p, ct.c_char_p, ct.c_char_p),
    ),
}


@cache
def library() -> ct.CDLL:
    """The library, built first where that is needed; SwitchError."""
    try:
        found = ct.CDLL(str(NativeLibrary("rackswitch", sorted(_FOLDER.glob("*.[ch]"))).path()))
    except NativeBuildError as e:
        raise SwitchError(str(e)) from e
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found
