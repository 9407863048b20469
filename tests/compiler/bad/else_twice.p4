#if 0
#else
#else
#endif
// error: 3:2: #else after #else
