"""The switch's P4 programs, as package data."""
