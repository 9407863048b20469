#if defined 1
#endif
// error: 1:5: 'defined' needs the name of a macro
