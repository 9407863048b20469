control c() {
}
// error: 1:9: the control 'c' has no 'apply' block
