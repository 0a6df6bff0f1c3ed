/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Descriptions of threads. */
#ifndef SYSFLOW_IDENTITY_H
#define SYSFLOW_IDENTITY_H

#define CLONE_VM 0x100
#define CLONE_FS 0x200
#define CLONE_FILES 0x400
#define CLONE_THREAD 0x10000
#define CLONE_NEWNS 0x20000
#define CLONE_NEWPID 0x20000000
#define CLONE_NEWNET 0x40000000
#define PF_KTHREAD 0x200000
#define PIDTYPE_TGID 1
#define PIDTYPE_PGID 2
#define PIDTYPE_SID 3
#define RLIMIT_NOFILE 7

/* The number of a process in the pid namespace at a depth. */
static __always_inline u32 number_at(struct pid *pid, u32 level)
{
	u32 number = 0;

	if (pid)
		bpf_probe_read_kernel(&number, sizeof(number),
				      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
					      level * bpf_core_type_size(struct upid) +
					      bpf_core_field_offset(struct upid, nr));
	return number;
}

static __always_inline u64 namespace_start(struct pid *pid, u32 level)
{
	struct pid_namespace *space = NULL;
	struct task_struct *first;

	bpf_probe_read_kernel(&space, sizeof(space),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      level * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, ns));
	first = BPF_CORE_READ(space, child_reaper);
	return first ? BPF_CORE_READ(first, start_boottime) : 0;
}

static __always_inline void read_ids(struct sf_identity *out, struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct pid *group = BPF_CORE_READ(signal, pids[PIDTYPE_PGID]);
	u32 level = BPF_CORE_READ(pid, level);

	out->pid = BPF_CORE_READ(task, tgid);
	out->tid = BPF_CORE_READ(task, pid);
	out->parent = BPF_CORE_READ(task, real_parent, tgid);
	out->start = BPF_CORE_READ(task, group_leader, start_boottime);
	out->namespace_tid = number_at(pid, level);
	out->namespace_pid = number_at(BPF_CORE_READ(signal, pids[PIDTYPE_TGID]), level);
	out->namespace_start = namespace_start(pid, level);
	out->group = number_at(group, 0);
	out->namespace_group = number_at(group, level);
	out->session = number_at(BPF_CORE_READ(signal, pids[PIDTYPE_SID]), 0);
	out->descriptor_limit = BPF_CORE_READ(signal, rlim[RLIMIT_NOFILE].rlim_cur);
}

static __always_inline void read_rights(struct sf_identity *out, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);

	out->uid = BPF_CORE_READ(cred, euid.val);
	out->gid = BPF_CORE_READ(cred, egid.val);
	bpf_core_read(&out->inheritable, 8, &cred->cap_inheritable);
	bpf_core_read(&out->permitted, 8, &cred->cap_permitted);
	bpf_core_read(&out->effective, 8, &cred->cap_effective);
	out->login_uid = ~0u;
	if (bpf_core_field_exists(task->loginuid))
		out->login_uid = BPF_CORE_READ(task, loginuid.val);
}

static __always_inline u32 terminal_of(struct task_struct *task)
{
	struct tty_struct *terminal = BPF_CORE_READ(task, signal, tty);
	u32 major, minor;

	if (!terminal)
		return 0;
	major = BPF_CORE_READ(terminal, driver, major);
	minor = BPF_CORE_READ(terminal, driver, minor_start) + BPF_CORE_READ(terminal, index);
	return (minor & 0xff) | major << 8 | (minor & ~0xff) << 12;
}

/* What the flags of the clone must have been, from what two threads share. */
static __always_inline u32 shared_with(struct task_struct *task, struct task_struct *parent)
{
	struct nsproxy *own, *others;
	u32 flags = 0;

	if (BPF_CORE_READ(task, tgid) == BPF_CORE_READ(parent, tgid))
		flags |= CLONE_THREAD;
	if (BPF_CORE_READ(task, mm) == BPF_CORE_READ(parent, mm))
		flags |= CLONE_VM;
	if (BPF_CORE_READ(task, files) == BPF_CORE_READ(parent, files))
		flags |= CLONE_FILES;
	if (BPF_CORE_READ(task, fs) == BPF_CORE_READ(parent, fs))
		flags |= CLONE_FS;
	if (BPF_CORE_READ(task, thread_pid, level) != BPF_CORE_READ(parent, thread_pid, level))
		flags |= CLONE_NEWPID;
	own = BPF_CORE_READ(task, nsproxy);
	others = BPF_CORE_READ(parent, nsproxy);
	if (own && others && own != others) {
		if (BPF_CORE_READ(own, mnt_ns) != BPF_CORE_READ(others, mnt_ns))
			flags |= CLONE_NEWNS;
		if (BPF_CORE_READ(own, net_ns) != BPF_CORE_READ(others, net_ns))
			flags |= CLONE_NEWNET;
	}
	return flags;
}

__attribute__((noinline)) int put_identity(u64 address, u64 compared)
{
	struct task_struct *task = (struct task_struct *)address;
	struct scratch *room = scratch();
	struct sf_identity *out;
	struct sf_item *item;
	struct mm_struct *memory;

	if (!task || !room)
		return 0;
	item = open_item(room, SF_ITEM_IDENTITY);
	if (!item)
		return 0;
	out = (struct sf_identity *)(item + 1);
	read_ids(out, task);
	read_rights(out, task);
	out->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	out->faults_major = BPF_CORE_READ(task, maj_flt);
	out->faults_minor = BPF_CORE_READ(task, min_flt);
	memory = BPF_CORE_READ(task, mm);
	out->memory_pages = memory ? BPF_CORE_READ(memory, total_vm) : 0;
	out->terminal = terminal_of(task);
	out->clone_flags = compared ? shared_with(task, (struct task_struct *)compared) : 0;
	out->is_kernel = (BPF_CORE_READ(task, flags) & PF_KTHREAD) != 0;
	BPF_CORE_READ_INTO(&out->comm, task, comm);
	close_item(room, item, sizeof(*out));
	return 0;
}

/* The control groups of a thread: that of the unified hierarchy, and the memory controller's own if it has one. */
__attribute__((noinline)) int put_cgroups(u64 address)
{
	struct task_struct *task = (struct task_struct *)address;
	struct cgroup_subsys_state *state = NULL;
	struct cgroup *unified, *memory;
	struct css_set *set;
	u64 index;

	if (!task)
		return 0;
	set = BPF_CORE_READ(task, cgroups);
	unified = BPF_CORE_READ(set, dfl_cgrp);
	put_cgroup((u64)unified, SF_ITEM_CGROUP);
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
		index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
		bpf_probe_read_kernel(&state, sizeof(state),
				      (void *)set + bpf_core_field_offset(struct css_set, subsys) +
					      index * sizeof(void *));
		memory = state ? BPF_CORE_READ(state, cgroup) : NULL;
		if (memory && memory != unified)
			put_cgroup((u64)memory, SF_ITEM_CGROUP_V1);
	}
	return 0;
}

/* Arguments and environment, from the memory of the current process. */
__attribute__((noinline)) int put_image_texts(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *memory = BPF_CORE_READ(task, mm);
	u64 from, to;

	if (!memory)
		return 0;
	from = BPF_CORE_READ(memory, arg_start);
	to = BPF_CORE_READ(memory, arg_end);
	put_user_bytes(from, to - from, SF_ITEM_ARGUMENTS);
	from = BPF_CORE_READ(memory, env_start);
	to = BPF_CORE_READ(memory, env_end);
	put_user_bytes(from, to - from, SF_ITEM_ENVIRONMENT);
	return 0;
}

/* The working directory of a thread. */
__attribute__((noinline)) int put_directory(u64 address)
{
	struct task_struct *task = (struct task_struct *)address;
	struct fs_struct *fs;

	if (!task)
		return 0;
	fs = BPF_CORE_READ(task, fs);
	if (!fs)
		return 0;
	return put_path((u64)BPF_CORE_READ(fs, pwd.dentry), (u64)BPF_CORE_READ(fs, pwd.mnt),
			(u64)fs + bpf_core_field_offset(struct fs_struct, root), SF_ITEM_DIRECTORY);
}

/* The root directory of a thread, seen from the mount namespace; left out where it is that itself. */
__attribute__((noinline)) int put_root(u64 address)
{
	struct task_struct *task = (struct task_struct *)address;
	struct fs_struct *fs;

	if (!task)
		return 0;
	fs = BPF_CORE_READ(task, fs);
	if (!fs)
		return 0;
	return put_path((u64)BPF_CORE_READ(fs, root.dentry), (u64)BPF_CORE_READ(fs, root.mnt), 0, SF_ITEM_ROOT);
}

#endif
