"""P4 and STF texts with a few tokens lost, doubled, moved or exchanged."""

from __future__ import annotations

import random
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
PROGRAMS = sorted(
    path
    for folder in ("p4src", "tests/compiler/differential", "tests/switch", "tests/topologies")
    for path in (ROOT / folder).rglob("*.p4")
    if "V1Switch(" in path.read_text() or "tail.p4" in path.read_text()
)
SCRIPTS = sorted(TESTS.rglob("*.stf"))
_TOKENS = re.compile(r"\w+|[^\w\s]+|\s+")
_ODD = (
    "",
    "0",
    "-1",
    "010",
    "99999999999",
    "1 << 70",
    "bit<0>",
    "bit<9999>",
    "{",
    ")",
    "&&&",
    "..",
    "true",
    "hdr",
    "x",
    "error.NoError",
    "_",
)


def mutated(text: str, chance: random.Random) -> str:
    """The text with one to four changes."""
    tokens = _TOKENS.findall(text)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(tokens))
        other = chance.choice(tokens)
        tokens[at] = chance.choice(("", tokens[at] * 2, other, other, chance.choice(_ODD), tokens[at][:-1]))
    return "".join(tokens)
