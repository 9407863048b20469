#include "frame.p4"

E() e;
// error: 3:5: a control cannot be instantiated at the top of a program
