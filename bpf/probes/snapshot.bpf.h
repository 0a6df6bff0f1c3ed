/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What there is already when the programs begin: threads and open descriptors, in the form of records. */

static __always_inline struct start *begin_known(struct scratch *room, u16 kind, u32 numbers, struct task_struct *task)
{
	struct start *start = begin(bpf_get_current_task_btf(), room, kind, numbers);

	start->header.pid = FOLLOW(task, tgid);
	start->header.tid = FOLLOW(task, pid);
	start->header.start = FOLLOW(task, group_leader, start_boottime);
	return start;
}

static __always_inline void write_known(struct scratch *room, struct seq_file *out)
{
	u32 length = room->length;

	if (length < sizeof(struct sf_header) || length >= SF_SCRATCH)
		return;
	((struct sf_header *)room->data)->length = length;
	bpf_seq_write(out, room->data, length);
}

SEC("iter/task")
int known_tasks(struct bpf_iter__task *ctx)
{
	u64 address = address_in((u64 *)ctx, 1);
	struct task_struct *task = (struct task_struct *)address;
	struct scratch *room = scratch(bpf_get_current_task_btf());
	struct mm_struct *memory;
	u64 file;

	/* Our own process too: it is someone's parent. */
	if (!task || !room)
		return 0;
	begin_known(room, SF_KIND_TASK, 0, task);
	put_identity(room, address, NUMBER(task, group_leader));
	put_cgroups(room, address);
	put_directory(room, address);
	put_root(room, address);
	memory = FOLLOW(task, mm);
	file = memory ? NUMBER(memory, exe_file) : 0;
	put_file(room, file, SF_ITEM_FILE);
	put_file_path(room, file, root_of(task), SF_ITEM_EXECUTABLE);
	write_known(room, ctx->meta->seq);
	return 0;
}

SEC("iter/task_file")
int known_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = (struct task_struct *)address_in((u64 *)ctx, 1);
	struct file *file = (struct file *)address_in((u64 *)ctx, 3);
	struct scratch *room = scratch(bpf_get_current_task_btf());
	u32 fd = ctx->fd;

	if (!task || !file || !room || FOLLOW(task, tgid) == config.own_pid)
		return 0;
	begin_known(room, SF_KIND_FILE, 1, task)->arguments[0] = fd;
	put_file(room, (u64)file, SF_ITEM_FILE);
	if (is_socket(file))
		put_socket(room, (u64)file, SF_ITEM_SOCKET);
	else
		put_file_path(room, (u64)file, root_of(task), SF_ITEM_PATH);
	write_known(room, ctx->meta->seq);
	return 0;
}
