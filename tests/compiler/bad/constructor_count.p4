#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    counter(4) c;

    apply {
        c.count(0);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:16: constructor of 'counter': there is no argument for 'type'
