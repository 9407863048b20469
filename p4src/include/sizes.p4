/* Every size and fixed number of the rack switch. */
#ifndef RACKPLANE_SIZES_P4
#define RACKPLANE_SIZES_P4

/* Ports and groups. */
const bit<9>  CPU_PORT    = 510; /* packet-in and packet-out */
const bit<16> FLOOD_GROUP = 100; /* every host port; groups 1..16 belong to the memory blades */

/* Table capacities. What a real switch would have is smaller; the control plane holds to its own limits. */
const bit<32> PORT_ENTRIES        = 64;
const bit<32> BLADE_ENTRIES       = 32;
const bit<32> L2_ENTRIES          = 256;
const bit<32> TRANSLATION_ENTRIES = 8192;
const bit<32> PROTECTION_ENTRIES  = 65536;
const bit<32> DIRECTORY_SLOTS     = 32768;

/* Counters: one cell per Reason; one per state and event of the directory. */
const bit<32> REASON_CELLS     = 32;
const bit<32> TRANSITION_CELLS = 256;

/* The rack's memory, as its blades address it. */
const mac_addr_t  RACK_MAC = 0x02000000fffe;
const ipv4_addr_t RACK_IP  = 0x0a00fffe; /* 10.0.255.254 */

/* The partition key that every port has (InfiniBand, 10.9.2). */
const bit<16> PKEY_DEFAULT = 0xFFFF;

/* Bytes. A UDP length counts UDP and all that follows, so each length below includes the ICRC. */
const bit<32> ETHERNET_BYTES   = 14;
const bit<16> IPV4_BYTES       = 20;
const bit<16> RETH_BYTES       = 16;
const bit<16> AETH_BYTES       = 4;
const bit<16> COHETH_BYTES     = 28;
const bit<16> UDP_OF_RETH      = 40; /* UDP, BTH, RETH, ICRC */
const bit<16> UDP_OF_ATOMIC    = 52; /* UDP, BTH, AtomicETH, ICRC */
const bit<16> UDP_OF_COHETH    = 52; /* UDP, BTH, CohETH, ICRC */
const bit<16> UDP_OF_PUSH      = 68; /* UDP, BTH, RETH, CohETH, ICRC */
const bit<16> UDP_OF_AETH      = 28; /* UDP, BTH, AETH, ICRC */
const bit<32> SEGMENT_BYTES    = 1024;

#endif
