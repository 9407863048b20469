"""What is known of kernels by their release."""

from __future__ import annotations

import pytest

from rackplane.compiler.kernel import has_may_goto


@pytest.mark.parametrize(
    ("release", "has"),
    [
        ("6.1.0-50", False),
        ("6.8.12", False),
        ("6.9.0", True),
        ("6.18.44-x", True),
        ("7.0", True),
        ("odd", False),
    ],
)
def test_may_goto(release: str, has: bool) -> None:
    assert has_may_goto(release) is has
