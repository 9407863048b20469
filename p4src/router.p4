/* An IPv4 router: longest prefix to a next hop, time to live, header checksum.
 *
 *   in --> parser --> checksum --> is it to be routed? --> routes: prefix -> port, MAC addresses --> checksum --> out
 *
 * No ICMP: what is not routed is dropped and counted. */
#include <core.p4>
#include <v1model.p4>

#include "include/headers.p4"
#include "include/routing.p4"

V1Switch(RouterParser(), RouterVerifyChecksum(), RouterIngress(), RouterEgress(), RouterComputeChecksum(),
         RouterDeparser()) main;
