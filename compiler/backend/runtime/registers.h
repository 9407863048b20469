/* What the program of the control plane does with one register: `request` says which elements. */
#ifndef RACKPLANE_REGISTERS_H
#define RACKPLANE_REGISTERS_H

/* As many elements as one request may write: the lock is held that long. */
#define REGISTER_BATCH 64

/* Elements of up to 64 bits are stored at once: packets that only read one take no lock. */
#define REGISTER(array, size) \
	_Pragma("clang loop unroll(disable)") for (u32 n = 0; n < REGISTER_BATCH; n++) \
	{ \
		u64 at = (u64)request.first + n; \
		OPAQUE(at); \
		if (n >= request.count || at >= (size)) \
			break; \
		if (request.write) \
			array[at] = *(__typeof__(array[at]) *)request.value; \
		else \
			*(__typeof__(array[at]) *)request.value = array[at]; \
	}

#endif
