"""rackplane: a disaggregated rack on one Linux machine, with a P4 switch in the middle."""

__version__ = "0.1.0"
