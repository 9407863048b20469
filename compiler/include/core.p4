/* The core library of P4_16 (language specification 1.2.5, appendix D). */
#ifndef _CORE_P4_
#define _CORE_P4_

error {
    NoError,
    PacketTooShort,
    NoMatch,
    StackOutOfBounds,
    HeaderTooShort,
    ParserTimeout,
    ParserInvalidArgument
}

/* The packet that a parser reads. */
extern packet_in {
    /* Read a header of fixed size and advance behind it. */
    void extract<T>(out T hdr);
    /* Read a header whose varbit field has the given size. */
    void extract<T>(out T variableSizeHeader, in bit<32> variableFieldSizeInBits);
    /* Read without advancing. */
    T lookahead<T>();
    /* Skip bits. */
    void advance(in bit<32> sizeInBits);
    /* The packet's size in bytes. */
    bit<32> length();
}

/* The packet that a deparser writes. */
extern packet_out {
    /* Append a header if it is valid, or the valid headers of a stack, union or struct. */
    void emit<T>(in T hdr);
}

/* In a parser: on false, leave with the given error. */
extern void verify(in bool check, in error toSignal);

@noWarn("unused")
action NoAction() {}

match_kind {
    exact,
    ternary,
    lpm
}

/* Checked when the program is compiled. */
extern bool static_assert(bool check, string message);
extern bool static_assert(bool check);

#endif
