#include "frame.p4"

enum bit<8> k_t { A = 1 }
struct m_t { k_t k; }
void f(inout bit<8> a) { a = 1; }

control I(inout headers_t hdr, inout m_t meta, inout standard_metadata_t sm) {
    apply {
        f(meta.k);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 9:11: the parameter 'a' is written and needs a bit<8>, not k_t
// error: 13:20: the parameter 'ig' has the type Ingress<headers_t, meta_t>, but this is I
