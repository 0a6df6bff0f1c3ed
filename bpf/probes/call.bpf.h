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
static __always_inline u64 count_call(struct task_struct *task, struct start *start, struct sf_call *call, long result)
{
	struct sf_peer peer = {};
	u32 fd = argument(start, call->fd);

	if (call->special == SF_SPECIAL_COPY)
		return count_copy(fd, argument(start, call->fd2), call->first, result);
	if ((call->address || call->special == SF_SPECIAL_MESSAGE) && result >= 0 &&
	    find_peer(task, &peer, call, start))
		return count_with(task, fd, call->direction, call->first, 1, result, &peer);
	return count_in(task, fd, call->direction, call->first, 1, result);
}

/* Describes what a descriptor stands for. */
static __always_inline void put_object(struct task_struct *task, struct scratch *room, int fd, bool is_second)
{
	struct file *file = file_in(task, fd);

	if (!file)
		return;
	if (is_socket(file)) {
		put_socket(room, (u64)file, is_second ? SF_ITEM_SOCKET2 : SF_ITEM_SOCKET);
		return;
	}
	put_file(room, (u64)file, is_second ? SF_ITEM_FILE2 : SF_ITEM_FILE);
	put_file_path(room, (u64)file, root_of(task), is_second ? SF_ITEM_PATH2 : SF_ITEM_PATH);
}

/* How much is kept of what moves. */
static __always_inline u32 kept_data(struct task_struct *task, u32 direction, int fd, struct sf_peer *peer)
{
	struct file *file = direction == DIRECTION_IN ? file_in(task, fd) : NULL;

	if (file && config.data_size < SF_ANSWER && (told_always(file, peer) & direction))
		return SF_ANSWER;
	return config.data_size;
}

static __always_inline void put_data(struct task_struct *task, struct scratch *room, struct sf_call *call, s64 result,
				     struct sf_peer *peer)
{
	struct start *start = start_of(room);
	u64 from = argument(start, call->data);
	u32 kept = kept_data(task, call->direction, start->arguments[0], peer);
	u64 buffer[2] = {};
	struct message message;
	u64 length = result;

	/* Structures with pointers are laid out otherwise in 32-bit programs. */
	if (result <= 0 ||
	    (is_compat(task) && (call->special == SF_SPECIAL_MESSAGE || call->special == SF_SPECIAL_VECTOR)))
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
	put_user_bytes(room, from, length, SF_ITEM_DATA);
}

/* A call that moves several messages. */
struct messages {
	struct task_struct *task;
	struct scratch *room;
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
	struct task_struct *task = all->task;
	u32 kept, length = entry->length;
	struct scratch *room = all->room;
	int fd = all->arguments[0];
	u64 buffer[2] = {};

	if (!config.per_call && !may_tell(task->tgid, time)) {
		leave_out(task->tgid, all->number, -1);
		return;
	}
	/* What came with it may have been told meanwhile, from the same room. */
	__builtin_memcpy(start_of(room)->arguments, all->arguments, sizeof(all->arguments));
	begin_at(task, room, SF_KIND_CALL, all->number, SF_ARGUMENTS, length, time);
	put_object(task, room, fd, false);
	if (peer->family)
		put_peer(room, peer, SF_ITEM_PEER);
	if (config.data_size && !bpf_probe_read_user(buffer, sizeof(buffer), (const void *)entry->message.vector)) {
		kept = kept_data(task, all->direction, fd, peer);
		if (length > buffer[1])
			length = buffer[1];
		put_user_bytes(room, buffer[0], length > kept ? kept : length, SF_ITEM_DATA);
	}
	end(room, SF_LANE_NORMAL);
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
	if (all->is_told)
		time = bpf_ktime_get_boot_ns();
	else if (peer.family)
		time = count_with(all->task, all->arguments[0], all->direction, all->first, 1, entry.length, &peer);
	else
		time = count_on(all->arguments[0], all->direction, all->first, 1, entry.length);
	if (time)
		tell_message(all, &entry, &peer, time);
	return 0;
}

/* Counts or tells each message that a call has moved, with its own peer. */
static __always_inline int take_messages(struct task_struct *task, struct scratch *room, u32 number,
					 struct sf_call *call, long result)
{
	struct messages all = {
		.task = task,
		.room = room,
		.number = number,
		.direction = call->direction,
		.first = call->first,
		.is_told = config.per_call,
	};

	__builtin_memcpy(all.arguments, start_of(room)->arguments, sizeof(all.arguments));
	all.has_peers = has_peers(task, all.arguments[0]);
	all.may_pass = call->direction == DIRECTION_IN && may_pass(task, all.arguments[0]);
	/* The kernel takes no more than 1024 at once. */
	bpf_loop(result > 1024 ? 1024 : result, take_message, &all, 0);
	return 0;
}

/* Whether a call is one of those that are told, though others with its number are not. */
static __always_inline bool is_told(struct sf_call *call, struct start *start, long result)
{
	u64 command;

	switch (call->special) {
	case SF_SPECIAL_FAILURE_ONLY:
	case SF_SPECIAL_EXEC:
		return result < 0;
	case SF_SPECIAL_CLONE:
		return result != 0;
	case SF_SPECIAL_DUP_COMMAND:
		command = start->arguments[1];
		return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
	case SF_SPECIAL_MAP:
		return (start->arguments[2] & PROT_EXEC) && !(start->arguments[3] & MAP_ANONYMOUS);
	}
	return true;
}

/* Ends what is counted on descriptors that the call has closed, but for that of the one of `close`, which the record
 * of the call is to carry. Whether that one stands for something new already. */
static __always_inline u32 end_closed(struct task_struct *task, struct sf_call *call, struct start *start, long result,
				      struct sf_flow **closed)
{
	u64 first = start->arguments[0], second = start->arguments[1];
	struct sf_flow_key key = { .pid = task->tgid };
	struct sf_flow *flow;
	struct file *file;

	switch (call->special) {
	case SF_SPECIAL_CLOSE:
		if (result == -9)
			return 0;
		/* Another thread may have got the number anew. What is counted there is ended if it is older. */
		key.fd = first;
		file = file_in(task, first);
		flow = bpf_map_lookup_elem(&flows, &key);
		if (flow && flow->file != (u64)file)
			*closed = flow;
		return file != NULL;
	case SF_SPECIAL_DUP2:
		key.fd = second;
		flow = bpf_map_lookup_elem(&flows, &key);
		if (flow && flow->file != (u64)file_in(task, second))
			end_flow(task->tgid, second);
		return 0;
	case SF_SPECIAL_CLOSE_RANGE:
		end_flows(first, second, 1);
		return 0;
	}
	return 0;
}

/* Whether a call changes what descriptors stand for, and must be told though its process tells too much. */
static __always_inline bool must_tell(struct sf_call *call, struct start *start, u32 pid)
{
	struct sf_flow_key key = { .pid = pid, .fd = start->arguments[0] };

	switch (call->special) {
	case SF_SPECIAL_CLOSE:
		return bpf_map_delete_elem(&silent, &key) != 0;
	case SF_SPECIAL_DUP2:
	case SF_SPECIAL_CLOSE_RANGE:
		return true;
	}
	return false;
}

/* Puts what the table says of a call, and what else its kind has. */
static __always_inline void put_details(struct task_struct *task, struct scratch *room, struct sf_call *call,
					long result)
{
	struct start *start = start_of(room);
	struct sf_peer peer = {};
	struct target *target;
	u32 i, tid;
	int first;

	for (i = 0; i < 3; i++)
		if (call->strings[i])
			put_user_text(room, argument(start, call->strings[i]), SF_ITEM_STRING0 + i);
	if (call->fd == SF_RESULT) {
		if (result >= 0)
			put_object(task, room, result, false);
	} else if (call->fd) {
		put_object(task, room, argument(start, call->fd), false);
	}
	if (call->fd2)
		put_object(task, room, argument(start, call->fd2), true);
	if (call->address && argument(start, call->address))
		put_user_bytes(room, argument(start, call->address),
			       argument(start, call->address + 1) > 128 ?
				       128 : argument(start, call->address + 1),
			       SF_ITEM_ADDRESS);
	if (call->action == SF_ACTION_COUNT && (call->address || call->special == SF_SPECIAL_MESSAGE) &&
	    find_peer(task, &peer, call, start))
		put_peer(room, &peer, SF_ITEM_PEER);
	if (call->special == SF_SPECIAL_CONNECT) {
		tid = task->pid;
		target = bpf_map_lookup_elem(&targets, &tid);
		if (target) {
			put_peer(room, &target->peer, SF_ITEM_TARGET);
			bpf_map_delete_elem(&targets, &tid);
		}
		follow_connect(task, argument(start, call->fd));
	}
	if (call->numbers)
		put_user_bytes(room, argument(start, call->numbers), call->numbers_size, SF_ITEM_NUMBERS);
	if (call->special == SF_SPECIAL_PAIR && result >= 0 &&
	    !bpf_probe_read_user(&first, sizeof(first), (const void *)argument(start, call->numbers)))
		put_object(task, room, first, false);
	if (call->special == SF_SPECIAL_DIRECTORY && result == 0)
		put_directory(room, bpf_get_current_task());
	if (call->data && config.data_size)
		put_data(task, room, call, result, &peer);
	if (call->special == SF_SPECIAL_EXEC) {
		if (!is_compat(task))
			put_user_vector(room, argument(start, call->strings[0] + 1), SF_ITEM_ARGUMENTS);
		put_identity(room, bpf_get_current_task(), 0);
	}
}

/* Tells a call, whose arguments stand in the room. */
static __always_inline int tell_call(struct task_struct *task, struct scratch *room, u32 number, struct sf_call *call,
				     long result, u64 time)
{
	struct start *start = start_of(room);
	struct sf_flow *closed = NULL;
	bool has_counts = false;
	u32 is_reused;

	is_reused = end_closed(task, call, start, result, &closed);
	/* What it has ended is told before it. */
	if (!time)
		time = bpf_ktime_get_boot_ns();
	if (call->lane != SF_LANE_CRITICAL && !config.per_call && !may_tell(task->tgid, time) &&
	    !must_tell(call, start, task->tgid)) {
		if (closed)
			end_flow(task->tgid, start->arguments[0]);
		leave_out(task->tgid, number, call->fd == SF_RESULT ? result : -1);
		return 0;
	}
	begin_at(task, room, SF_KIND_CALL, number, call->arguments, result, time);
	start->header.is_reused = is_reused;
	start->header.is_compat = is_compat(task);
	if (closed)
		has_counts = put_counts(room, task->tgid, start->arguments[0], closed);
	/* Closes, half of what is told, have none. */
	if (call->special != SF_SPECIAL_CLOSE)
		put_details(task, room, call, result);
	if (end(room, call->lane) && has_counts)
		count_loss(call->lane, SF_KIND_FLOW, task->tgid);
	return 0;
}

/* Tells what came with a message. */
static __always_inline void take_passed(struct task_struct *task, struct pt_regs *regs)
{
	u64 arguments[SF_ARGUMENTS];
	struct message message;

	read_arguments(task, regs, arguments);
	if (may_pass(task, arguments[0]) &&
	    !bpf_probe_read_user(&message, sizeof(message), (const void *)arguments[1]))
		tell_control(message.control, message.control_length);
}

/* Tells a call that nobody has any interest in: to measure what that costs. */
static __always_inline int tell_any(struct task_struct *task, struct pt_regs *regs, u32 number, long result)
{
	struct scratch *room = scratch(task);

	if (task->tgid == config.own_pid || !room)
		return 0;
	read_arguments(task, regs, start_of(room)->arguments);
	begin_at(task, room, SF_KIND_CALL, number, SF_ARGUMENTS, result, bpf_ktime_get_boot_ns());
	end(room, SF_LANE_NORMAL);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_end, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 number = CALL_NUMBER(regs), *native;
	struct sf_losses *own;
	struct scratch *room;
	struct sf_call *call;
	struct start *start;
	u64 time = 0;

	if (is_compat(task)) {
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
		return config.per_call > 1 ? tell_any(task, regs, number, result) : 0;
	if (task->tgid == config.own_pid)
		return 0;
	if (call->special == SF_SPECIAL_MESSAGE && call->direction == DIRECTION_IN && result >= 0 && !is_compat(task))
		take_passed(task, regs);
	room = scratch(task);
	if (!room)
		return 0;
	start = start_of(room);
	read_arguments(task, regs, start->arguments);
	if (call->special == SF_SPECIAL_MESSAGES && result > 0)
		return take_messages(task, room, number, call, result);
	if (call->action == SF_ACTION_COUNT && !config.per_call) {
		time = count_call(task, start, call, result);
		if (!time)
			return 0;
	} else if (!is_told(call, start, result)) {
		return 0;
	}
	return tell_call(task, room, number, call, result, time);
}
