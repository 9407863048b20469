"""`rackplane stf`: the command is that of rackplane.switch.stf, which tests run as a module too."""

from rackplane.switch.stf.__main__ import main as stf

__all__ = ["stf"]
