// Every way a table is kept: hash, LPM with an exact key, mask groups, code, and no key. The port says what matched.
#include <core.p4>
#include <v1model.p4>

header query_t { bit<8> kind; bit<16> a; bit<32> b; bit<7> pad; bit<9> narrow; bit<80> rest; }
struct headers { query_t query; }
struct metadata { bit<9> port; }

parser Read(packet_in packet, out headers hdr, inout metadata meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.query);
        transition accept;
    }
}

control Check(inout headers hdr, inout metadata meta) { apply {} }

control Incoming(inout headers hdr, inout metadata meta, inout standard_metadata_t std) {
    direct_counter(CounterType.packets_and_bytes) hits;
    action send(bit<9> port) { std.egress_spec = port; }
    action counted(bit<9> port) { std.egress_spec = port; hits.count(); }
    action drop() { mark_to_drop(std); }

    table exact_match {
        key = { hdr.query.a: exact; hdr.query.narrow: exact; }
        actions = { counted; drop; }
        default_action = drop();
        counters = hits;
        size = 16;
    }
    table prefix_match {
        key = { hdr.query.b: lpm; hdr.query.narrow: exact; }
        actions = { send; drop; }
        const default_action = send(9);
    }
    table masked_match {
        key = { hdr.query.a: ternary; hdr.query.b: lpm; hdr.query.narrow: optional; }
        actions = { send; drop; }
        default_action = drop();
    }
    table code_match {
        key = { hdr.query.a: range; hdr.query.b: ternary; }
        actions = { send; drop; }
        default_action = send(8);
        const entries = {
            (10..20, 5): send(1);
            (15..30, _): send(2);
            (_, 0xFF000000 &&& 0xFF000000): send(3);
            (100..100, _): drop();
        }
    }
    table keyless { actions = { send; drop; } default_action = send(7); }

    apply {
        if (hdr.query.kind == 0) {
            if (!exact_match.apply().hit) { std.egress_spec = 15; }
        } else if (hdr.query.kind == 1) {
            prefix_match.apply();
        } else if (hdr.query.kind == 2) {
            switch (masked_match.apply().action_run) {
                drop: { std.egress_spec = 14; }
                default: {}
            }
        } else if (hdr.query.kind == 3) {
            code_match.apply();
        } else {
            keyless.apply();
        }
    }
}

control Outgoing(inout headers hdr, inout metadata meta, inout standard_metadata_t std) { apply {} }

control Update(inout headers hdr, inout metadata meta) { apply {} }

control Write(packet_out packet, in headers hdr) { apply { packet.emit(hdr); } }

V1Switch(Read(), Check(), Incoming(), Outgoing(), Update(), Write()) main;
