#include "frame.p4"

package other(Deparser<headers_t> d);
other(D()) main;
// error: 4:12: 'main' has the type other, but only v1model's V1Switch can be compiled
