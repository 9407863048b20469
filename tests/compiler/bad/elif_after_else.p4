#if 0
#else
#elif 1
#endif
// error: 3:2: #elif after #else
