const bit<20000> A = 1;
// error: 1:11: the width 20000 is more than 16384 bits
