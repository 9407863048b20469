#include <core.p4>
control c(in packet_in p) {
    apply {}
}
// error: 2:24: the parameter 'p' of the type packet_in cannot have a direction
