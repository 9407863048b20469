const bit<8> A = 20000w1;
// error: 1:18: a number cannot be 20000 bits wide
