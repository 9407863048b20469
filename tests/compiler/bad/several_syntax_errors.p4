const bit<8> A = ;
control c() {
    apply {
        x = = 1;
        y = 2
    }
}
struct s { bit<8> }
// error: 1:18: expected an expression, found ';'
// error: 4:13: expected an expression, found '='
// error: 5:14: expected ';' after the statement, found '}'
// error: 8:19: expected the name of a field, found '}'
