#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        switch (meta.x) {
            hdr.tags[0].a: {}
        }
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 6:13: a label must be known at compile time
