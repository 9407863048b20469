"""Source text to tokens. Imports little, so that a program that was compiled before is found fast."""

from pathlib import Path

INCLUDE_DIR = Path(__file__).resolve().parent.parent / "include"
