"""Files that the compiler emits from p4src/include/headers.p4."""
