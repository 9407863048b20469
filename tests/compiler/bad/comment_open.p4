const bit<8> A = 1;
/* never closed
// error: 2:1: the comment is not closed
