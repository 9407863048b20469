#if (1
#endif
// error: 1:2: ')' is missing in the condition
