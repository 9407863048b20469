parser p() {
    table t {}
    state start { transition accept; }
}
// error: 2:5: expected a declaration or a state, found 'table'
