bit<8> a = 1;
// error: 1:8: a variable cannot stand at the top of a program; did you mean a 'const'?
