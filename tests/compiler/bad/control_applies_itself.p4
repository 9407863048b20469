control c() {
    apply {
        c.apply();
    }
}
// error: 3:9: the control 'c' cannot apply itself
