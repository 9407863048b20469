#if 1 2
#endif
// error: 1:7: '2' does not belong in a condition
