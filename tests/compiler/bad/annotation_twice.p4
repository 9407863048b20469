@again[1] @again[2] const bit<8> A = 1;
// error: 1:12: the annotation '@again' is given twice
