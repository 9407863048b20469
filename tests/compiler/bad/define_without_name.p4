#define 1
// error: 1:2: #define needs the name of a macro
