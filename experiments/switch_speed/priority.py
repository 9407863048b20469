"""The measured processes before all others, so that what else runs on the machine disturbs less."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HIGHEST = -20
_AUTOGROUP = Path("/proc/self/autogroup")


@contextmanager
def favoured() -> Iterator[None]:
    """This process, those that it starts and (where the kernel groups by session) its session, until the end."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    group = _autogroup_nice()
    os.setpriority(os.PRIO_PROCESS, 0, _HIGHEST)
    try:
        if group is not None:
            _AUTOGROUP.write_text(str(_HIGHEST))
        yield
    finally:
        if group is not None:
            _AUTOGROUP.write_text(str(group))
        os.setpriority(os.PRIO_PROCESS, 0, before)


def _autogroup_nice() -> int | None:
    """The session's nice value, from a line such as `/autogroup-12 nice 0`; None where there are no groups."""
    try:
        words = _AUTOGROUP.read_text().split()
    except OSError:
        return None
    return int(words[-1]) if len(words) == 3 else None
