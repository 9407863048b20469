#if 1 / 0
#endif
// error: 1:7: division by zero
