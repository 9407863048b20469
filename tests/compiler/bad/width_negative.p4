const bit<-1> A = 1;
// error: 1:11: the width of bit cannot be -1
