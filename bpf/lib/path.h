/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Paths, by walking from a name up to the root of the process, across mounts. */
#ifndef SYSFLOW_PATH_H
#define SYSFLOW_PATH_H

#define SF_WORDS 4 /* names of up to so many words are read word by word, longer ones by a helper */
#define SF_PATH_WORDS 16 /* the same for paths */

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

/* Reads a name of the kernel to before what is there already. */
static __always_inline bool read_name(char *to, const unsigned char *name, u32 length)
{
	u64 *words = (u64 *)to, mask;
	u32 i;

	if (!READS_IN_PLACE || length > SF_WORDS * 8)
		return !bpf_probe_read_kernel(to, length, name);
	for (i = 0; i < SF_WORDS && 8 * i + 8 <= length; i++)
		words[i] = WORD_AT(name + 8 * i);
	if (length % 8 && i < SF_WORDS) {
		mask = ~0ull << 8 * (length % 8);
		words[i] = (WORD_AT(name + 8 * i) & ~mask) | (words[i] & mask);
	}
	return true;
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
		up = FOLLOW(mount, mnt_parent);
		if (!up || up == mount)
			return 1;
		walk->dentry = FOLLOW(mount, mnt_mountpoint);
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
	if (!read_name(&walk->room->text[at + 1], name, length))
		return 1;
	walk->room->text[at] = '/';
	walk->dentry = parent;
	return 0;
}

/* Makes a path, which begins at a place of its room, an item. */
static __always_inline int put_from(struct scratch *room, struct sf_item *item, u32 at)
{
	u32 length = SF_PATH - 1 - at, i;
	u64 *to = (u64 *)(item + 1), *from;

	if (length == 0) {
		*(char *)to = '/';
		close_item(room, item, 1);
		return 0;
	}
	if (length >= SF_PATH)
		return 0;
	from = (u64 *)&room->path.text[at & (SF_PATH - 1)];
	if (length <= SF_PATH_WORDS * 8) {
		for (i = 0; i < SF_PATH_WORDS && 8 * i < length; i++)
			to[i] = from[i];
	} else if (bpf_probe_read_kernel(to, length, from)) {
		return 0;
	}
	close_item(room, item, length);
	return 0;
}

/* The path of a name, seen from the root directory of the current thread or of one given. */
__attribute__((noinline)) int put_path(struct scratch *room, u64 dentry, u64 vfsmount, u64 root_path, u32 kind)
{
	struct walk walk = {};
	struct sf_item *item;

	if (!dentry || !vfsmount || !room)
		return 0;
	item = open_item(room, kind);
	if (!item)
		return 0;
	walk.room = &room->path;
	if (root_path) {
		walk.root = FOLLOW((struct path *)root_path, dentry);
		walk.root_mount = FOLLOW((struct path *)root_path, mnt);
	}
	walk.dentry = (struct dentry *)dentry;
	walk.mount = mount_of((struct vfsmount *)vfsmount);
	walk.at = SF_PATH - 1;
	bpf_loop(256, step_up, &walk, 0);
	return put_from(room, item, walk.at);
}

/* The root directory of a thread, to be given to put_path. */
static __always_inline u64 root_of(struct task_struct *task)
{
	u64 fs = NUMBER(task, fs);
	return fs ? fs + bpf_core_field_offset(struct fs_struct, root) : 0;
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
		parent = FOLLOW(node, __parent);
	else
		parent = FOLLOW(older, parent);
	if (!parent)
		return 1;
	/* Names are read to the end of the room, to learn their lengths, and then put in front. */
	length = bpf_probe_read_kernel_str(&climb->room->text[SF_PATH], 256, FOLLOW(node, name));
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
__attribute__((noinline)) int put_cgroup(struct scratch *room, u64 cgroup, u32 kind)
{
	struct climb climb = {};
	struct sf_item *item;

	if (!cgroup || !room)
		return 0;
	item = open_item(room, kind);
	if (!item)
		return 0;
	climb.room = &room->path;
	climb.node = FOLLOW((struct cgroup *)cgroup, kn);
	climb.at = SF_PATH - 1;
	bpf_loop(32, climb_up, &climb, 0);
	return put_from(room, item, climb.at);
}

#endif
