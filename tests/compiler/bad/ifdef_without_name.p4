#ifdef
#endif
// error: 1:2: #ifdef needs the name of a macro
