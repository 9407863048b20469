/* An Ethernet switch: known addresses to their port, unknown ones and groups to every other port.
 *
 *   in --> parser --> hosts: MAC -> port, flood or filter --> out; a flood's copies: all but the ingress port
 *
 * Addresses are not learnt here: entries come from the control plane. */
#include <core.p4>
#include <v1model.p4>

#include "include/headers.p4"
#include "include/bridging.p4"

V1Switch(BridgeParser(), BridgeVerifyChecksum(), BridgeIngress(), BridgeEgress(), BridgeComputeChecksum(),
         BridgeDeparser()) main;
