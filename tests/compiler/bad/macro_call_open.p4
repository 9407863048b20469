#define F(a) a
const bit<8> A = F(1;
// error: 2:18: the call of macro 'F' is not closed with ')'
