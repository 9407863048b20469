#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        switch (meta.x) {
            true: {}
        }
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 6:13: the switch's selector has the type bit<8>, but this is bool
