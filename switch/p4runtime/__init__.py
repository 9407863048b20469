"""The P4Runtime service (P4Runtime specification 1.4), one concept per module."""
