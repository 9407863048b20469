/* Checksums and hashes of generated programs. */
#ifndef RACKPLANE_HASHES_H
#define RACKPLANE_HASHES_H

#define MAX_PAYLOAD_BLOCKS 320

INLINE u32 csum_fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (u32)(sum >> 16);
}

INLINE u64 hash_between(u64 hash, u64 base, u64 limit)
{
	return base + hash % (limit ? limit : 1);
}

INLINE u64 random_between(u64 low, u64 high)
{
	u64 bits = ((u64)bpf_get_prandom_u32() << 32) | bpf_get_prandom_u32();
	u64 span = high - low + 1;

	return low + (span ? bits % span : bits);
}

#ifdef NEED_CRC32
const u32 crc32_table[256] = { CRC32_TABLE };

/* The leftmost `count` bytes of `word`, most significant first. */
INLINE u32 crc32_word(u32 crc, u32 word, u32 count)
{
#pragma unroll
	for (u32 n = 0; n < 4; n++)
		if (n < count)
			crc = crc32_table[(crc ^ (word >> (24 - 8 * n))) & 0xff] ^ (crc >> 8);
	return crc;
}
#endif

#ifdef NEED_CRC16
const u16 crc16_table[256] = { CRC16_TABLE };

INLINE u32 crc16_word(u32 crc, u32 word, u32 count)
{
#pragma unroll
	for (u32 n = 0; n < 4; n++)
		if (n < count)
			crc = crc16_table[(crc ^ (word >> (24 - 8 * n))) & 0xff] ^ (crc >> 8);
	return crc;
}
#endif

#ifdef NEED_PAYLOAD
/* The sum of 16-bit words from byte `start` of the frame to its end, in network order, an odd last byte padded with
 * zero. A global function: the verifier follows its loops once. */
__attribute__((noinline)) int csum_payload(struct xdp_md *ctx, u32 start)
{
	u8 *at = (u8 *)(long)ctx->data + (start & 0x3fff), *end = (u8 *)(long)ctx->data_end;
	u64 sum = 0;

	for (u32 n = 0; n < MAX_PAYLOAD_BLOCKS; n++) {
		if (at + 32 > end)
			break;
#pragma unroll
		for (u32 k = 0; k < 32; k += 4)
			sum += *(const u32 *)(at + k);
		at += 32;
	}
	for (u32 n = 0; n < 15; n++) {
		if (at + 2 > end)
			break;
		sum += *(const u16 *)at;
		at += 2;
	}
	if (at + 1 <= end)
		sum += *at;
	return __builtin_bswap16((u16)csum_fold(sum));
}
#endif

#endif
