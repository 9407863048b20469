"""What holds for all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing about the code. CI takes the same examples
# each time, so that a change fails for what it changes; everybody else looks for new ones.
settings.register_profile(
    "rackplane",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("rackplane")
