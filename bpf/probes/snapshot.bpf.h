/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What there is already when the programs begin: threads and open descriptors, in the form of records. */

static __always_inline struct start *begin_known(u16 kind, u32 numbers, struct task_struct *task)
{
	struct start *start = begin(kind, numbers);

	if (!start)
		return NULL;
	start->header.pid = BPF_CORE_READ(task, tgid);
	start->header.tid = BPF_CORE_READ(task, pid);
	start->header.start = BPF_CORE_READ(task, group_leader, start_boottime);
	return start;
}

static __always_inline void write_known(struct seq_file *out)
{
	struct scratch *room = scratch();
	u32 length;

	if (!room)
		return;
	length = room->length;
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
	struct fs_struct *fs;
	struct file *file;
	u64 root;

	/* Our own process too: it is someone's parent. */
	if (!task)
		return 0;
	if (!begin_known(SF_KIND_TASK, 0, task))
		return 0;
	put_identity(address, (u64)BPF_CORE_READ(task, group_leader));
	put_cgroups(address);
	put_directory(address);
	put_root(address);
	file = BPF_CORE_READ(task, mm, exe_file);
	fs = BPF_CORE_READ(task, fs);
	root = fs ? (u64)fs + bpf_core_field_offset(struct fs_struct, root) : 0;
	put_file((u64)file, SF_ITEM_FILE);
	put_file_path((u64)file, root, SF_ITEM_EXECUTABLE);
	write_known(ctx->meta->seq);
	return 0;
}

SEC("iter/task_file")
int known_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = (struct task_struct *)address_in((u64 *)ctx, 1);
	struct file *file = (struct file *)address_in((u64 *)ctx, 3);
	u32 fd = ctx->fd;
	struct start *start;
	struct fs_struct *fs;
	u64 root;

	if (!task || !file || BPF_CORE_READ(task, tgid) == config.own_pid)
		return 0;
	start = begin_known(SF_KIND_FILE, 1, task);
	if (!start)
		return 0;
	start->arguments[0] = fd;
	fs = BPF_CORE_READ(task, fs);
	root = fs ? (u64)fs + bpf_core_field_offset(struct fs_struct, root) : 0;
	put_file((u64)file, SF_ITEM_FILE);
	if (is_socket(file))
		put_socket((u64)file, SF_ITEM_SOCKET);
	else
		put_file_path((u64)file, root, SF_ITEM_PATH);
	write_known(ctx->meta->seq);
	return 0;
}
