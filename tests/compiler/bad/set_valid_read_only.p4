#include "frame.p4"

control c(in tag_t t) {
    apply {
        t.setValid();
    }
}
// error: 5:9: cannot call 'setValid': 't' is an 'in' parameter
