"""Exercises of the P4 tutorials: their topology.json and runtime files, on either target."""
