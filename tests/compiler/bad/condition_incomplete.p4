#if 1 +
#endif
// error: 1:2: the condition is not complete
