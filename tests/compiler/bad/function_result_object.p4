#include <core.p4>
extern packet_in f();
// error: 2:8: 'f' cannot return an object of the type packet_in
