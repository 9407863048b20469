"""The front end: P4_16 source text to ir.Pipeline, or located messages."""

from rackplane.compiler.frontend.load import INCLUDE_DIR, load

__all__ = ["INCLUDE_DIR", "load"]
