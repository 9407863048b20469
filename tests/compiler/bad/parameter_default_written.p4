void f(out bit<8> a = 1) { a = 2; }
// error: 1:23: the parameter 'a' is written and cannot have a default value
