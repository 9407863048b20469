#include <core.p4>
control c(bit<8> a) {
    apply {
        a = 1;
    }
}
// error: 4:9: cannot assign: 'a' is a parameter without direction, which is read-only
