/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Requests of io_uring, which do what system calls do without being any. They are told as those, with what the
 * kernel had copied from the program when the request was submitted.
 */

#define REQUEST_OPEN 18
#define REQUEST_CLOSE 19
#define REQUEST_OPEN2 28
#define REQUEST_RENAME 35
#define REQUEST_UNLINK 36
#define REQUEST_MKDIR 37
#define REQUEST_SYMLINK 38
#define REQUEST_LINK 39
#define FIXED_FILE 1

/* Where the names of a request stand. */
static __always_inline bool find_names(struct io_kiocb *io, struct request *request, struct filename **first,
				       struct filename **second)
{
	struct io_rename *rename = (void *)io;
	struct io_unlink *unlink = (void *)io;
	struct io_open *open = (void *)io;

	switch (request->opcode) {
	case REQUEST_OPEN:
	case REQUEST_OPEN2:
		request->fd = BPF_CORE_READ(open, dfd);
		request->flags = BPF_CORE_READ(open, how.flags);
		*first = BPF_CORE_READ(open, filename);
		return true;
	case REQUEST_UNLINK:
	case REQUEST_MKDIR:
		/* mkdir has its mode in the place of the flags, and alike otherwise. */
		request->fd = BPF_CORE_READ(unlink, dfd);
		request->flags = BPF_CORE_READ(unlink, flags);
		*first = BPF_CORE_READ(unlink, filename);
		return true;
	case REQUEST_RENAME:
	case REQUEST_LINK:
	case REQUEST_SYMLINK:
		/* Links are laid out alike. */
		request->fd = BPF_CORE_READ(rename, old_dfd);
		request->fd2 = BPF_CORE_READ(rename, new_dfd);
		*first = BPF_CORE_READ(rename, oldpath);
		*second = BPF_CORE_READ(rename, newpath);
		return true;
	}
	return false;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(request_submitted, struct io_kiocb *io)
{
	struct filename *first = NULL, *second = NULL;
	struct io_close *close = (void *)io;
	struct task_struct *task = bpf_get_current_task_btf();
	struct request request = {};
	struct request_names *names;
	u64 key = address_in(ctx, 0);
	u32 zero = 0, opcode;
	u32 *call;

	if (task->tgid == config.own_pid)
		return 0;
	opcode = BPF_CORE_READ(io, opcode);
	call = bpf_map_lookup_elem(&request_calls, &opcode);
	if (!call || !*call)
		return 0;
	request.opcode = opcode;
	request.fd = BPF_CORE_READ(io, cqe.fd);
	if (BPF_CORE_READ(io, flags) & FIXED_FILE)
		/* The number is one of the ring's own table, not a descriptor. */
		request.fd = -1;
	if (opcode == REQUEST_CLOSE)
		request.fd = BPF_CORE_READ(close, fd);
	if (find_names((struct io_kiocb *)key, &request, &first, &second)) {
		names = bpf_map_lookup_elem(&new_names, &zero);
		if (names) {
			names->name[0][0] = 0;
			names->name[1][0] = 0;
			bpf_probe_read_kernel_str(names->name[0], REQUEST_NAME, BPF_CORE_READ(first, name));
			if (second)
				bpf_probe_read_kernel_str(names->name[1], REQUEST_NAME,
							  BPF_CORE_READ(second, name));
			bpf_map_update_elem(&request_names, &key, names, BPF_ANY);
		}
	}
	bpf_map_update_elem(&requests, &key, &request, BPF_ANY);
	return 0;
}

static __always_inline void put_name(char *from, u32 kind)
{
	struct scratch *room = scratch();
	struct sf_item *item = room ? open_item(room, kind) : NULL;
	long length;

	if (!item)
		return;
	length = bpf_probe_read_kernel_str(item + 1, REQUEST_NAME, from);
	if (length > 1 && length <= REQUEST_NAME)
		close_item(room, item, length - 1);
}

static __always_inline void set_arguments(struct sf_header *header, struct request *request)
{
	__builtin_memset(header->arguments, 0, sizeof(header->arguments));
	header->arguments[0] = request->fd;
	header->arguments[5] = request->opcode;
	switch (request->opcode) {
	case REQUEST_OPEN:
	case REQUEST_OPEN2:
	case REQUEST_UNLINK:
	case REQUEST_MKDIR:
		header->arguments[2] = request->flags;
		break;
	case REQUEST_RENAME:
	case REQUEST_LINK:
		header->arguments[2] = request->fd2;
		break;
	case REQUEST_SYMLINK:
		header->arguments[1] = request->fd2;
		break;
	}
}

/* A request has ended as a call would have. */
static __always_inline int tell_request(u64 key, struct request *request, u32 number, struct sf_call *call,
					long result, u64 time)
{
	struct request_names *names;
	struct sf_header *header;
	struct target *target;
	u32 tid;

	header = begin_at(SF_KIND_URING, number, result, time);
	if (!header)
		return 0;
	tid = header->tid;
	set_arguments(header, request);
	names = bpf_map_lookup_elem(&request_names, &key);
	if (names) {
		put_name(names->name[0], SF_ITEM_STRING0);
		put_name(names->name[1], SF_ITEM_STRING1);
		bpf_map_delete_elem(&request_names, &key);
	}
	if (call->fd == SF_RESULT && result >= 0)
		put_object(result, false);
	else if (call->fd == 1)
		put_object(request->fd, false);
	if (call->special == SF_SPECIAL_CONNECT) {
		target = bpf_map_lookup_elem(&targets, &tid);
		if (target) {
			put_peer(&target->peer, SF_ITEM_TARGET);
			bpf_map_delete_elem(&targets, &tid);
		}
	}
	end(call->lane);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(request_ended, void *ring, struct io_kiocb *io)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 key = address_in(ctx, 1);
	struct request *found, request;
	u32 *number, call_number;
	struct sf_call *call;
	u64 time = 0;
	long result;

	found = bpf_map_lookup_elem(&requests, &key);
	if (!found)
		return 0;
	request = *found;
	bpf_map_delete_elem(&requests, &key);
	number = bpf_map_lookup_elem(&request_calls, &request.opcode);
	if (!number || !*number)
		return 0;
	call_number = *number - 1;
	call = bpf_map_lookup_elem(&calls, &call_number);
	if (!call || !call->action)
		return 0;
	result = BPF_CORE_READ((struct io_kiocb *)key, cqe.res);
	if (call->action == SF_ACTION_COUNT && !config.per_call) {
		if (request.fd >= 0) {
			time = count_on(request.fd, call->direction, 1, result);
			if (!time)
				return 0;
		}
	} else if (call->special == SF_SPECIAL_CLOSE && result == 0) {
		end_flow(task->tgid, request.fd);
	}
	if (!time)
		time = bpf_ktime_get_boot_ns();
	if (call->lane != SF_LANE_CRITICAL && !may_tell(task->tgid, time)) {
		leave_out(task->tgid, call_number, -1);
		return 0;
	}
	return tell_request(key, &request, call_number, call, result, time);
}
