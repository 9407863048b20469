const bit<8> A = (1;
// error: 1:20: expected ')', found ';'
