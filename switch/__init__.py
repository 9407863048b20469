"""A running switch: the compiled program in the kernel, and the P4Runtime service that controls it."""
