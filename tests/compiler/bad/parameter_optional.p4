void f(@optional in bit<8> a) {}
// error: 1:28: 'a' cannot be optional: only parameters of externs, types and packages are
