control inner();
void f(inner c) {}
// error: 2:14: the parameter 'c' cannot have the type inner
