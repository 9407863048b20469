action NoAction(bit<8> x) {}
// error: 1:8: 'NoAction' must be an action without parameters
