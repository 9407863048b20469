#include "frame.p4"
// error: 1:1: the program has no 'main': V1Switch(...) main;
