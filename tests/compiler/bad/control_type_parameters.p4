control c<T>(inout T t) {
    apply {}
}
// error: 1:9: a control with a body cannot have type parameters
