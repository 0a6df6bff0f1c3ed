/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Paths, by walking from a name up to the root of the process, across mounts. */
#ifndef SYSFLOW_PATH_H
#define SYSFLOW_PATH_H

struct walk {
	struct dentry *dentry;
	struct mount *mount;
	struct dentry *root;
	struct vfsmount *root_mount;
	struct path_room *room;
	u32 at;
	u32 is_cut;
};

static __always_inline struct mount *mount_of(struct vfsmount *mount)
{
	return (void *)mount - bpf_core_field_offset(struct mount, mnt);
}

static __always_inline struct vfsmount *vfsmount_of(struct mount *mount)
{
	return (void *)mount + bpf_core_field_offset(struct mount, mnt);
}

static long step_up(u32 step, struct walk *walk)
{
	struct dentry *dentry = walk->dentry, *parent;
	/* Members of our own structures must not stand in BPF_CORE_READ: their places are not the kernel's. */
	struct mount *mount = walk->mount, *up;
	const unsigned char *name;
	u32 length, at;

	if (dentry == walk->root && vfsmount_of(mount) == walk->root_mount)
		return 1;
	parent = MEMBER(struct dentry, dentry, d_parent);
	if (dentry == MEMBER(struct mount, mount, mnt.mnt_root) || dentry == parent) {
		up = BPF_CORE_READ(mount, mnt_parent);
		if (!up || up == mount)
			return 1;
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mount = up;
		return 0;
	}
	length = MEMBER(struct dentry, dentry, d_name.len) & 0xff;
	name = MEMBER(struct dentry, dentry, d_name.name);
	if (walk->at < length + 1) {
		walk->is_cut = 1;
		return 1;
	}
	walk->at -= length + 1;
	at = walk->at & (SF_PATH - 1);
	if (bpf_probe_read_kernel(&walk->room->text[at + 1], length, name))
		return 1;
	walk->room->text[at] = '/';
	walk->dentry = parent;
	return 0;
}

/* The path of a name, seen from the root directory of the current thread or of one given. */
__attribute__((noinline)) int put_path(u64 dentry, u64 vfsmount, u64 root_path, u32 kind)
{
	struct scratch *room = scratch();
	struct sf_item *item;
	struct walk walk = {};
	u32 length;

	if (!dentry || !vfsmount || !room)
		return 0;
	item = open_item(room, kind);
	walk.room = path_room();
	if (!item || !walk.room)
		return 0;
	if (root_path) {
		walk.root = BPF_CORE_READ((struct path *)root_path, dentry);
		walk.root_mount = BPF_CORE_READ((struct path *)root_path, mnt);
	}
	walk.dentry = (struct dentry *)dentry;
	walk.mount = mount_of((struct vfsmount *)vfsmount);
	walk.at = SF_PATH - 1;
	bpf_loop(256, step_up, &walk, 0);
	length = SF_PATH - 1 - walk.at;
	if (length == 0) {
		*(char *)(item + 1) = '/';
		close_item(room, item, 1);
		return 0;
	}
	if (length >= SF_PATH)
		return 0;
	if (bpf_probe_read_kernel(item + 1, length, &walk.room->text[walk.at & (SF_PATH - 1)]))
		return 0;
	close_item(room, item, length);
	return 0;
}

/* The root directory of the current thread, to be given to put_path. */
static __always_inline u64 own_root(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	return (u64)BPF_CORE_READ(task, fs) + bpf_core_field_offset(struct fs_struct, root);
}

struct climb {
	struct kernfs_node *node;
	struct path_room *room;
	u32 at;
	u32 unused;
};

static long climb_up(u32 step, struct climb *climb)
{
	struct kernfs_node *node = climb->node, *parent;
	struct kernfs_node___older *older = (void *)node;
	long length;
	u32 at;

	if (bpf_core_field_exists(node->__parent))
		parent = BPF_CORE_READ(node, __parent);
	else
		parent = BPF_CORE_READ(older, parent);
	if (!parent)
		return 1;
	/* Names are read to the end of the room, to learn their lengths, and then put in front. */
	length = bpf_probe_read_kernel_str(&climb->room->text[SF_PATH], 256, BPF_CORE_READ(node, name));
	if (length <= 1 || length > 256 || climb->at < length)
		return 1;
	climb->at -= length;
	at = climb->at & (SF_PATH - 1);
	climb->room->text[at] = '/';
	/* `length` counts the NUL, in whose place stands the slash. */
	bpf_probe_read_kernel(&climb->room->text[(at + 1) & (SF_PATH - 1)], (length - 1) & 0xff,
			      &climb->room->text[SF_PATH]);
	climb->node = parent;
	return 0;
}

/* The path of a control group in its hierarchy. */
__attribute__((noinline)) int put_cgroup(u64 cgroup, u32 kind)
{
	struct scratch *room = scratch();
	struct sf_item *item;
	struct climb climb = {};
	u32 length;

	if (!cgroup || !room)
		return 0;
	item = open_item(room, kind);
	climb.room = path_room();
	if (!item || !climb.room)
		return 0;
	climb.node = BPF_CORE_READ((struct cgroup *)cgroup, kn);
	climb.at = SF_PATH - 1;
	bpf_loop(32, climb_up, &climb, 0);
	length = SF_PATH - 1 - climb.at;
	if (length == 0) {
		*(char *)(item + 1) = '/';
		close_item(room, item, 1);
		return 0;
	}
	if (length >= SF_PATH)
		return 0;
	if (bpf_probe_read_kernel(item + 1, length, &climb.room->text[climb.at & (SF_PATH - 1)]))
		return 0;
	close_item(room, item, length);
	return 0;
}

#endif
