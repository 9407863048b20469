@deep[a = {1, 2}] const bit<8> A = 1;
// error: 1:11: a value in an annotation is a number, string or bool
