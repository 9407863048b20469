#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        switch (hdr.ethernet) {
            1: {}
        }
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:17: 'switch' does not work on ethernet_t
