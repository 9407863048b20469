void f(in int a) {}
// error: 1:15: a parameter of the type int cannot have a direction
