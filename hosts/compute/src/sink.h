/* Keeps the host's own IP stack from answering the rack's packets with ICMP "port unreachable". */
#ifndef RACKMEM_SINK_H
#define RACKMEM_SINK_H

/* A UDP socket on the RoCE port that drops all it gets, or -1 where another process has one already. */
int sink_open(void);
void sink_close(int fd);

#endif
