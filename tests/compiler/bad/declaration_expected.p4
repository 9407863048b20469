= 1;
// error: 1:1: expected a declaration, found '='
