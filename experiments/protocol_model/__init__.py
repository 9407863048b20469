"""Explicit-state search over the coherence protocol, with the transition table that the switch runs."""
