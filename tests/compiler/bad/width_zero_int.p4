const int<0> A = 1;
// error: 1:11: the width of int cannot be 0
