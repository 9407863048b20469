"""Racks as data, and the launcher that makes them real in Mininet."""
