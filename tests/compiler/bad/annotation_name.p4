@5 const bit<8> A = 1;
// error: 1:2: expected the name of an annotation, found '5'
