#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        hash(meta.x);
        log_msg();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:9: function 'hash': there is no argument for 'algo', 'base', 'data', 'max'
// error: 6:9: no function 'log_msg' takes these 0 argument(s)
