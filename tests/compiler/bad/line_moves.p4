#line 100
const bit<8> A = B;
// error: 100:18: unknown name 'B'
