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
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *room = scratch(task);
	struct start *start;
	u64 address;

	if (child->tgid == config.own_pid || !room)
		return 0;
	start = begin(task, room, SF_KIND_FORK, 1);
	start->header.pid = child->tgid;
	start->header.tid = child->pid;
	start->header.start = child->group_leader->start_boottime;
	start->arguments[0] = parent->pid;
	address = address_in(ctx, 1);
	put_identity(room, address, address_in(ctx, 0));
	put_cgroups(room, address);
	end(room, SF_LANE_CRITICAL);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(program_executed, struct task_struct *task, int old_tid, struct linux_binprm *image)
{
	struct scratch *room = scratch(task);
	u64 file, self = bpf_get_current_task();
	struct mm_struct *memory;

	if (task->tgid == config.own_pid || !room)
		return 0;
	/* Descriptors that were to be closed at this moment are. */
	end_flows(0, ~0u, 1);
	begin(task, room, SF_KIND_EXEC, 1)->arguments[0] = old_tid;
	put_identity(room, self, 0);
	memory = FOLLOW(task, mm);
	file = NUMBER(memory, exe_file);
	put_file(room, file, SF_ITEM_FILE);
	put_file_path(room, file, root_of(task), SF_ITEM_EXECUTABLE);
	put_kernel_text(room, NUMBER(image, filename), SF_ITEM_GIVEN);
	if (FOLLOW(image, interp) != FOLLOW(image, filename))
		put_kernel_text(room, NUMBER(image, interp), SF_ITEM_INTERPRETER);
	put_directory(room, self);
	put_cgroups(room, self);
	put_image_texts(room);
	end(room, SF_LANE_CRITICAL);
	return 0;
}

struct search {
	struct task_struct *task;
	u32 found;
	u32 unused;
};

static long search_reaper(u32 step, struct search *search)
{
	struct task_struct *task = search->task, *parent = FOLLOW(task, real_parent);
	struct signal_struct *signal;

	if (!parent || parent == task)
		return 1;
	task = FOLLOW(parent, group_leader);
	search->task = task;
	signal = FOLLOW(task, signal);
	if (!BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper))
		return 0;
	search->found = FOLLOW(task, tgid);
	return 1;
}

/* Who becomes the parent of the children of a process that ends. */
static __always_inline u32 reaper_of(struct task_struct *task)
{
	struct search search = { .task = task };
	struct pid *pid = FOLLOW(task, thread_pid);
	u32 level = FOLLOW(pid, level);

	bpf_loop(64, search_reaper, &search, 0);
	if (search.found)
		return search.found;
	return FOLLOW(upid_at(pid, level), ns, child_reaper, tgid);
}

/* Whether a thread that is not the first executes a program: then the first ends, and it takes its place. */
static __always_inline bool is_replaced(struct task_struct *task)
{
	struct signal_struct *signal = FOLLOW(task, signal);
	struct signal_struct___older *older = (void *)signal;

	if (FOLLOW(task, pid) != FOLLOW(task, tgid))
		return false;
	if (bpf_core_field_exists(signal->group_exec_task))
		return FOLLOW(signal, group_exec_task) != NULL;
	return bpf_core_field_exists(older->group_exit_task) && FOLLOW(older, group_exit_task) != NULL;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(thread_ended, struct task_struct *task)
{
	struct scratch *room = scratch(task);
	u32 is_last, pid = task->tgid;
	struct start *start;

	if (pid == config.own_pid || is_worker(task) || !room)
		return 0;
	is_last = FOLLOW(task, signal, live.counter) == 0;
	if (is_last) {
		end_flows(0, ~0u, 0);
		bpf_map_delete_elem(&highest, &pid);
	}
	start = begin(task, room, SF_KIND_EXIT, 4);
	start->header.result = task->exit_code;
	start->arguments[0] = task->exit_code;
	start->arguments[1] = is_last;
	if (is_last)
		start->arguments[2] = reaper_of(task);
	else
		start->arguments[3] = is_replaced(task);
	end(room, SF_LANE_CRITICAL);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(thread_moved, void *group, const char *path, struct task_struct *task, bool is_process)
{
	struct task_struct *mover = bpf_get_current_task_btf();
	struct scratch *room = scratch(mover);
	struct start *start;

	if (task->tgid == config.own_pid || !room)
		return 0;
	/* Told by who moves it, about what is moved. */
	start = begin(mover, room, SF_KIND_MOVED, 1);
	start->header.pid = task->tgid;
	start->header.tid = task->pid;
	start->header.start = task->group_leader->start_boottime;
	start->arguments[0] = is_process;
	put_cgroups(room, address_in(ctx, 2));
	end(room, SF_LANE_CRITICAL);
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
	fill_header(bpf_get_current_task_btf(), &record->header, kind, SF_NO_CALL, 0, bpf_ktime_get_boot_ns());
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
