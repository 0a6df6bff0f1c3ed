/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Requests of io_uring, which do what system calls do without being any. They are told as those, with what the
 * kernel had copied from the program when the request was submitted.
 */

#define REQUEST_READV 1
#define REQUEST_WRITEV 2
#define REQUEST_READ_FIXED 4
#define REQUEST_WRITE_FIXED 5
#define REQUEST_RECEIVE_MESSAGE 10
#define REQUEST_ACCEPT 13
#define REQUEST_OPEN 18
#define REQUEST_CLOSE 19
#define REQUEST_READ 22
#define REQUEST_WRITE 23
#define REQUEST_SEND 26
#define REQUEST_RECEIVE 27
#define REQUEST_OPEN2 28
#define REQUEST_SPLICE 30
#define REQUEST_TEE 33
#define REQUEST_SHUTDOWN 34
#define REQUEST_RENAME 35
#define REQUEST_UNLINK 36
#define REQUEST_MKDIR 37
#define REQUEST_SYMLINK 38
#define REQUEST_LINK 39
#define REQUEST_SOCKET 45
#define REQUEST_READ_REPEATED 49
#define REQUEST_INSTALL 54
#define REQUEST_TRUNCATE 55
#define REQUEST_BIND 56
#define REQUEST_LISTEN 57
#define REQUEST_PIPE 62
#define FIXED_FILE 1
#define RECEIVE_REPEATED 2
#define SPLICE_FIXED (1u << 31)

/* What a request asks for, in the order of the call that it stands for; and where its names stand. Kernels that do not
 * know a kind of request never show one. */
static __always_inline bool read_files(struct io_kiocb *io, struct request *out, struct filename **first,
				       struct filename **second)
{
	struct io_rename *rename = (void *)io;
	struct io_unlink *unlink = (void *)io;
	struct io_close *close = (void *)io;
	struct io_mkdir *mkdir = (void *)io;
	struct io_open *open = (void *)io;

	switch (out->opcode) {
	case REQUEST_OPEN:
	case REQUEST_OPEN2:
		out->arguments[0] = FOLLOW(open, dfd);
		out->arguments[2] = FOLLOW(open, how.flags);
		out->arguments[3] = FOLLOW(open, how.mode);
		out->arguments[4] = FOLLOW(open, how.resolve);
		out->is_direct = FOLLOW(open, file_slot);
		*first = FOLLOW(open, filename);
		return true;
	case REQUEST_CLOSE:
		out->fd = FOLLOW(close, fd);
		if (bpf_core_field_exists(close->file_slot) && FOLLOW(close, file_slot))
			out->fd = -1;
		out->arguments[0] = out->fd;
		return false;
	case REQUEST_UNLINK:
		out->arguments[0] = FOLLOW(unlink, dfd);
		out->arguments[2] = FOLLOW(unlink, flags);
		*first = FOLLOW(unlink, filename);
		return true;
	case REQUEST_MKDIR:
		/* Laid out alike but for the mode. */
		out->arguments[0] = FOLLOW(unlink, dfd);
		if (bpf_core_field_exists(mkdir->mode))
			out->arguments[2] = FOLLOW(mkdir, mode);
		*first = FOLLOW(unlink, filename);
		return true;
	case REQUEST_RENAME:
	case REQUEST_LINK:
		/* Laid out alike. */
		out->arguments[0] = FOLLOW(rename, old_dfd);
		out->arguments[2] = FOLLOW(rename, new_dfd);
		out->arguments[4] = FOLLOW(rename, flags);
		*first = FOLLOW(rename, oldpath);
		*second = FOLLOW(rename, newpath);
		return true;
	case REQUEST_SYMLINK:
		out->arguments[1] = FOLLOW(rename, new_dfd);
		*first = FOLLOW(rename, oldpath);
		*second = FOLLOW(rename, newpath);
		return true;
	}
	return false;
}

static __always_inline void read_sockets(struct io_kiocb *io, struct request *out)
{
	struct io_shutdown *shutdown = (void *)io;
	struct io_accept *accept = (void *)io;
	struct io_socket *socket = (void *)io;
	struct io_listen *listen = (void *)io;
	struct io_sr_msg *message = (void *)io;

	switch (out->opcode) {
	case REQUEST_SOCKET:
		if (!bpf_core_type_exists(struct io_socket))
			break;
		out->arguments[0] = FOLLOW(socket, domain);
		out->arguments[1] = FOLLOW(socket, type);
		out->arguments[2] = FOLLOW(socket, protocol);
		out->is_direct = FOLLOW(socket, file_slot);
		break;
	case REQUEST_ACCEPT:
		out->arguments[3] = FOLLOW(accept, flags);
		if (bpf_core_field_exists(accept->file_slot))
			out->is_direct = FOLLOW(accept, file_slot);
		break;
	case REQUEST_SHUTDOWN:
		out->arguments[1] = FOLLOW(shutdown, how);
		break;
	case REQUEST_LISTEN:
		if (bpf_core_type_exists(struct io_listen))
			out->arguments[1] = FOLLOW(listen, backlog);
		break;
	case REQUEST_SEND:
	case REQUEST_RECEIVE:
		out->arguments[2] = FOLLOW(message, len);
		break;
	}
}

static __always_inline void read_others(struct io_kiocb *io, struct request *out)
{
	struct io_splice *splice = (void *)io;
	struct io_ftrunc *truncate = (void *)io;
	struct io_pipe *pipe = (void *)io;
	struct io_rw *move = (void *)io;

	switch (out->opcode) {
	case REQUEST_READ_FIXED:
	case REQUEST_WRITE_FIXED:
	case REQUEST_READ:
	case REQUEST_WRITE:
		out->arguments[2] = FOLLOW(move, len);
		break;
	case REQUEST_SPLICE:
	case REQUEST_TEE:
		out->fd2 = out->fd;
		out->fd = -1;
		if (bpf_core_field_exists(splice->splice_fd_in) && !(FOLLOW(splice, flags) & SPLICE_FIXED))
			out->fd = FOLLOW(splice, splice_fd_in);
		out->arguments[0] = out->fd;
		if (out->opcode == REQUEST_TEE) {
			out->arguments[1] = out->fd2;
			out->arguments[2] = FOLLOW(splice, len);
		} else {
			out->arguments[2] = out->fd2;
			out->arguments[4] = FOLLOW(splice, len);
		}
		break;
	case REQUEST_TRUNCATE:
		if (bpf_core_type_exists(struct io_ftrunc))
			out->arguments[1] = FOLLOW(truncate, len);
		break;
	case REQUEST_PIPE:
		if (!bpf_core_type_exists(struct io_pipe))
			break;
		out->arguments[0] = (u64)FOLLOW(pipe, fds);
		out->arguments[1] = FOLLOW(pipe, flags);
		out->is_direct = FOLLOW(pipe, file_slot);
		break;
	}
}

/* Whether a request may complete many times. Of `accept` only the newest kernels say so. */
static __always_inline bool is_repeated(struct io_kiocb *io, u32 opcode)
{
	struct io_sr_msg *message = (void *)io;

	switch (opcode) {
	case REQUEST_ACCEPT:
	case REQUEST_READ_REPEATED:
		return true;
	case REQUEST_RECEIVE:
	case REQUEST_RECEIVE_MESSAGE:
		return bpf_core_field_exists(message->flags) && (FOLLOW(message, flags) & RECEIVE_REPEATED);
	}
	return false;
}

static __always_inline struct repeated_key repeated_key(struct io_kiocb *io)
{
	return (struct repeated_key){ .ring = NUMBER(io, ctx), .user_data = FOLLOW(io, cqe.user_data) };
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(request_submitted, struct io_kiocb *io)
{
	struct filename *first = NULL, *second = NULL;
	struct task_struct *task = bpf_get_current_task_btf();
	struct request request = {};
	struct request_names *names;
	struct repeated_key known;
	u64 key = address_in(ctx, 0);
	u32 zero = 0, opcode;
	u32 *call;

	if (task->tgid == config.own_pid)
		return 0;
	opcode = FOLLOW(io, opcode);
	call = bpf_map_lookup_elem(&request_calls, &opcode);
	if (!call || !*call)
		return 0;
	request.opcode = opcode;
	request.fd = FOLLOW(io, cqe.fd);
	if (FOLLOW(io, flags) & FIXED_FILE)
		/* The number is one of the ring's own table, not a descriptor. */
		request.fd = -1;
	request.arguments[0] = request.fd;
	read_sockets((struct io_kiocb *)key, &request);
	read_others((struct io_kiocb *)key, &request);
	if (read_files((struct io_kiocb *)key, &request, &first, &second)) {
		names = bpf_map_lookup_elem(&new_names, &zero);
		if (names) {
			names->name[0][0] = 0;
			names->name[1][0] = 0;
			bpf_probe_read_kernel_str(names->name[0], REQUEST_NAME, FOLLOW(first, name));
			if (second)
				bpf_probe_read_kernel_str(names->name[1], REQUEST_NAME,
							  FOLLOW(second, name));
			bpf_map_update_elem(&request_names, &key, names, BPF_ANY);
		}
	}
	bpf_map_update_elem(&requests, &key, &request, BPF_ANY);
	if (is_repeated((struct io_kiocb *)key, opcode)) {
		known = repeated_key((struct io_kiocb *)key);
		bpf_map_update_elem(&repeated, &known, &request, BPF_ANY);
	}
	return 0;
}

static __always_inline void put_name(struct scratch *room, char *from, u32 kind)
{
	struct sf_item *item = open_item(room, kind);
	long length;

	if (!item)
		return;
	length = bpf_probe_read_kernel_str(item + 1, REQUEST_NAME, from);
	if (length > 1 && length <= REQUEST_NAME)
		close_item(room, item, length - 1);
}

/* The structure that openat2 is given: flags, mode, how to resolve. */
static __always_inline void put_how(struct scratch *room, struct request *request)
{
	struct sf_item *item = open_item(room, SF_ITEM_NUMBERS);
	u64 *how;

	if (!item)
		return;
	how = (u64 *)(item + 1);
	how[0] = request->arguments[2];
	how[1] = request->arguments[3];
	how[2] = request->arguments[4];
	close_item(room, item, 3 * sizeof(*how));
}

/* A request has ended as a call would have. */
static __always_inline int tell_request(struct task_struct *task, u64 key, struct request *request, u32 number,
					struct sf_call *call, long result, u64 time)
{
	struct scratch *room = scratch(task);
	struct request_names *names;
	struct start *start;
	struct target *target;
	int first;
	u32 tid, i;

	if (!room)
		return 0;
	start = start_of(room);
	begin_at(task, room, SF_KIND_URING, number, SF_ARGUMENTS, result, time);
	tid = start->header.tid;
	for (i = 0; i < 5; i++)
		start->arguments[i] = request->arguments[i];
	start->arguments[5] = request->opcode;
	if (request->is_direct && result >= 0)
		start->header.result = SF_DIRECT;
	names = bpf_map_lookup_elem(&request_names, &key);
	if (names) {
		put_name(room, names->name[0], SF_ITEM_STRING0);
		put_name(room, names->name[1], SF_ITEM_STRING1);
		bpf_map_delete_elem(&request_names, &key);
	}
	if (call->fd == SF_RESULT && result >= 0 && !request->is_direct)
		put_object(task, room, result, false);
	else if (call->fd && call->fd != SF_RESULT)
		put_object(task, room, request->fd, false);
	if (call->fd2)
		put_object(task, room, request->fd2, true);
	if (request->opcode == REQUEST_OPEN2)
		put_how(room, request);
	if (call->special == SF_SPECIAL_PAIR && result >= 0 && !request->is_direct) {
		put_user_bytes(room, request->arguments[0], call->numbers_size, SF_ITEM_NUMBERS);
		if (!bpf_probe_read_user(&first, sizeof(first), (const void *)request->arguments[0]))
			put_object(task, room, first, false);
	}
	if (call->special == SF_SPECIAL_CONNECT) {
		target = bpf_map_lookup_elem(&targets, &tid);
		if (target) {
			put_peer(room, &target->peer, SF_ITEM_TARGET);
			bpf_map_delete_elem(&targets, &tid);
		}
		follow_connect(task, request->fd);
	}
	end(room, call->lane);
	return 0;
}

/* Tells or counts what a request has done. */
static __always_inline int take_result(u64 key, struct request *request, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 *number, call_number;
	struct sf_call *call;
	u64 time = 0;

	number = bpf_map_lookup_elem(&request_calls, &request->opcode);
	if (!number || !*number)
		return 0;
	call_number = *number - 1;
	call = bpf_map_lookup_elem(&calls, &call_number);
	if (!call || !call->action)
		return 0;
	if (request->opcode == REQUEST_INSTALL) {
		if (result >= 0)
			tell_descriptor(result);
		return 0;
	}
	if (call->special == SF_SPECIAL_COPY && !config.per_call) {
		if (request->fd >= 0 && request->fd2 >= 0) {
			time = count_copy(request->fd, request->fd2, call->first, result);
			if (!time)
				return 0;
		}
	} else if (call->action == SF_ACTION_COUNT && !config.per_call) {
		if (request->fd >= 0) {
			time = count_on(request->fd, call->direction, call->first, 1, result);
			if (!time)
				return 0;
		}
	} else if (call->special == SF_SPECIAL_CLOSE && result == 0) {
		end_flow(task->tgid, request->fd);
	}
	if (!time)
		time = bpf_ktime_get_boot_ns();
	if (call->lane != SF_LANE_CRITICAL && !may_tell(task->tgid, time)) {
		leave_out(task->tgid, call_number, -1);
		return 0;
	}
	return tell_request(task, key, request, call_number, call, result, time);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(request_ended, void *ring, struct io_kiocb *io)
{
	u64 key = address_in(ctx, 1), third;
	struct repeated_key known = {};
	struct request *found, request;
	struct io_uring_cqe *entry;
	long result;

	if (!key) {
		/* Of one that goes on: it is known by what the program calls it. */
		known.ring = address_in(ctx, 0);
		third = address_in(ctx, 2);
		entry = (struct io_uring_cqe *)third;
		known.user_data = config.by_entry ? FOLLOW(entry, user_data) : third;
		found = bpf_map_lookup_elem(&repeated, &known);
		if (!found)
			return 0;
		request = *found;
		result = config.by_entry ? FOLLOW(entry, res) : (s32)address_in(ctx, 3);
		return take_result(0, &request, result);
	}
	found = bpf_map_lookup_elem(&requests, &key);
	if (!found)
		return 0;
	request = *found;
	bpf_map_delete_elem(&requests, &key);
	io = (struct io_kiocb *)key;
	if (is_repeated(io, request.opcode)) {
		known = repeated_key(io);
		bpf_map_delete_elem(&repeated, &known);
	}
	return take_result(key, &request, FOLLOW(io, cqe.res));
}
