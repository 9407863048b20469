"""A memory blade as a process: it loads the programs that serve memory, and tells how they fare."""
