control c() {
    c() inner;
    apply {
        inner.apply();
    }
}
// error: 2:9: the control 'c' cannot contain itself
// error: 4:9: the control 'c' cannot apply itself
