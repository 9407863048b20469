#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        resubmit({ meta.x });
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:9: the deprecated 'resubmit' has no code on any target: use resubmit_preserving_field_list, with @field_list on the metadata fields to keep
