"""What the kernel of this machine has that changes the code of programs."""

from __future__ import annotations

import platform
import re

_MAY_GOTO = (6, 9)


def has_may_goto(release: str | None = None) -> bool:
    """Whether the verifier knows `may_goto` (Linux 6.9); `release` is this machine's by default."""
    found = re.match(r"(\d+)\.(\d+)", platform.release() if release is None else release)
    return found is not None and (int(found[1]), int(found[2])) >= _MAY_GOTO
