@name(4) const bit<8> A = 1;
// error: 1:2: @name takes a string
