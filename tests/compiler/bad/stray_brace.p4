const bit<8> A = 1;
}
const bit<8> B = C;
// error: 2:1: this '}' closes nothing
