/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* System calls, where they end. What is told of each stands in a table that user space fills. */

#define TS_COMPAT 2
#define PROT_EXEC 4
#define MAP_ANONYMOUS 0x20
#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030

static __always_inline u64 argument(struct sf_header *header, u32 position)
{
	u32 index = position - 1;
	return index < SF_ARGUMENTS ? header->arguments[index] : 0;
}

#if defined(__TARGET_ARCH_x86)
#define CALL_NUMBER(regs) ((u32)(regs)->orig_ax)
/* Whether the call was made as 32-bit programs do, which others can do too. */
static __always_inline bool is_compat(void)
{
	return bpf_get_current_task_btf()->thread_info.status & TS_COMPAT;
}
static __always_inline void read_arguments(struct pt_regs *regs, u64 *out)
{
	if (is_compat()) {
		out[0] = (u32)regs->bx;
		out[1] = (u32)regs->cx;
		out[2] = (u32)regs->dx;
		out[3] = (u32)regs->si;
		out[4] = (u32)regs->di;
		out[5] = (u32)regs->bp;
		return;
	}
	out[0] = regs->di;
	out[1] = regs->si;
	out[2] = regs->dx;
	out[3] = regs->r10;
	out[4] = regs->r8;
	out[5] = regs->r9;
}
#else
#define CALL_NUMBER(regs) ((u32)(regs)->syscallno)
static __always_inline bool is_compat(void)
{
	return false;
}
static __always_inline void read_arguments(struct pt_regs *regs, u64 *out)
{
	out[0] = regs->orig_x0;
	out[1] = regs->regs[1];
	out[2] = regs->regs[2];
	out[3] = regs->regs[3];
	out[4] = regs->regs[4];
	out[5] = regs->regs[5];
}
#endif

static __always_inline u64 register_at(struct pt_regs *regs, u32 position)
{
	u64 all[SF_ARGUMENTS];

	read_arguments(regs, all);
	switch (position) {
	case 1: return all[0];
	case 2: return all[1];
	case 3: return all[2];
	case 4: return all[3];
	case 5: return all[4];
	case 6: return all[5];
	}
	return 0;
}

/* The head of a message, as programs lay it out. */
struct message {
	u64 name;
	u32 name_length;
	u32 unused;
	u64 vector;
	u64 count;
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

/* With whom datagrams are exchanged, where the socket itself does not say. */
static __always_inline bool find_peer(struct sf_peer *out, struct sf_call *call, u64 first, u64 second,
				      u64 fifth)
{
	struct file *file = file_of(first);
	struct message message;
	struct sock *sock;
	u16 family;

	if (!file || !is_socket(file))
		return false;
	sock = sock_of(file);
	family = MEMBER(struct sock, sock, __sk_common.skc_family);
	if ((family != AF_INET && family != AF_INET6) || MEMBER(struct sock, sock, sk_type) == 1 ||
	    MEMBER(struct sock, sock, __sk_common.skc_dport))
		return false;
	if (call->special == SF_SPECIAL_MESSAGE) {
		if (is_compat() || bpf_probe_read_user(&message, sizeof(message), (const void *)second))
			return false;
		read_address(out, message.name);
	} else {
		read_address(out, fifth);
	}
	return out->family != 0;
}

struct message_sum {
	u64 from;
	s64 bytes;
};

static long add_message(u32 step, struct message_sum *sum)
{
	u32 length = 0;

	/* An entry is a head of 56 bytes and the length. */
	bpf_probe_read_user(&length, sizeof(length), (const void *)(sum->from + 64 * step + 56));
	sum->bytes += length;
	return 0;
}

/* Counts a call that moves data. 0, or the time of the record that is to tell it instead. */
static __always_inline u64 count_call(struct pt_regs *regs, struct sf_call *call, long result)
{
	struct message_sum sum = {};
	struct sf_peer peer = {};
	u64 ops = 1, in, out;

	if (call->special == SF_SPECIAL_COPY) {
		/* Told for both sides or counted on both: where it is the first of one, nothing is added to the other. */
		in = count_on(register_at(regs, call->fd), DIRECTION_IN, 0, 0);
		out = count_on(register_at(regs, call->fd2), DIRECTION_OUT, 0, 0);
		if (in || out)
			return out ? out : in;
		count_on(register_at(regs, call->fd), DIRECTION_IN, 1, result);
		count_on(register_at(regs, call->fd2), DIRECTION_OUT, 1, result);
		return 0;
	}
	if (call->special == SF_SPECIAL_MESSAGES) {
		sum.from = register_at(regs, 2);
		if (result > 0) {
			bpf_loop(result > 1024 ? 1024 : result, add_message, &sum, 0);
			ops = result;
			result = sum.bytes;
		}
	} else if ((call->address || call->special == SF_SPECIAL_MESSAGE) && result >= 0 &&
		   find_peer(&peer, call, register_at(regs, 1), register_at(regs, 2), register_at(regs, 5))) {
		return count_with(register_at(regs, call->fd), call->direction, ops, result, &peer);
	}
	return count_on(register_at(regs, call->fd), call->direction, ops, result);
}

/* Describes what a descriptor stands for. */
static __always_inline void put_object(int fd, bool is_second)
{
	struct file *file = file_of(fd);

	if (!file)
		return;
	if (is_socket(file)) {
		put_socket((u64)file, is_second ? SF_ITEM_SOCKET2 : SF_ITEM_SOCKET);
		return;
	}
	put_file((u64)file, is_second ? SF_ITEM_FILE2 : SF_ITEM_FILE);
	put_file_path((u64)file, own_root(), is_second ? SF_ITEM_PATH2 : SF_ITEM_PATH);
}

static __always_inline void put_data(struct sf_call *call, struct sf_header *header, s64 result)
{
	u64 from = argument(header, call->data);
	u64 buffer[2] = {};
	struct message message;
	u64 length = result;

	/* Structures with pointers are laid out otherwise in 32-bit programs. */
	if (result <= 0 ||
	    (is_compat() && (call->special == SF_SPECIAL_MESSAGE || call->special == SF_SPECIAL_VECTOR)))
		return;
	if (call->special == SF_SPECIAL_MESSAGE) {
		if (bpf_probe_read_user(&message, sizeof(message), (const void *)from))
			return;
		from = message.vector;
	}
	if (call->special == SF_SPECIAL_MESSAGE || call->special == SF_SPECIAL_VECTOR) {
		if (bpf_probe_read_user(buffer, sizeof(buffer), (const void *)from))
			return;
		from = buffer[0];
		if (length > buffer[1])
			length = buffer[1];
	}
	if (length > config.data_size)
		length = config.data_size;
	put_user_bytes(from, length, SF_ITEM_DATA);
}

/* Whether a call is one of those that are told, though others with its number are not. */
static __always_inline bool is_told(struct sf_call *call, struct pt_regs *regs, long result)
{
	u64 command;

	switch (call->special) {
	case SF_SPECIAL_FAILURE_ONLY:
	case SF_SPECIAL_EXEC:
		return result < 0;
	case SF_SPECIAL_CLONE:
		return result != 0;
	case SF_SPECIAL_DUP_COMMAND:
		command = register_at(regs, 2);
		return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
	case SF_SPECIAL_MAP:
		return (register_at(regs, 3) & PROT_EXEC) && !(register_at(regs, 4) & MAP_ANONYMOUS);
	}
	return true;
}

/* Ends what is counted on descriptors that the call has closed. */
static __always_inline u32 end_closed(struct sf_call *call, struct pt_regs *regs, u32 pid, long result)
{
	u64 first = register_at(regs, 1), second = register_at(regs, 2);
	struct sf_flow_key key = { .pid = pid };
	struct sf_flow *flow;

	switch (call->special) {
	case SF_SPECIAL_CLOSE:
		if (result == -9)
			return 0;
		/* Another thread may have got the number anew. What is counted there is ended if it is older. */
		key.fd = first;
		flow = bpf_map_lookup_elem(&flows, &key);
		if (flow && flow->file != (u64)file_of(first))
			end_flow(pid, first);
		return file_of(first) != NULL;
	case SF_SPECIAL_DUP2:
		key.fd = second;
		flow = bpf_map_lookup_elem(&flows, &key);
		if (flow && flow->file != (u64)file_of(second))
			end_flow(pid, second);
		return 0;
	case SF_SPECIAL_CLOSE_RANGE:
		end_flows(first, second, 1);
		return 0;
	}
	return 0;
}

/* Whether a call changes what descriptors stand for, and must be told though its process tells too much. */
static __always_inline bool must_tell(struct sf_call *call, struct pt_regs *regs, u32 pid)
{
	struct sf_flow_key key = { .pid = pid, .fd = register_at(regs, 1) };

	switch (call->special) {
	case SF_SPECIAL_CLOSE:
		return bpf_map_delete_elem(&silent, &key) != 0;
	case SF_SPECIAL_DUP2:
	case SF_SPECIAL_CLOSE_RANGE:
		return true;
	}
	return false;
}

static __always_inline int tell_call(struct pt_regs *regs, u32 number, struct sf_call *call, long result,
				     u64 time)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sf_header *header;
	struct sf_peer peer = {};
	struct target *target;
	u32 i, is_reused, tid;
	int first;

	is_reused = end_closed(call, regs, task->tgid, result);
	/* What it has ended is told before it. */
	if (!time)
		time = bpf_ktime_get_boot_ns();
	if (call->lane != SF_LANE_CRITICAL && !config.per_call && !may_tell(task->tgid, time) &&
	    !must_tell(call, regs, task->tgid)) {
		leave_out(task->tgid, number, call->fd == SF_RESULT ? result : -1);
		return 0;
	}
	header = begin_at(SF_KIND_CALL, number, result, time);
	if (!header)
		return 0;
	header->is_reused = is_reused;
	header->is_compat = is_compat();
	read_arguments(regs, header->arguments);
	for (i = 0; i < 3; i++)
		if (call->strings[i])
			put_user_text(argument(header, call->strings[i]), SF_ITEM_STRING0 + i);
	if (call->fd == SF_RESULT) {
		if (result >= 0)
			put_object(result, false);
	} else if (call->fd) {
		put_object(argument(header, call->fd), false);
	}
	if (call->fd2)
		put_object(argument(header, call->fd2), true);
	if (call->address && argument(header, call->address))
		put_user_bytes(argument(header, call->address),
			       argument(header, call->address + 1) > 128 ?
				       128 : argument(header, call->address + 1),
			       SF_ITEM_ADDRESS);
	if (call->action == SF_ACTION_COUNT && (call->address || call->special == SF_SPECIAL_MESSAGE) &&
	    find_peer(&peer, call, header->arguments[0], header->arguments[1], header->arguments[4]))
		put_peer(&peer, SF_ITEM_PEER);
	if (call->special == SF_SPECIAL_CONNECT) {
		tid = task->pid;
		target = bpf_map_lookup_elem(&targets, &tid);
		if (target) {
			put_peer(&target->peer, SF_ITEM_TARGET);
			bpf_map_delete_elem(&targets, &tid);
		}
	}
	if (call->numbers)
		put_user_bytes(argument(header, call->numbers), call->numbers_size, SF_ITEM_NUMBERS);
	if (call->special == SF_SPECIAL_PAIR && result >= 0 &&
	    !bpf_probe_read_user(&first, sizeof(first), (const void *)argument(header, call->numbers)))
		put_object(first, false);
	if (call->data && config.data_size)
		put_data(call, header, result);
	if (call->special == SF_SPECIAL_EXEC) {
		if (!is_compat())
			put_user_vector(argument(header, call->strings[0] + 1), SF_ITEM_ARGUMENTS);
		put_identity(bpf_get_current_task(), 0);
	}
	end(call->lane);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_end, struct pt_regs *regs, long result)
{
	u32 number = CALL_NUMBER(regs), *native;
	struct task_struct *task;
	struct sf_losses *own;
	struct sf_call *call;
	u64 time = 0;

	if (is_compat()) {
		native = bpf_map_lookup_elem(&compat_calls, &number);
		if (!native || !*native)
			return 0;
		if (*native == SF_FOREIGN) {
			own = own_losses();
			if (own)
				__sync_fetch_and_add(&own->compat, 1);
			return 0;
		}
		number = *native - 1;
	}
	call = bpf_map_lookup_elem(&calls, &number);
	if (!call || !call->action)
		return 0;
	task = bpf_get_current_task_btf();
	if (task->tgid == config.own_pid)
		return 0;
	if (call->action == SF_ACTION_COUNT && !config.per_call) {
		time = count_call(regs, call, result);
		if (!time)
			return 0;
	} else if (!is_told(call, regs, result)) {
		return 0;
	}
	return tell_call(regs, number, call, result, time);
}
