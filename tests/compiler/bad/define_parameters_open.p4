#define F(a
// error: 1:9: ')' is missing after the macro's parameters
