@mixed[1, a = 2] const bit<8> A = 1;
// error: 1:16: an annotation holds either expressions or name = value pairs, not both
