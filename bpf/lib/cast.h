/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Reading members of kernel structures behind mere numbers. Since 6.2 the kernel lets programs say what a number
 * points to, and then loads directly; before, each member is copied by a helper. The verifier removes the way that
 * is not taken.
 */
#ifndef SYSFLOW_CAST_H
#define SYSFLOW_CAST_H

extern void *bpf_rdonly_cast(const void *address, u32 type) __ksym __weak;

#define MEMBER(type, address, member)                                                                      \
	({                                                                                                 \
		typeof(((type *)0)->member) value;                                                         \
		if (bpf_ksym_exists(bpf_rdonly_cast))                                                      \
			value = ((type *)bpf_rdonly_cast((const void *)(address),                          \
							 bpf_core_type_id_kernel(type)))->member;          \
		else                                                                                       \
			bpf_core_read(&value, sizeof(value), &((type *)(address))->member);                \
		value;                                                                                     \
	})

#endif
