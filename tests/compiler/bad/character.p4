const bit<8> A = 1 $ 2;
// error: 1:20: the character '$' does not belong in P4
