const bit<8> A = 1
const bit<8> B = 2;
// error: 1:19: expected ';' after the constant, found 'const'
