#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        switch (meta.x) {
            1: {}
            1: {}
        }
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:13: this label is in the switch twice
