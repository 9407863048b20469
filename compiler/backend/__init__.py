"""The back end: a pipeline in the IR becomes one C file for the kernel's XDP."""
