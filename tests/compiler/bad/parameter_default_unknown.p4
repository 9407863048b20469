bit<8> g() { return 1; }
void f(in bit<8> a = g()) {}
// error: 2:22: the default of 'a' must be known at compile time
