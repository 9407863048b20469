"""eBPF of NICs and memory blades: C that BCC compiles where it stands, and thin loaders."""
