#include <core.p4>
control c(in bit<8> a) {
    apply {
        a = 1;
    }
}
// error: 4:9: cannot assign: 'a' is an 'in' parameter
