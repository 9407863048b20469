"""The checks of `rackplane doctor`."""
