/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* System calls, where they end. What is told of each stands in a table that user space fills. */

#define PROT_EXEC 4
#define MAP_ANONYMOUS 0x20
#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030

/* Counts what moves between two descriptors. 0, or the time of the record that is to tell it instead. Told for both
 * sides or counted on both: where it is the first of one, nothing is added to the other. */
static __always_inline u64 count_copy(int from, int to, u32 first, long result)
{
	u64 in, out;

	if (first) {
		in = count_on(from, DIRECTION_IN, 1, 0, 0);
		out = count_on(to, DIRECTION_OUT, 1, 0, 0);
		if (in || out)
			return out ? out : in;
	}
	count_on(from, DIRECTION_IN, 0, 1, result);
	count_on(to, DIRECTION_OUT, 0, 1, result);
	return 0;
}

/* Counts a call that moves data. 0, or the time of the record that is to tell it instead. */
static __always_inline u64 count_call(struct pt_regs *regs, struct sf_call *call, long result)
{
	struct sf_peer peer = {};

	if (call->special == SF_SPECIAL_COPY)
		return count_copy(register_at(regs, call->fd), register_at(regs, call->fd2), call->first, result);
	if ((call->address || call->special == SF_SPECIAL_MESSAGE) && result >= 0)
		find_peer(&peer, call, register_at(regs, 1), register_at(regs, 2), register_at(regs, 5));
	return count_to(register_at(regs, call->fd), call->direction, call->first, 1, result, &peer);
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

/* How much is kept of what moves. */
static __always_inline u32 kept_data(u32 direction, int fd, struct sf_peer *peer)
{
	struct file *file = direction == DIRECTION_IN ? file_of(fd) : NULL;

	if (file && config.data_size < SF_ANSWER && (told_always(file, peer) & direction))
		return SF_ANSWER;
	return config.data_size;
}

static __always_inline void put_data(struct sf_call *call, struct start *start, s64 result,
				     struct sf_peer *peer)
{
	u64 from = argument(start, call->data);
	u32 kept = kept_data(call->direction, start->arguments[0], peer);
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
	if (length > kept)
		length = kept;
	put_user_bytes(from, length, SF_ITEM_DATA);
}

/* A call that moves several messages. */
struct messages {
	u64 arguments[SF_ARGUMENTS];
	u32 number;
	u32 direction;
	u32 first;
	bool has_peers;
	bool may_pass;
	bool is_told;
};

/* Tells one of several messages. */
static __always_inline void tell_message(struct messages *all, struct message_entry *entry, struct sf_peer *peer,
					 u64 time)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32, kept, length = entry->length;
	int fd = all->arguments[0];
	struct start *start;
	u64 buffer[2] = {};

	if (!config.per_call && !may_tell(pid, time)) {
		leave_out(pid, all->number, -1);
		return;
	}
	start = begin_at(SF_KIND_CALL, all->number, SF_ARGUMENTS, length, time);
	if (!start)
		return;
	__builtin_memcpy(start->arguments, all->arguments, sizeof(start->arguments));
	put_object(fd, false);
	if (peer->family)
		put_peer(peer, SF_ITEM_PEER);
	if (config.data_size && !bpf_probe_read_user(buffer, sizeof(buffer), (const void *)entry->message.vector)) {
		kept = kept_data(all->direction, fd, peer);
		if (length > buffer[1])
			length = buffer[1];
		put_user_bytes(buffer[0], length > kept ? kept : length, SF_ITEM_DATA);
	}
	end(SF_LANE_NORMAL);
}

static long take_message(u32 step, struct messages *all)
{
	struct message_entry entry = {};
	struct sf_peer peer = {};
	u64 time;

	/* One that cannot be read is counted all the same. */
	bpf_probe_read_user(&entry, sizeof(entry), (const void *)(all->arguments[1] + sizeof(entry) * step));
	if (all->may_pass)
		tell_control(entry.message.control, entry.message.control_length);
	if (all->has_peers)
		read_address(&peer, entry.message.name);
	time = all->is_told ? bpf_ktime_get_boot_ns()
			    : count_to(all->arguments[0], all->direction, all->first, 1, entry.length, &peer);
	if (time)
		tell_message(all, &entry, &peer, time);
	return 0;
}

/* Counts or tells each message that a call has moved, with its own peer. */
static __always_inline int take_messages(struct pt_regs *regs, u32 number, struct sf_call *call, long result)
{
	struct messages all = {
		.number = number,
		.direction = call->direction,
		.first = call->first,
		.is_told = config.per_call,
	};

	read_arguments(regs, all.arguments);
	all.has_peers = has_peers(all.arguments[0]);
	all.may_pass = call->direction == DIRECTION_IN && may_pass(all.arguments[0]);
	/* The kernel takes no more than 1024 at once. */
	bpf_loop(result > 1024 ? 1024 : result, take_message, &all, 0);
	return 0;
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

/* Ends what is counted on descriptors that the call has closed, but for that of the one of `close`: whether there is
 * such is told, since the record of the call is to carry it. */
static __always_inline u32 end_closed(struct sf_call *call, struct pt_regs *regs, u32 pid, long result,
				      bool *has_counts)
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
		*has_counts = flow && flow->file != (u64)file_of(first);
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
	struct sf_peer peer = {};
	bool has_counts = false;
	struct target *target;
	u32 i, is_reused, tid;
	struct start *start;
	int first;

	is_reused = end_closed(call, regs, task->tgid, result, &has_counts);
	/* What it has ended is told before it. */
	if (!time)
		time = bpf_ktime_get_boot_ns();
	if (call->lane != SF_LANE_CRITICAL && !config.per_call && !may_tell(task->tgid, time) &&
	    !must_tell(call, regs, task->tgid)) {
		if (has_counts)
			end_flow(task->tgid, register_at(regs, 1));
		leave_out(task->tgid, number, call->fd == SF_RESULT ? result : -1);
		return 0;
	}
	start = begin_at(SF_KIND_CALL, number, call->arguments, result, time);
	if (!start)
		return 0;
	start->header.is_reused = is_reused;
	start->header.is_compat = is_compat();
	read_arguments(regs, start->arguments);
	if (has_counts)
		has_counts = put_counts(task->tgid, start->arguments[0]);
	for (i = 0; i < 3; i++)
		if (call->strings[i])
			put_user_text(argument(start, call->strings[i]), SF_ITEM_STRING0 + i);
	if (call->fd == SF_RESULT) {
		if (result >= 0)
			put_object(result, false);
	} else if (call->fd) {
		put_object(argument(start, call->fd), false);
	}
	if (call->fd2)
		put_object(argument(start, call->fd2), true);
	if (call->address && argument(start, call->address))
		put_user_bytes(argument(start, call->address),
			       argument(start, call->address + 1) > 128 ?
				       128 : argument(start, call->address + 1),
			       SF_ITEM_ADDRESS);
	if (call->action == SF_ACTION_COUNT && (call->address || call->special == SF_SPECIAL_MESSAGE) &&
	    find_peer(&peer, call, start->arguments[0], start->arguments[1], start->arguments[4]))
		put_peer(&peer, SF_ITEM_PEER);
	if (call->special == SF_SPECIAL_CONNECT) {
		tid = task->pid;
		target = bpf_map_lookup_elem(&targets, &tid);
		if (target) {
			put_peer(&target->peer, SF_ITEM_TARGET);
			bpf_map_delete_elem(&targets, &tid);
		}
		follow_connect(argument(start, call->fd));
	}
	if (call->numbers)
		put_user_bytes(argument(start, call->numbers), call->numbers_size, SF_ITEM_NUMBERS);
	if (call->special == SF_SPECIAL_PAIR && result >= 0 &&
	    !bpf_probe_read_user(&first, sizeof(first), (const void *)argument(start, call->numbers)))
		put_object(first, false);
	if (call->special == SF_SPECIAL_DIRECTORY && result == 0)
		put_directory(bpf_get_current_task());
	if (call->data && config.data_size)
		put_data(call, start, result, &peer);
	if (call->special == SF_SPECIAL_EXEC) {
		if (!is_compat())
			put_user_vector(argument(start, call->strings[0] + 1), SF_ITEM_ARGUMENTS);
		put_identity(bpf_get_current_task(), 0);
	}
	if (end(call->lane) && has_counts)
		count_loss(call->lane, SF_KIND_FLOW, task->tgid);
	return 0;
}

/* Tells what came with a message. */
static __always_inline void take_passed(struct pt_regs *regs)
{
	struct message message;

	if (may_pass(register_at(regs, 1)) &&
	    !bpf_probe_read_user(&message, sizeof(message), (const void *)register_at(regs, 2)))
		tell_control(message.control, message.control_length);
}

/* Tells a call that nobody has any interest in: to measure what that costs. */
static __always_inline int tell_any(struct pt_regs *regs, u32 number, long result)
{
	struct start *start;

	if (bpf_get_current_task_btf()->tgid == config.own_pid)
		return 0;
	start = begin_at(SF_KIND_CALL, number, SF_ARGUMENTS, result, bpf_ktime_get_boot_ns());
	if (!start)
		return 0;
	read_arguments(regs, start->arguments);
	end(SF_LANE_NORMAL);
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
		return config.per_call > 1 ? tell_any(regs, number, result) : 0;
	task = bpf_get_current_task_btf();
	if (task->tgid == config.own_pid)
		return 0;
	if (call->special == SF_SPECIAL_MESSAGES && result > 0)
		return take_messages(regs, number, call, result);
	if (call->special == SF_SPECIAL_MESSAGE && call->direction == DIRECTION_IN && result >= 0 && !is_compat())
		take_passed(regs);
	if (call->action == SF_ACTION_COUNT && !config.per_call) {
		time = count_call(regs, call, result);
		if (!time)
			return 0;
	} else if (!is_told(call, regs, result)) {
		return 0;
	}
	return tell_call(regs, number, call, result, time);
}
