"""The compute blades and the model switch of tests/hosts/compute serve here too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hosts" / "compute"))
