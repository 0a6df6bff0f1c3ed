/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Threads: made, given a new program, ended, moved to another control group, sent a signal. */

/* An argument of a program as a mere number, which functions can be given. */
static __always_inline u64 address_in(u64 *context, u32 index)
{
	u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), context + index);
	return address;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(thread_made, struct task_struct *parent, struct task_struct *child)
{
	struct start *start;

	if (child->tgid == config.own_pid)
		return 0;
	start = begin(SF_KIND_FORK, 1);
	if (!start)
		return 0;
	start->header.pid = child->tgid;
	start->header.tid = child->pid;
	start->header.start = child->group_leader->start_boottime;
	start->arguments[0] = parent->pid;
	put_identity(address_in(ctx, 1), address_in(ctx, 0));
	put_cgroups(address_in(ctx, 1));
	end(SF_LANE_CRITICAL);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(program_executed, struct task_struct *task, int old_tid, struct linux_binprm *image)
{
	struct start *start;
	struct file *file;

	if (task->tgid == config.own_pid)
		return 0;
	/* Descriptors that were to be closed at this moment are. */
	end_flows(0, ~0u, 1);
	start = begin(SF_KIND_EXEC, 1);
	if (!start)
		return 0;
	start->arguments[0] = old_tid;
	put_identity(bpf_get_current_task(), 0);
	file = BPF_CORE_READ(task, mm, exe_file);
	put_file((u64)file, SF_ITEM_FILE);
	put_file_path((u64)file, own_root(), SF_ITEM_EXECUTABLE);
	put_kernel_text((u64)BPF_CORE_READ(image, filename), SF_ITEM_GIVEN);
	if (BPF_CORE_READ(image, interp) != BPF_CORE_READ(image, filename))
		put_kernel_text((u64)BPF_CORE_READ(image, interp), SF_ITEM_INTERPRETER);
	put_directory(bpf_get_current_task());
	put_cgroups(bpf_get_current_task());
	put_image_texts();
	end(SF_LANE_CRITICAL);
	return 0;
}

struct search {
	struct task_struct *task;
	u32 found;
	u32 unused;
};

static long search_reaper(u32 step, struct search *search)
{
	struct task_struct *task = search->task, *parent = BPF_CORE_READ(task, real_parent);
	struct signal_struct *signal;

	if (!parent || parent == task)
		return 1;
	task = BPF_CORE_READ(parent, group_leader);
	search->task = task;
	signal = BPF_CORE_READ(task, signal);
	if (!BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper))
		return 0;
	search->found = BPF_CORE_READ(task, tgid);
	return 1;
}

/* Who becomes the parent of the children of a process that ends. */
static __always_inline u32 reaper_of(struct task_struct *task)
{
	struct search search = { .task = task };
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	struct pid_namespace *space = NULL;
	struct task_struct *first;

	bpf_loop(64, search_reaper, &search, 0);
	if (search.found)
		return search.found;
	bpf_probe_read_kernel(&space, sizeof(space),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      level * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, ns));
	first = BPF_CORE_READ(space, child_reaper);
	return BPF_CORE_READ(first, tgid);
}

/* Whether a thread that is not the first executes a program: then the first ends, and it takes its place. */
static __always_inline bool is_replaced(struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct signal_struct___older *older = (void *)signal;

	if (BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid))
		return false;
	if (bpf_core_field_exists(signal->group_exec_task))
		return BPF_CORE_READ(signal, group_exec_task) != NULL;
	return bpf_core_field_exists(older->group_exit_task) && BPF_CORE_READ(older, group_exit_task) != NULL;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(thread_ended, struct task_struct *task)
{
	struct start *start;
	u32 is_last, pid = task->tgid;

	if (pid == config.own_pid || is_worker(task))
		return 0;
	is_last = BPF_CORE_READ(task, signal, live.counter) == 0;
	if (is_last) {
		end_flows(0, ~0u, 0);
		bpf_map_delete_elem(&highest, &pid);
	}
	start = begin(SF_KIND_EXIT, 4);
	if (!start)
		return 0;
	start->header.result = task->exit_code;
	start->arguments[0] = task->exit_code;
	start->arguments[1] = is_last;
	if (is_last)
		start->arguments[2] = reaper_of(task);
	else
		start->arguments[3] = is_replaced(task);
	end(SF_LANE_CRITICAL);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(thread_moved, void *group, const char *path, struct task_struct *task, bool is_process)
{
	struct start *start;

	if (task->tgid == config.own_pid)
		return 0;
	/* Told by who moves it, about what is moved. */
	start = begin(SF_KIND_MOVED, 1);
	if (!start)
		return 0;
	start->header.pid = task->tgid;
	start->header.tid = task->pid;
	start->header.start = task->group_leader->start_boottime;
	start->arguments[0] = is_process;
	put_cgroups(address_in(ctx, 2));
	end(SF_LANE_CRITICAL);
	return 0;
}

struct small_record {
	struct sf_header header;
	u64 arguments[4];
};

/* Small records are built in the ring: their programs may run in interrupts, where the scratch room is taken. */
static __always_inline struct small_record *begin_small(u16 kind)
{
	struct small_record *record = bpf_ringbuf_reserve(&critical, sizeof(*record), 0);
	u64 sequence = next_sequence(SF_LANE_CRITICAL);

	if (!record) {
		count_loss(SF_LANE_CRITICAL, kind, bpf_get_current_pid_tgid() >> 32);
		return NULL;
	}
	fill_header(&record->header, kind, SF_NO_CALL, 0);
	record->header.length = sizeof(*record);
	record->header.lane = SF_LANE_CRITICAL;
	record->header.sequence = sequence;
	record->header.arguments = sizeof(record->arguments) / sizeof(u64);
	return record;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(signal_sent, int signal, void *info, struct task_struct *target, int group, int result)
{
	struct small_record *record;

	/* Calls tell those that programs send by numbers; the kernel's own are of interest where they kill. */
	if (signal != 4 && signal != 7 && signal != 8 && signal != 9 && signal != 11 && signal != 31)
		return 0;
	if (target->tgid == config.own_pid)
		return 0;
	record = begin_small(SF_KIND_SIGNAL);
	if (!record)
		return 0;
	record->arguments[0] = signal;
	record->arguments[1] = result;
	record->arguments[2] = target->pid;
	record->arguments[3] = target->tgid;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}
