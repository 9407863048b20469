"""The front end: P4_16 source text to ir.Pipeline, or located messages."""

from rackplane.compiler.frontend.load import load, load_text, load_with_text
from rackplane.compiler.lexing import INCLUDE_DIR

__all__ = ["INCLUDE_DIR", "load", "load_text", "load_with_text"]
