control c()(in bit<8> a) {
    apply {}
}
// error: 1:23: the constructor parameter 'a' cannot have a direction
