/* Direct counters and meters of tables without keys, which never hit. */
#include "frame.p4"
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    direct_counter(CounterType.packets) c;
    direct_meter<bit<8>>(MeterType.packets) m;
    action to(bit<9> port) { sm.egress_spec = port; m.read(hdr.data.a); }
    table t {
        actions = { to; }
        const default_action = to(2);
        counters = c;
        meters = m;
    }
    apply { t.apply(); }
}
V1Switch(P(), V(), I(), E(), C(), D()) main;
