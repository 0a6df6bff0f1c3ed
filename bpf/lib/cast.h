/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Reading members of kernel structures behind mere numbers. Since 6.2 the kernel lets programs say what a number
 * points to, and then loads directly; before, each member is copied by a helper. The verifier removes the way that
 * is not taken.
 */
#ifndef SYSFLOW_CAST_H
#define SYSFLOW_CAST_H

extern void *bpf_rdonly_cast(const void *address, u32 type) __ksym __weak;

/* Whether memory can be read in place. */
#define READS_IN_PLACE (bpf_ksym_exists(bpf_rdonly_cast) && !config.copies)

#define MEMBER(type, address, member)                                                                      \
	({                                                                                                 \
		typeof(((type *)0)->member) value;                                                         \
		if (READS_IN_PLACE)                                                                        \
			value = ((type *)bpf_rdonly_cast((const void *)(address),                          \
							 bpf_core_type_id_kernel(type)))->member;          \
		else                                                                                       \
			bpf_core_read(&value, sizeof(value), &((type *)(address))->member);                \
		value;                                                                                     \
	})

/* The same along typed pointers: FOLLOW(task, fs, root.mnt). */
#define FOLLOW_1(from, a) MEMBER(typeof(*(from)), from, a)
#define FOLLOW_2(from, a, b)                                                                               \
	({                                                                                                 \
		typeof((from)->a) to_a = FOLLOW_1(from, a);                                                \
		FOLLOW_1(to_a, b);                                                                         \
	})
#define FOLLOW_3(from, a, b, c)                                                                            \
	({                                                                                                 \
		typeof((from)->a->b) to_b = FOLLOW_2(from, a, b);                                          \
		FOLLOW_1(to_b, c);                                                                         \
	})
#define FOLLOW_4(from, a, b, c, d)                                                                         \
	({                                                                                                 \
		typeof((from)->a->b->c) to_c = FOLLOW_3(from, a, b, c);                                    \
		FOLLOW_1(to_c, d);                                                                         \
	})
#define FOLLOW_N(_1, _2, _3, _4, name, ...) name
#define FOLLOW(from, ...) FOLLOW_N(__VA_ARGS__, FOLLOW_4, FOLLOW_3, FOLLOW_2, FOLLOW_1)(from, __VA_ARGS__)

/* A word of the kernel, in the shape of any structure that begins with one. */
#define WORD_AT(address) ((u64)MEMBER(struct timespec64, address, tv_sec))

/* A pointer that stands in a structure as a mere number, which functions can be given. */
#define NUMBER(from, member) WORD_AT(&(from)->member)

#endif
