@twice[a = 1, a = 2] const bit<8> A = 1;
// error: 1:15: the annotation gives 'a' twice
