extern ex {
    void f(in bit<8> a);
    bit<8> f(in bit<16> a);
}
// error: 3:12: 'ex' has this form of 'f' twice
