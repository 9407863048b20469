#define F(a, b) a + b
const bit<8> A = F(1);
// error: 2:18: macro 'F' takes 2 argument(s), not 1
