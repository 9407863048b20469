"""The rack's protocol in Python: codecs emitted from the P4 headers, packets, a requester of one-sided verbs."""
