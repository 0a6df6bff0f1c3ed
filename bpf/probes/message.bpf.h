/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Messages: with whom they are exchanged, and the descriptors that come with them. */

/* The head of a message, as programs lay it out. */
struct message {
	u64 name;
	u32 name_length;
	u32 unused;
	u64 vector;
	u64 count;
	u64 control;
	u64 control_length;
	u64 flags;
};

/* One of several messages. */
struct message_entry {
	struct message message;
	u32 length;
	u32 unused;
};

/* Reads the address of a peer. */
static __always_inline void read_address(struct sf_peer *out, u64 from)
{
	u8 raw[28] = {};

	if (!from || bpf_probe_read_user(raw, sizeof(raw), (const void *)from) < 0)
		/* Too short for IPv6, perhaps. */
		if (!from || bpf_probe_read_user(raw, 16, (const void *)from) < 0)
			return;
	out->family = *(u16 *)raw;
	if (out->family == AF_INET) {
		out->port = *(u16 *)(raw + 2);
		__builtin_memcpy(out->address, raw + 4, 4);
	} else if (out->family == AF_INET6) {
		out->port = *(u16 *)(raw + 2);
		__builtin_memcpy(out->address, raw + 8, 16);
	} else {
		out->family = 0;
	}
}

/* The head of a control message, as programs lay it out. */
struct control {
	u64 length;
	u32 level;
	u32 type;
};

#define LEVEL_SOCKET 1
#define CONTROL_RIGHTS 1
#define CONTROL_PIDFD 4
#define PASSED_AT_MOST 253 /* by one message, as the kernel has it */

struct passing {
	u64 from;
	u64 end;
};

/* Describes a descriptor that the current process has got, no call saying what it stands for. In line: the kernel
 * allows eight calls within each other, and paths need the last. */
static __always_inline int tell_descriptor(int fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *room = scratch(task);
	struct file *file = file_in(task, fd);

	if (!file || !room)
		return 0;
	begin(task, room, SF_KIND_PASSED, 1)->arguments[0] = fd;
	put_file(room, (u64)file, SF_ITEM_FILE);
	if (is_socket(file))
		put_socket(room, (u64)file, SF_ITEM_SOCKET);
	else
		put_file_path(room, (u64)file, root_of(task), SF_ITEM_PATH);
	end(room, SF_LANE_CRITICAL);
	return 0;
}

static long tell_passed(u32 step, struct passing *passing)
{
	int fd;

	if (bpf_probe_read_user(&fd, sizeof(fd), (const void *)(passing->from + sizeof(fd) * step)))
		return 1;
	tell_descriptor(fd);
	return 0;
}

static long take_control(u32 step, struct passing *all)
{
	struct passing passing = { .from = all->from + sizeof(struct control) };
	struct control control;
	u64 count;

	if (all->from + sizeof(control) > all->end ||
	    bpf_probe_read_user(&control, sizeof(control), (const void *)all->from) ||
	    control.length < sizeof(control))
		return 1;
	count = (control.length - sizeof(control)) / sizeof(int);
	if (count > PASSED_AT_MOST)
		count = PASSED_AT_MOST;
	if (control.level == LEVEL_SOCKET && (control.type == CONTROL_RIGHTS || control.type == CONTROL_PIDFD))
		bpf_loop(count, tell_passed, &passing, 0);
	all->from += (control.length + 7) & ~7ull;
	return 0;
}

/* Tells the descriptors that came with a message. */
__attribute__((noinline)) int tell_control(u64 from, u64 length)
{
	struct passing all = { .from = from, .end = from + length };

	if (from && length)
		bpf_loop(8, take_control, &all, 0);
	return 0;
}

/* Whether descriptors may come with the messages of a socket. */
static __always_inline bool may_pass(struct task_struct *task, int fd)
{
	struct file *file = file_in(task, fd);
	struct sock *sock;

	if (!file || !is_socket(file))
		return false;
	sock = sock_of(file);
	return MEMBER(struct sock, sock, __sk_common.skc_family) == AF_UNIX;
}

/* Whether the address in a message says with whom datagrams are exchanged, the socket itself not doing so. */
static __always_inline bool has_peers(struct task_struct *task, int fd)
{
	struct file *file = file_in(task, fd);
	struct sock *sock;
	u16 family;

	if (!file || !is_socket(file))
		return false;
	sock = sock_of(file);
	family = MEMBER(struct sock, sock, __sk_common.skc_family);
	return (family == AF_INET || family == AF_INET6) && MEMBER(struct sock, sock, sk_type) != 1 &&
	       !MEMBER(struct sock, sock, __sk_common.skc_dport);
}

/* With whom datagrams are exchanged, where the socket itself does not say. */
static __always_inline bool find_peer(struct task_struct *task, struct sf_peer *out, struct sf_call *call,
				      struct start *start)
{
	struct message message;

	if (!has_peers(task, start->arguments[0]))
		return false;
	if (call->special == SF_SPECIAL_MESSAGE) {
		if (is_compat(task) ||
		    bpf_probe_read_user(&message, sizeof(message), (const void *)start->arguments[1]))
			return false;
		read_address(out, message.name);
	} else {
		read_address(out, start->arguments[4]);
	}
	return out->family != 0;
}
