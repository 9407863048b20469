extern void f(@optional in bit<8> a = 1);
// error: 1:35: the optional parameter 'a' cannot have a default value
