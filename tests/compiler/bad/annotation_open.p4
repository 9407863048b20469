@hidden(1 const bit<8> A = 1;
// error: 1:8: the annotation's '(' is not closed
