"""P4_16 to typed IR to XDP C, P4Info and wire codecs. Knows P4, knows no rack."""
