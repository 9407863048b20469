#include "frame.p4"
void set(out bit<8> v) {
    v = 1;
}
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        bit<32> w = 0;
        bit<8> i = 4;
        set(w[i +: 8]);
        w[i +: 40] = 1;
        w[7 +: 8] = w[i +: 0];
    }
}
V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 9:13: the parameter 'v' is written: a slice at a computed place can be assigned only
// error: 10:9: there is no slice of 40 bits in bit<32>
// error: 11:21: there is no slice of 0 bits in bit<32>
