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

static __always_inline struct upid *upid_at(struct pid *pid, u32 level)
{
	return (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
}

/* The number of a process in the pid namespace at a depth. */
static __always_inline u32 number_at(struct pid *pid, u32 level)
{
	return pid ? FOLLOW(upid_at(pid, level), nr) : 0;
}

static __always_inline u64 namespace_start(struct pid *pid, u32 level)
{
	struct task_struct *first = FOLLOW(upid_at(pid, level), ns, child_reaper);

	return first ? FOLLOW(first, start_boottime) : 0;
}

static __always_inline void read_ids(struct sf_identity *out, struct task_struct *task)
{
	struct pid *pid = FOLLOW(task, thread_pid);
	struct signal_struct *signal = FOLLOW(task, signal);
	struct pid *group = FOLLOW(signal, pids[PIDTYPE_PGID]);
	u32 level = FOLLOW(pid, level);

	out->pid = FOLLOW(task, tgid);
	out->tid = FOLLOW(task, pid);
	out->parent = FOLLOW(task, real_parent, tgid);
	out->start = FOLLOW(task, group_leader, start_boottime);
	out->namespace_tid = number_at(pid, level);
	out->namespace_pid = number_at(FOLLOW(signal, pids[PIDTYPE_TGID]), level);
	out->namespace_start = namespace_start(pid, level);
	out->group = number_at(group, 0);
	out->namespace_group = number_at(group, level);
	out->session = number_at(FOLLOW(signal, pids[PIDTYPE_SID]), 0);
	out->descriptor_limit = FOLLOW(signal, rlim[RLIMIT_NOFILE].rlim_cur);
}

static __always_inline void read_rights(struct sf_identity *out, struct task_struct *task)
{
	struct cred *cred = FOLLOW(task, cred);

	out->uid = FOLLOW(cred, euid.val);
	out->gid = FOLLOW(cred, egid.val);
	out->inheritable = WORD_AT(&cred->cap_inheritable);
	out->permitted = WORD_AT(&cred->cap_permitted);
	out->effective = WORD_AT(&cred->cap_effective);
	out->login_uid = ~0u;
	if (bpf_core_field_exists(task->loginuid))
		out->login_uid = FOLLOW(task, loginuid.val);
}

static __always_inline u32 terminal_of(struct task_struct *task)
{
	struct tty_struct *terminal = FOLLOW(task, signal, tty);
	u32 major, minor;

	if (!terminal)
		return 0;
	major = FOLLOW(terminal, driver, major);
	minor = FOLLOW(terminal, driver, minor_start) + FOLLOW(terminal, index);
	return (minor & 0xff) | major << 8 | (minor & ~0xff) << 12;
}

/* What the flags of the clone must have been, from what two threads share. */
static __always_inline u32 shared_with(struct task_struct *task, struct task_struct *parent)
{
	struct nsproxy *own, *others;
	u32 flags = 0;

	if (FOLLOW(task, tgid) == FOLLOW(parent, tgid))
		flags |= CLONE_THREAD;
	if (FOLLOW(task, mm) == FOLLOW(parent, mm))
		flags |= CLONE_VM;
	if (FOLLOW(task, files) == FOLLOW(parent, files))
		flags |= CLONE_FILES;
	if (FOLLOW(task, fs) == FOLLOW(parent, fs))
		flags |= CLONE_FS;
	if (FOLLOW(task, thread_pid, level) != FOLLOW(parent, thread_pid, level))
		flags |= CLONE_NEWPID;
	own = FOLLOW(task, nsproxy);
	others = FOLLOW(parent, nsproxy);
	if (own && others && own != others) {
		if (FOLLOW(own, mnt_ns) != FOLLOW(others, mnt_ns))
			flags |= CLONE_NEWNS;
		if (FOLLOW(own, net_ns) != FOLLOW(others, net_ns))
			flags |= CLONE_NEWNET;
	}
	return flags;
}

__attribute__((noinline)) int put_identity(struct scratch *room, u64 address, u64 compared)
{
	struct task_struct *task = (struct task_struct *)address;
	struct sf_identity *out;
	struct sf_item *item;
	struct mm_struct *memory;
	u64 *comm;

	if (!task || !room)
		return 0;
	item = open_item(room, SF_ITEM_IDENTITY);
	if (!item)
		return 0;
	out = (struct sf_identity *)(item + 1);
	read_ids(out, task);
	read_rights(out, task);
	out->cgroup = FOLLOW(task, cgroups, dfl_cgrp, kn, id);
	out->faults_major = FOLLOW(task, maj_flt);
	out->faults_minor = FOLLOW(task, min_flt);
	memory = FOLLOW(task, mm);
	out->memory_pages = memory ? FOLLOW(memory, total_vm) : 0;
	out->terminal = terminal_of(task);
	out->clone_flags = compared ? shared_with(task, (struct task_struct *)compared) : 0;
	out->is_kernel = (FOLLOW(task, flags) & PF_KTHREAD) != 0;
	comm = (u64 *)out->comm;
	comm[0] = WORD_AT(&task->comm);
	comm[1] = WORD_AT((void *)&task->comm + sizeof(*comm));
	close_item(room, item, sizeof(*out));
	return 0;
}

/* The control groups of a thread: that of the unified hierarchy, and the memory controller's own if it has one. */
__attribute__((noinline)) int put_cgroups(struct scratch *room, u64 address)
{
	struct task_struct *task = (struct task_struct *)address;
	struct cgroup_subsys_state *state;
	u64 unified, memory, index;
	struct css_set *set;

	if (!task)
		return 0;
	set = FOLLOW(task, cgroups);
	unified = NUMBER(set, dfl_cgrp);
	put_cgroup(room, unified, SF_ITEM_CGROUP);
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
		index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
		state = (void *)WORD_AT((void *)set + bpf_core_field_offset(struct css_set, subsys) +
					index * sizeof(void *));
		memory = state ? NUMBER(state, cgroup) : 0;
		if (memory && memory != unified)
			put_cgroup(room, memory, SF_ITEM_CGROUP_V1);
	}
	return 0;
}

/* Arguments and environment, from the memory of the current process. */
__attribute__((noinline)) int put_image_texts(struct scratch *room)
{
	struct mm_struct *memory = FOLLOW(bpf_get_current_task_btf(), mm);
	u64 from, to;

	if (!memory)
		return 0;
	from = FOLLOW(memory, arg_start);
	to = FOLLOW(memory, arg_end);
	put_user_bytes(room, from, to - from, SF_ITEM_ARGUMENTS);
	from = FOLLOW(memory, env_start);
	to = FOLLOW(memory, env_end);
	put_user_bytes(room, from, to - from, SF_ITEM_ENVIRONMENT);
	return 0;
}

/* The working directory of a thread. */
__attribute__((noinline)) int put_directory(struct scratch *room, u64 address)
{
	struct task_struct *task = (struct task_struct *)address;
	struct fs_struct *fs;

	if (!task)
		return 0;
	fs = FOLLOW(task, fs);
	if (!fs)
		return 0;
	return put_path(room, NUMBER(fs, pwd.dentry), NUMBER(fs, pwd.mnt), root_of(task), SF_ITEM_DIRECTORY);
}

/* The root directory of a thread, seen from the mount namespace; left out where it is that itself. */
__attribute__((noinline)) int put_root(struct scratch *room, u64 address)
{
	struct task_struct *task = (struct task_struct *)address;
	struct fs_struct *fs;

	if (!task)
		return 0;
	fs = FOLLOW(task, fs);
	if (!fs)
		return 0;
	return put_path(room, NUMBER(fs, root.dentry), NUMBER(fs, root.mnt), 0, SF_ITEM_ROOT);
}

#endif
