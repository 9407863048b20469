const bit<true> A = 1;
// error: 1:11: a width is a number, not bool
