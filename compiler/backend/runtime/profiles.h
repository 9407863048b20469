/* Action profiles and selectors in memory that the switch's process shares: see ProfileLayout in compiler/manifest.py.
 * Everything is reached by number: an entry names a member or a group, a group names the members it chooses from, a
 * member names its value (an action with its parameters). Value 0 stays empty: what a group without members runs. */
#ifndef RACKPLANE_PROFILES_H
#define RACKPLANE_PROFILES_H

enum { OF_MEMBER = 1, OF_GROUP = 2 };
#define NO_MEMBER 0xffffffffu

#define DEFINE_PROFILE(name, members, values, value_bytes) \
	u32 name##_members[members] SEC(".bss." #name "m"); \
	struct name##_value { \
		u8 b[value_bytes]; \
	} ALIGNED name##_values[values] SEC(".bss." #name "v"); \
	INLINE const u8 *name##_of(u64 member) \
	{ \
		u64 value; \
		if (member >= members) \
			return name##_values[0].b; \
		OPAQUE(member); \
		value = name##_members[member]; \
		if (value >= values) \
			value = 0; \
		OPAQUE(value); \
		return name##_values[value].b; \
	}

/* A group is one word, so that a reader sees it as it was or as it is: how many choices, and the first of them. */
#define DEFINE_SELECTOR(name, groups, choices) \
	u64 name##_groups[groups] SEC(".bss." #name "g"); \
	u32 name##_choices[choices] SEC(".bss." #name "c"); \
	INLINE u64 name##_group(u64 group) \
	{ \
		if (group >= groups) \
			return 0; \
		OPAQUE(group); \
		return *(volatile u64 *)&name##_groups[group]; \
	} \
	INLINE u32 name##_choose(u64 group, u32 hash) \
	{ \
		u64 nth = (u32)group + hash % (u32)(group >> 32); \
		if (nth >= choices) \
			return NO_MEMBER; \
		OPAQUE(nth); \
		return name##_choices[nth]; \
	}

#endif
