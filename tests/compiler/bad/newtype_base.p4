#include "frame.p4"

type headers_t new_headers_t;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:16: 'type' makes new types of bit<W>, int<W> and bool, not of headers_t
