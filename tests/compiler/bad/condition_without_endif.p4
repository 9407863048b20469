#if 1
const bit<8> A = 1;
// error: 1:2: this condition has no #endif
