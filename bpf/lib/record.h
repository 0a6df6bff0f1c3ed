/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Records: begun, filled item by item, and put into a ring.
 *
 * Functions that add items are global: the verifier looks at each of them once, whoever calls it. But for the room
 * they take numbers only, kernel addresses among them.
 *
 * What costs here are calls, of helpers above all: where returns are guarded against speculation each takes as long as
 * some dozens of instructions. So what a program knows it hands on, rather than have it asked for again.
 */
#ifndef SYSFLOW_RECORD_H
#define SYSFLOW_RECORD_H

#define PF_IO_WORKER 0x10
#define SF_ASKED 16 /* of so many records of a processor the reader may be woken by one */
#define ITEM_HEAD sizeof(struct sf_item)

/* The room of the current thread: see the map. */
static __always_inline struct scratch *scratch(struct task_struct *task)
{
	u32 number = task->tgid == config.own_pid ? config.processors : bpf_get_smp_processor_id();
	return bpf_map_lookup_elem(&scratches, &number);
}

static __always_inline struct sf_losses *own_losses(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&losses, &zero);
}

static __always_inline u64 next_sequence(u32 lane)
{
	struct sf_losses *own = own_losses();
	/* Programs in interrupts count too. */
	return own ? __sync_fetch_and_add(&own->sequence[lane & 1], 1) : 0;
}

/* Workers of io_uring are threads that no program has made: what they do, the process does. */
static __always_inline bool is_worker(struct task_struct *task)
{
	return task->flags & PF_IO_WORKER;
}

static __always_inline void fill_header(struct task_struct *task, struct sf_header *header, u16 kind, u16 call,
					s64 result, u64 time)
{
	header->kind = kind;
	header->call = call;
	header->cpu = bpf_get_smp_processor_id();
	header->is_compat = 0;
	header->arguments = 0;
	header->pid = task->tgid;
	header->tid = is_worker(task) ? task->tgid : task->pid;
	header->is_reused = 0;
	header->time = time;
	header->start = task->group_leader->start_boottime;
	header->result = result;
}

/* The start of a record under construction: items overwrite the numbers that it has not. */
struct start {
	struct sf_header header;
	u64 arguments[SF_ARGUMENTS];
};

static __always_inline struct start *start_of(struct scratch *room)
{
	return (struct start *)room->data;
}

/* An argument by its position, counted from 1. */
static __always_inline u64 argument(struct start *start, u32 position)
{
	u32 index = position - 1;
	return index < SF_ARGUMENTS ? start->arguments[index] : 0;
}

/* Begins a record about a thread, and about a call that ended at a time, with so many arguments, which are there. */
static __always_inline void begin_at(struct task_struct *task, struct scratch *room, u16 kind, u16 call, u32 arguments,
				     s64 result, u64 time)
{
	struct start *start = start_of(room);

	fill_header(task, &start->header, kind, call, result, time);
	if (arguments > SF_ARGUMENTS)
		arguments = SF_ARGUMENTS;
	start->header.arguments = arguments;
	room->length = sizeof(start->header) + sizeof(u64) * arguments;
}

/* The same about something else than a call, with so many numbers, which are 0 until they are set. */
static __always_inline struct start *begin(struct task_struct *task, struct scratch *room, u16 kind, u32 numbers)
{
	struct start *start = start_of(room);

	begin_at(task, room, kind, SF_NO_CALL, numbers, 0, bpf_ktime_get_boot_ns());
	__builtin_memset(start->arguments, 0, sizeof(start->arguments));
	return start;
}

static __always_inline void count_loss(u32 lane, u32 kind, u32 pid)
{
	struct sf_losses *own = own_losses();
	u64 one = 1, *count;

	if (own && kind < SF_KINDS)
		__sync_fetch_and_add(&own->lost[lane & 1][kind], 1);
	count = bpf_map_lookup_elem(&losers, &pid);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&losers, &pid, &one, BPF_ANY);
}

/* The reader looks by itself every few milliseconds; it is woken only where that may be too late, which is not asked
 * for each record. */
static __always_inline u64 wakeup(void *ring, u64 sequence)
{
	u64 waiting;

	if (sequence % SF_ASKED)
		return BPF_RB_NO_WAKEUP;
	waiting = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	return waiting >= config.wake_at ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* Puts the record into a ring. Whether it did not fit. */
__attribute__((noinline)) int end(struct scratch *room, u32 lane)
{
	struct sf_header *header;
	u64 sequence;
	u32 length;
	long failed;

	if (!room)
		return 0;
	header = (struct sf_header *)room->data;
	length = room->length;
	if (length < sizeof(*header) || length >= SF_SCRATCH)
		return 0;
	header->length = length;
	header->lane = lane;
	sequence = next_sequence(lane);
	header->sequence = sequence;
	if (lane == SF_LANE_CRITICAL)
		failed = bpf_ringbuf_output(&critical, room->data, length, wakeup(&critical, sequence));
	else
		failed = bpf_ringbuf_output(&normal, room->data, length, wakeup(&normal, sequence));
	if (failed)
		count_loss(lane, header->kind, header->pid);
	return failed != 0;
}

/* Room for an item with its head written; NULL where the record is full. The caller sets the length. */
static __always_inline struct sf_item *open_item(struct scratch *room, u16 kind)
{
	u32 offset = room->length;
	struct sf_item *item;

	if (offset > SF_FULL)
		return NULL;
	item = (struct sf_item *)&room->data[offset];
	item->kind = kind;
	item->unused = 0;
	return item;
}

static __always_inline void close_item(struct scratch *room, struct sf_item *item, u32 length)
{
	item->length = length;
	room->length += ITEM_HEAD + ((length + 7) & ~7u);
}

/* A text of the program, without its NUL. */
__attribute__((noinline)) int put_user_text(struct scratch *room, u64 from, u32 kind)
{
	struct sf_item *item;
	long length;

	if (!from || !room)
		return 0;
	item = open_item(room, kind);
	if (!item)
		return 0;
	length = bpf_probe_read_user_str(item + 1, SF_PATH, (const void *)from);
	if (length <= 0 || length > SF_PATH)
		return 0;
	close_item(room, item, length - 1);
	return 0;
}

/* A text of the kernel, without its NUL. */
__attribute__((noinline)) int put_kernel_text(struct scratch *room, u64 from, u32 kind)
{
	struct sf_item *item;
	long length;

	if (!from || !room)
		return 0;
	item = open_item(room, kind);
	if (!item)
		return 0;
	length = bpf_probe_read_kernel_str(item + 1, SF_PATH, (const void *)from);
	if (length <= 0 || length > SF_PATH)
		return 0;
	close_item(room, item, length - 1);
	return 0;
}

/* Bytes of the program. Too many are cut. */
__attribute__((noinline)) int put_user_bytes(struct scratch *room, u64 from, u32 length, u32 kind)
{
	struct sf_item *item;

	if (!from || !room)
		return 0;
	item = open_item(room, kind);
	if (!item)
		return 0;
	if (length >= SF_LONGEST_ITEM)
		length = SF_LONGEST_ITEM - 1;
	if (bpf_probe_read_user(item + 1, length, (const void *)from))
		return 0;
	close_item(room, item, length);
	return 0;
}

/* Bytes of the kernel. */
__attribute__((noinline)) int put_kernel_bytes(struct scratch *room, u64 from, u32 length, u32 kind)
{
	struct sf_item *item;

	if (!from || !room)
		return 0;
	item = open_item(room, kind);
	if (!item)
		return 0;
	if (length >= SF_PATH)
		length = SF_PATH - 1;
	if (bpf_probe_read_kernel(item + 1, length, (const void *)from))
		return 0;
	close_item(room, item, length);
	return 0;
}

/* Pointers of the program to texts, as execve has them: the texts, a NUL after each. */
__attribute__((noinline)) int put_user_vector(struct scratch *room, u64 from, u32 kind)
{
	struct sf_item *item;
	u32 length = 0;
	u64 text;
	long got;
	int i;

	if (!from || !room)
		return 0;
	item = open_item(room, kind);
	if (!item)
		return 0;
	for (i = 0; i < 32; i++) {
		if (bpf_probe_read_user(&text, sizeof(text), (const void *)(from + 8 * i)) || !text)
			break;
		if (length > SF_LONGEST_ITEM - SF_PATH)
			break;
		got = bpf_probe_read_user_str((char *)(item + 1) + length, SF_PATH, (const void *)text);
		if (got <= 0 || got > SF_PATH)
			break;
		length += got;
	}
	close_item(room, item, length);
	return 0;
}

#endif
