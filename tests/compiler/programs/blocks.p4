/* Controls with type parameters, made and applied for several types. */
#include "frame.p4"
control exchanger<T>(inout T left, inout T right) {
    T kept;
    action swap() { left = right; right = kept; }
    apply { kept = left; swap(); }
}
control outer<T>(inout T x, inout T y)(bool twice) {
    exchanger<T>() inner;
    apply {
        inner.apply(x, y);
        if (twice) { exchanger<T>.apply(x, y); }
    }
}
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    outer<bit<8>>(false) a;
    outer<bit<16>>(twice = false) b;
    outer<bit<8>>(true) c;
    apply {
        sm.egress_spec = 1;
        a.apply(hdr.data.a, hdr.data.b);
        bit<16> l = hdr.data.c ++ hdr.data.d;
        bit<16> r = hdr.data.e ++ hdr.data.f;
        b.apply(l, r);
        hdr.data.c = l[15:8]; hdr.data.d = l[7:0]; hdr.data.e = r[15:8]; hdr.data.f = r[7:0];
        c.apply(hdr.data.g, hdr.data.h);
    }
}
V1Switch(P(), V(), I(), E(), C(), D()) main;
