/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What moves on open descriptors, counted here.
 *
 * A flow begins with the first operation on a descriptor and ends when that is closed, stands for something
 * else, or its process ends; then it crosses the ring. In between, user space reads the map, and tells what is
 * new. Nothing but the programs here takes a flow of files and connected sockets out of the map, so nothing
 * that was counted is lost between reading and deleting.
 */
#ifndef SYSFLOW_FLOW_H
#define SYSFLOW_FLOW_H

#define DIRECTION_IN 1
#define DIRECTION_OUT 2

struct flow_record {
	struct sf_header header;
	struct sf_item item;
	struct sf_counts counts;
};

/* Tells what was counted and stops counting it. */
__attribute__((noinline)) int end_flow(u32 pid, u32 fd)
{
	struct sf_flow_key key = { .pid = pid, .fd = fd };
	struct sf_flow *flow = bpf_map_lookup_elem(&flows, &key);
	struct flow_record *record;
	u64 sequence;

	if (!flow)
		return 0;
	record = bpf_ringbuf_reserve(&normal, sizeof(*record), 0);
	if (!record) {
		next_sequence(SF_LANE_NORMAL);
		count_loss(SF_LANE_NORMAL, SF_KIND_FLOW, pid);
		bpf_map_delete_elem(&flows, &key);
		return 0;
	}
	fill_header(bpf_get_current_task_btf(), &record->header, SF_KIND_FLOW, SF_NO_CALL, 0,
		    bpf_ktime_get_boot_ns());
	record->header.pid = pid;
	record->header.length = sizeof(*record);
	record->header.lane = SF_LANE_NORMAL;
	sequence = next_sequence(SF_LANE_NORMAL);
	record->header.sequence = sequence;
	record->item.kind = SF_ITEM_COUNTS;
	record->item.unused = 0;
	record->item.length = sizeof(record->counts);
	record->counts = flow->counts;
	/* Only one of two programs that end it at once tells it. */
	if (bpf_map_delete_elem(&flows, &key))
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(record, wakeup(&normal, sequence));
	return 1;
}

/* The same for what was found to be counted there, as part of the record under construction. Whether it has got it. */
static __always_inline bool put_counts(struct scratch *room, u32 pid, u32 fd, struct sf_flow *flow)
{
	struct sf_flow_key key = { .pid = pid, .fd = fd };
	struct sf_item *item = open_item(room, SF_ITEM_COUNTS);

	if (!item)
		return false;
	*(struct sf_counts *)(item + 1) = flow->counts;
	if (bpf_map_delete_elem(&flows, &key))
		return false;
	close_item(room, item, sizeof(flow->counts));
	return true;
}

struct sweep {
	u32 pid;
	u32 first;
	u32 only_closed;
	u32 unused;
};

static long sweep_one(u32 step, struct sweep *sweep)
{
	struct sf_flow_key key = { .pid = sweep->pid, .fd = sweep->first + step };
	struct sf_flow *flow = bpf_map_lookup_elem(&flows, &key);

	if (flow && (!sweep->only_closed || flow->file != (u64)file_in(bpf_get_current_task_btf(), key.fd)))
		end_flow(key.pid, key.fd);
	return 0;
}

/* Ends the flows of the current process on a range of descriptors. */
__attribute__((noinline)) int end_flows(u32 first, u32 last, u32 only_closed)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sweep sweep = { .pid = task->tgid, .first = first, .only_closed = only_closed };
	struct files_struct *files = task->files;
	u32 most, *top;

	top = bpf_map_lookup_elem(&highest, &sweep.pid);
	if (!files || !top)
		return 0;
	if (last > *top)
		last = *top;
	most = FOLLOW(files, fdt, max_fds);
	if (last >= most)
		last = most - 1;
	if (first > last)
		return 0;
	most = last - first + 1;
	/* Flows beyond are found by the reader when it walks the map. */
	if (most > 4096)
		most = 4096;
	bpf_loop(most, sweep_one, &sweep, 0);
	return 0;
}

static __always_inline u64 new_id(void)
{
	struct sf_losses *own = own_losses();
	u64 number = own ? __sync_fetch_and_add(&own->flows, 1) : 0;

	return (number << 16 | bpf_get_smp_processor_id()) + 1;
}

/* The near end of a socket. */
static __always_inline void read_local(struct file *file, struct sf_peer *out)
{
	struct sock *sock = sock_of(file);
	u32 address;

	out->family = FOLLOW(sock, __sk_common.skc_family);
	out->port = __builtin_bswap16(FOLLOW(sock, __sk_common.skc_num));
	if (out->family == AF_INET) {
		address = FOLLOW(sock, __sk_common.skc_rcv_saddr);
		__builtin_memcpy(out->address, &address, 4);
	} else {
		BPF_CORE_READ_INTO(&out->address, sock, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
	}
}

/* Directions of which each operation is told: what name servers answer names the addresses that follow. */
static __always_inline u32 told_always(struct file *file, struct sf_peer *peer)
{
	bool is_answer = peer && peer->family ? peer->port == NAME_SERVER : is_to_name_server(file);

	return is_answer ? DIRECTION_IN : 0;
}

static __always_inline void note_descriptor(u32 pid, u32 fd)
{
	u32 *top = bpf_map_lookup_elem(&highest, &pid);

	/* Two threads may set it at once, the lower one last: then the reader finds what is left. */
	if (!top)
		bpf_map_update_elem(&highest, &pid, &fd, BPF_ANY);
	else if (*top < fd)
		*top = fd;
}

static __always_inline struct sf_flow *begin_flow(struct task_struct *task, struct sf_flow_key *key, struct file *file,
						  u64 now, struct sf_peer *peer)
{
	struct sf_flow *fresh;
	u32 zero = 0;

	fresh = bpf_map_lookup_elem(&new_flow, &zero);
	if (!fresh)
		return NULL;
	__builtin_memset(fresh, 0, sizeof(*fresh));
	fresh->counts.id = new_id();
	fresh->counts.first = now;
	fresh->counts.last = now;
	fresh->counts.fd = key->fd;
	fresh->counts.tid = is_worker(task) ? task->tgid : task->pid;
	fresh->file = (u64)file;
	fresh->always = told_always(file, peer);
	if (peer) {
		fresh->peer = *peer;
		read_local(file, &fresh->local);
	}
	note_descriptor(key->pid, key->fd);
	/* Another thread may have been faster. */
	bpf_map_update_elem(&flows, key, fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&flows, key);
}

/* The time, late by a tick of the kernel's clock at most: reading the precise one is slow in virtual machines. */
static __always_inline u64 about_now(void)
{
	u32 zero = 0;
	volatile struct moment *moment = bpf_map_lookup_elem(&moments, &zero);
	u64 tick = bpf_jiffies64();

	if (!moment)
		return bpf_ktime_get_boot_ns();
	if (moment->tick != tick) {
		moment->time = bpf_ktime_get_boot_ns();
		/* Not before the time: another program may come in between. */
		moment->tick = tick;
	}
	return moment->time;
}

static __always_inline void add_to(struct sf_flow *flow, u32 direction, u64 ops, s64 bytes)
{
	u64 now;

	if (!ops)
		return;
	if (bytes < 0)
		bytes = 0;
	if (direction == DIRECTION_IN) {
		__sync_fetch_and_add(&flow->counts.read_ops, ops);
		if (bytes)
			__sync_fetch_and_add(&flow->counts.read_bytes, bytes);
	} else {
		__sync_fetch_and_add(&flow->counts.write_ops, ops);
		if (bytes)
			__sync_fetch_and_add(&flow->counts.write_bytes, bytes);
	}
	now = about_now();
	if (flow->counts.last < now)
		flow->counts.last = now;
}

/* Whether an operation is told by a record of its own: of some directions each that moves something, else the first
 * where somebody asks for it. */
static __always_inline bool is_told_alone(struct sf_flow *flow, u32 direction, u32 first, u64 ops, s64 bytes)
{
	if (flow->told & direction)
		return false;
	if (flow->always & direction)
		return bytes > 0 || !ops;
	if (!first)
		return false;
	return !(__sync_fetch_and_or(&flow->told, direction) & direction);
}

static __always_inline void count_uncounted(void)
{
	struct sf_losses *own = own_losses();

	if (own)
		__sync_fetch_and_add(&own->uncounted, 1);
}

/* What is counted on a descriptor; begun where it is not. NULL where there is no room. */
static __always_inline struct sf_flow *flow_on(struct task_struct *task, struct sf_flow_key *key, struct file *file)
{
	struct sf_flow *flow = bpf_map_lookup_elem(&flows, key);

	if (flow && flow->file != (u64)file) {
		end_flow(key->pid, key->fd);
		flow = NULL;
	}
	return flow ? flow : begin_flow(task, key, file, bpf_ktime_get_boot_ns(), NULL);
}

/*
 * Counts operations; none to find out whether the next is. 0, or where it is to be told by a record of its own
 * instead the time of that: behind the end of what the descriptor stood for before.
 */
static __always_inline u64 count_in(struct task_struct *task, u32 fd, u32 direction, u32 first, u64 ops, s64 bytes)
{
	struct sf_flow_key key = { .pid = task->tgid, .fd = fd };
	struct file *file = file_in(task, fd);
	struct sf_flow *flow;

	/* Closed meanwhile, or never open. */
	if (!file)
		return bpf_ktime_get_boot_ns();
	flow = flow_on(task, &key, file);
	if (!flow) {
		count_uncounted();
		return bpf_ktime_get_boot_ns();
	}
	if (is_told_alone(flow, direction, first, ops, bytes))
		return bpf_ktime_get_boot_ns();
	add_to(flow, direction, ops, bytes);
	return 0;
}

/* The same for the current thread. */
__attribute__((noinline)) u64 count_on(u32 fd, u32 direction, u32 first, u64 ops, s64 bytes)
{
	return count_in(bpf_get_current_task_btf(), fd, direction, first, ops, bytes);
}

static __always_inline u32 hash_of(struct sf_peer *peer)
{
	u64 *words = (u64 *)peer;
	u64 hash = words[0] * 0x9e3779b97f4a7c15ull;

	hash = (hash ^ words[1]) * 0x9e3779b97f4a7c15ull;
	hash ^= hash >> 29;
	hash = (hash ^ words[2]) * 0x9e3779b97f4a7c15ull;
	return (hash >> 32) | 1;
}

/* The same for datagrams, by the peers that they are exchanged with. */
static __always_inline u64 count_with(struct task_struct *task, int fd, u32 direction, u32 first, u64 ops, s64 bytes,
				      struct sf_peer *peer)
{
	struct sf_flow_key key = { .pid = task->tgid, .fd = fd };
	struct sf_flow_key main = key;
	struct file *file = file_in(task, fd);
	u64 now = bpf_ktime_get_boot_ns(), parent;
	struct sf_flow *flow;

	if (!file)
		return now;
	flow = flow_on(task, &key, file);
	if (!flow)
		goto full;
	parent = flow->counts.id;
	key.peer = hash_of(peer);
	flow = bpf_map_lookup_elem(&flows, &key);
	/* A flow of an earlier socket with this number, which the reader has not taken away yet, or another
	 * peer with the same hash. */
	if (flow && (flow->counts.peers != parent || flow->peer.port != peer->port))
		return now;
	if (!flow) {
		flow = begin_flow(task, &key, file, now, peer);
		if (!flow)
			goto full;
		flow->counts.peers = parent;
		flow = bpf_map_lookup_elem(&flows, &main);
		if (flow)
			__sync_fetch_and_add(&flow->counts.peers, 1);
		flow = bpf_map_lookup_elem(&flows, &key);
		if (!flow)
			goto full;
	}
	if (is_told_alone(flow, direction, first, ops, bytes))
		return bpf_ktime_get_boot_ns();
	add_to(flow, direction, ops, bytes);
	return 0;
full:
	count_uncounted();
	return bpf_ktime_get_boot_ns();
}

/* A socket has got another far end: what is told of it may have changed. */
static __always_inline void follow_connect(struct task_struct *task, int fd)
{
	struct sf_flow_key key = { .pid = task->tgid, .fd = fd };
	struct sf_flow *flow = bpf_map_lookup_elem(&flows, &key);
	struct file *file = file_in(task, fd);

	if (!flow || !file)
		return;
	flow->always = told_always(file, NULL);
	if (flow->always)
		__sync_fetch_and_and(&flow->told, ~(u64)flow->always);
}

/* Uses up time for a record. Whether there was any left. */
static __always_inline bool use_up(u64 *until, u64 now)
{
	u64 used = *until < now ? now : *until;

	if (used - now > config.event_burst)
		return false;
	*until = used + config.event_cost;
	return true;
}

/* Whether a process that has no place of its own may tell one more normal record. */
__attribute__((noinline)) int may_tell_far(u32 pid, u64 now)
{
	u64 used, *until;

	until = bpf_map_lookup_elem(&budgets, &pid);
	if (!until) {
		used = now + config.event_cost;
		bpf_map_update_elem(&budgets, &pid, &used, BPF_ANY);
		return 1;
	}
	return use_up(until, now);
}

/* Whether a process may tell one more normal record. */
static __always_inline bool may_tell(u32 pid, u64 now)
{
	u32 place = pid % SF_BUDGETS;
	struct budget *near = bpf_map_lookup_elem(&near_budgets, &place);

	if (!near)
		return true;
	if (near->pid != pid) {
		if (near->until > now)
			return may_tell_far(pid, now);
		near->pid = pid;
	}
	return use_up(&near->until, now);
}

/* Counts a record that was left out; of one that would have told a descriptor, also which. */
__attribute__((noinline)) int leave_out(u32 pid, u32 call, int fd)
{
	struct sf_suppressed_key key = { .pid = pid, .call = call };
	struct sf_flow_key silent_key = { .pid = pid, .fd = fd };
	u64 one = 1, *count;
	u8 yes = 1;

	if (fd >= 0)
		bpf_map_update_elem(&silent, &silent_key, &yes, BPF_ANY);
	count = bpf_map_lookup_elem(&suppressed, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&suppressed, &key, &one, BPF_NOEXIST);
	return 0;
}

#endif
