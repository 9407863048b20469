const bit<8> table = 1;
// error: 1:14: expected the name of a constant, found the keyword 'table'
