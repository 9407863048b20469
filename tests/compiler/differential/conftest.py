"""The IR machine of the front end's tests is the measure here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "frontend"))
