/* Keys and parameters whose types have another width for the control plane, and a hidden table. */
#include "frame.p4"
@p4runtime_translation("u/port", bit<32>) type bit<16> port_t;
@p4runtime_translation("u/name", string) type bit<16> name_t;
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action to(port_t p) { sm.egress_spec = (bit<9>) (bit<16>) p; }
    table t {
        key = { (port_t) (hdr.data.a ++ hdr.data.b) : exact @name("p"); (name_t) (8w0 ++ hdr.data.c) : exact @name("n"); }
        actions = { to; NoAction; }
    }
    @hidden table h {
        key = { hdr.data.d : exact; }
        actions = { to; NoAction; }
        const entries = { 9 : to((port_t) 2); }
    }
    apply { sm.egress_spec = 1; t.apply(); h.apply(); }
}
V1Switch(P(), V(), I(), E(), C(), D()) main;
