#if "a"
#endif
// error: 1:5: "a" does not belong in a condition
