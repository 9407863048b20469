control c() {
    state s {}
    apply {}
}
// error: 2:13: expected ';' after the declaration, found '{'
