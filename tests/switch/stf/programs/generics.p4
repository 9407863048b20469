/* Generic structs, headers and functions, tuples, default parameters, named and optional arguments, overloads. */
#include "frame.p4"

struct pair_t<T, U> {
    T first;
    U second;
}

struct nested_t {
    pair_t<bit<8>, bool> one;
    tuple<bit<8>, pair_t<bit<8>, bit<8>>> two;
}

type bit<8> special_t;
enum bit<8> kind_t { A = 0x0A, B = 0x0B }

const tuple<bit<8>, bit<8>> NUMBERS = { 0x12, 0x34 };
const pair_t<bit<8>, bit<8>> PAIR = { second = 7, first = 9 };

T pick<T>(in bool which, in T yes, in T no) {
    if (which) {
        return yes;
    }
    return no;
}

bit<8> scaled(in bit<8> value, in bit<8> factor = 2) {
    return value * factor;
}

void swap<T>(inout T left, inout T right) {
    T kept = left;
    left = right;
    right = kept;
}

control adder(inout bit<8> place)(bit<8> amount) {
    apply {
        place = place + amount;
    }
}

control twice(inout pair_t<bit<8>, bit<8>> place) {
    apply {
        swap(place.first, place.second);
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    adder(3) three;
    adder(amount = 0x40) large;
    apply {
        sm.egress_spec = 1;
        pair_t<bit<8>, bit<8>> p = { hdr.data.a, hdr.data.b };
        twice.apply(p);
        hdr.data.a = p.first;
        hdr.data.b = p.second;
        nested_t n = { { hdr.data.c, true }, { 5, { 6, 7 } } };
        if (n.one.second && n.two == { 5, PAIR }) {
            hdr.data.c = 0xFF;
        } else {
            hdr.data.c = n.one.first + n.two[0] + n.two[1].second;
        }
        hdr.data.d = pick(hdr.data.d > 3, NUMBERS[0], NUMBERS[1]) + scaled(1) + scaled(factor = 3, value = 2);
        three.apply(hdr.data.e);
        large.apply(place = hdr.data.e);
        special_t s = (special_t) hdr.data.f;
        kind_t k = (kind_t) (bit<8>) s;
        hdr.data.f = k == kind_t.A ? 8w1 : (k == kind_t.B ? PAIR.first : (bit<8>) k);
        swap(hdr.data.g, hdr.data.h);
        hdr.data.g = (bit<8>) hdr.data.minSizeInBytes() + hdr.data.g;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
