#define F(a b) a
// error: 1:9: a macro's parameters are names separated by ','
