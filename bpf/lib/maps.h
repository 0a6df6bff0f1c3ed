/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Maps. User space sets the sizes of those that depend on the machine. */
#ifndef SYSFLOW_MAPS_H
#define SYSFLOW_MAPS_H

#define SF_BUDGETS 4096 /* a power of two */

const volatile struct sf_config config SEC(".rodata.config");
const volatile struct sf_all all_types SEC(".rodata.types");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SF_CALLS);
	__type(key, u32);
	__type(value, struct sf_call);
} calls SEC(".maps");

/* The same calls as 32-bit programs number them: the number above plus one, 0 for those of no interest, SF_FOREIGN for
 * those whose arguments are laid out too differently. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SF_CALLS);
	__type(key, u32);
	__type(value, u32);
} compat_calls SEC(".maps");

/* Rings. A record of the critical lane is never lost because of one of the normal lane. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} critical SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} normal SEC(".maps");

/* A path under construction, filled from its end. */
struct path_room {
	char text[SF_PATH + 256];
};

/*
 * A record under construction. One for each processor: programs that use it cannot interrupt each other. One more
 * is for iterators, which run in our own process and can be interrupted.
 */
struct scratch {
	u32 length;
	u32 unused;
	char data[SF_SCRATCH];
	struct path_room path;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct sf_flow_key);
	__type(value, struct sf_flow);
} flows SEC(".maps");

/* A flow that is about to be put into the map: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct sf_flow);
} new_flow SEC(".maps");

/* The time at which a processor first asked for it in a tick of the kernel's clock. */
struct moment {
	u64 tick;
	u64 time;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct moment);
} moments SEC(".maps");

/*
 * The highest descriptor of a process on which something was ever counted: a program that executes others or ends
 * need not be searched beyond. Of processes for which there is no room the reader finds what is left.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u32);
	__type(value, u32);
} highest SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct sf_losses);
} losses SEC(".maps");

/* Records lost, by process. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} losers SEC(".maps");

/* Up to when a process has used up its time for normal records, ns since boot. Each has a place by its number; where
 * that is taken by another that is ahead of its time, the other map has it. */
struct budget {
	u32 pid;
	u32 unused;
	u64 until;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SF_BUDGETS);
	__type(key, u32);
	__type(value, struct budget);
} near_budgets SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, u32);
	__type(value, u64);
} budgets SEC(".maps");

/* Records that were left out because a process went over its budget. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct sf_suppressed_key);
	__type(value, u64);
} suppressed SEC(".maps");

/* Descriptors that were made without being told: their closes need not be told either. All others must be, or what
 * stands for something new would be taken for what it was before. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct sf_flow_key);
	__type(value, u8);
} silent SEC(".maps");

/* Where a socket is being connected to, as the kernel took it from the program. */
struct target {
	u64 sock;
	struct sf_peer peer;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct target);
} targets SEC(".maps");

/* Requests of io_uring between their submission and their end, by the address of the request. */
struct request {
	u32 opcode;
	int fd;
	int fd2;
	u32 is_direct; /* what it makes gets a place in the ring's own table, and no descriptor */
	u64 arguments[5];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct request);
} requests SEC(".maps");

/* Those that may complete many times, by what the program calls them: until the last time only that is told. */
struct repeated_key {
	u64 ring; /* the kernel's address of it */
	u64 user_data;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct repeated_key);
	__type(value, struct request);
} repeated SEC(".maps");

/* Names that requests of io_uring carry, as the kernel has copied them. */
#define REQUEST_NAME 512
struct request_names {
	char name[2][REQUEST_NAME];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct request_names);
} request_names SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct request_names);
} new_names SEC(".maps");

/* The system call that a request stands for, plus one; 0 for none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SF_REQUESTS);
	__type(key, u32);
	__type(value, u32);
} request_calls SEC(".maps");

#endif
