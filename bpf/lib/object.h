/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Descriptions of open files and sockets. */
#ifndef SYSFLOW_OBJECT_H
#define SYSFLOW_OBJECT_H

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define NAME_SERVER __builtin_bswap16(53) /* the port, in network order */
#define OVERLAY_MAGIC 0x794c7630
#define TMPFS_MAGIC 0x01021994

/* The open file behind a descriptor of a thread; NULL where there is none. */
static __always_inline struct file *file_in(struct task_struct *task, int fd)
{
	struct files_struct *files = task->files;
	struct fdtable *table;
	struct file **slots;

	if (fd < 0 || !files)
		return NULL;
	/* Plain loads: the verifier knows these pointers, and the machine what to do where they lead nowhere. */
	table = files->fdt;
	if ((u32)fd >= table->max_fds)
		return NULL;
	slots = table->fd;
	/* The slot as a number, in the shape of any structure that begins with one: numbers can be compared and kept. */
	return (struct file *)MEMBER(struct timespec64, slots + fd, tv_sec);
}

static __always_inline bool is_socket(struct file *file)
{
	struct inode *inode = MEMBER(struct file, file, f_inode);

	return (MEMBER(struct inode, inode, i_mode) & S_IFMT) == S_IFSOCK;
}

static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket = MEMBER(struct file, file, private_data);
	return MEMBER(struct socket, socket, sk);
}

/* Whether the far end of a connected socket is a name server. */
static __always_inline bool is_to_name_server(struct file *file)
{
	struct sock *sock;
	u16 family;

	if (!is_socket(file))
		return false;
	sock = sock_of(file);
	family = MEMBER(struct sock, sock, __sk_common.skc_family);
	return (family == AF_INET || family == AF_INET6) &&
	       MEMBER(struct sock, sock, __sk_common.skc_dport) == NAME_SERVER;
}

static __always_inline void read_inode(struct sf_file *out, struct inode *inode)
{
	struct inode___middle *middle = (void *)inode;
	struct inode___older *older = (void *)inode;
	struct super_block *super = MEMBER(struct inode, inode, i_sb);
	u32 device = MEMBER(struct super_block, super, s_dev);
	u32 major = device >> 20, minor = device & 0xfffff;

	out->inode = MEMBER(struct inode, inode, i_ino);
	/* As stat shows it. */
	out->device = (minor & 0xff) | major << 8 | (minor & ~0xff) << 12;
	out->mode = MEMBER(struct inode, inode, i_mode);
	out->uid = MEMBER(struct inode, inode, i_uid.val);
	out->gid = MEMBER(struct inode, inode, i_gid.val);
	out->magic = MEMBER(struct super_block, super, s_magic);
	if (bpf_core_field_exists(inode->i_ctime_sec)) {
		out->changed = MEMBER(struct inode, inode, i_ctime_sec) * 1000000000ull +
			       MEMBER(struct inode, inode, i_ctime_nsec);
		out->modified = MEMBER(struct inode, inode, i_mtime_sec) * 1000000000ull +
				MEMBER(struct inode, inode, i_mtime_nsec);
	} else if (bpf_core_field_exists(middle->__i_ctime)) {
		out->changed = FOLLOW(middle, __i_ctime.tv_sec) * 1000000000ull +
			       FOLLOW(middle, __i_ctime.tv_nsec);
		out->modified = FOLLOW(middle, __i_mtime.tv_sec) * 1000000000ull +
				FOLLOW(middle, __i_mtime.tv_nsec);
	} else if (bpf_core_field_exists(older->i_ctime)) {
		out->changed = FOLLOW(older, i_ctime.tv_sec) * 1000000000ull +
			       FOLLOW(older, i_ctime.tv_nsec);
		out->modified = FOLLOW(older, i_mtime.tv_sec) * 1000000000ull +
				FOLLOW(older, i_mtime.tv_nsec);
	}
}

/* Whether a name is that of a file in memory: their names begin alike, and their mount has no place. */
static __always_inline bool is_in_memory(struct dentry *dentry, u32 magic)
{
	char start[8] = {};

	if (magic != TMPFS_MAGIC)
		return false;
	bpf_probe_read_kernel(start, 6, MEMBER(struct dentry, dentry, d_name.name));
	return dentry == MEMBER(struct dentry, dentry, d_parent) && start[0] == 'm' && start[1] == 'e' &&
	       start[2] == 'm' && start[3] == 'f' && start[4] == 'd' && start[5] == ':';
}

__attribute__((noinline)) int put_file(struct scratch *room, u64 address, u32 kind)
{
	struct file *file = (struct file *)address;
	struct sf_item *item;
	struct sf_file *out;
	struct inode *inode;
	struct dentry *dentry, *upper = NULL;

	if (!file || !room)
		return 0;
	item = open_item(room, kind);
	if (!item)
		return 0;
	out = (struct sf_file *)(item + 1);
	inode = MEMBER(struct file, file, f_inode);
	dentry = MEMBER(struct file, file, f_path.dentry);
	read_inode(out, inode);
	out->flags = MEMBER(struct file, file, f_flags);
	out->access = MEMBER(struct file, file, f_mode);
	out->facts = 0;
	if (!MEMBER(struct dentry, dentry, d_hash.pprev) && dentry != MEMBER(struct dentry, dentry, d_parent))
		out->facts |= SF_FACT_DELETED;
	if (is_in_memory(dentry, out->magic))
		out->facts |= SF_FACT_MEMORY;
	if (out->magic == OVERLAY_MAGIC) {
		/* The upper name follows the inode that is part of the overlay's own. */
		inode = MEMBER(struct dentry, dentry, d_inode);
		bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
		out->facts |= upper ? SF_FACT_UPPER : SF_FACT_LOWER;
	}
	close_item(room, item, sizeof(*out));
	return 0;
}

/* The path of an open file. What lies on no mount that has a place has a name only. */
__attribute__((noinline)) int put_file_path(struct scratch *room, u64 address, u64 root, u32 kind)
{
	struct file *file = (struct file *)address;
	struct dentry *dentry;
	u64 number;

	if (!file)
		return 0;
	number = NUMBER(file, f_path.dentry);
	dentry = (struct dentry *)number;
	if (dentry == FOLLOW(dentry, d_parent)) {
		if (FOLLOW(dentry, d_name.len) > 1)
			return put_kernel_bytes(room, NUMBER(dentry, d_name.name), FOLLOW(dentry, d_name.len),
						kind);
		/* A pipe or a namespace: in no directory, and not the top of what is mounted. */
		if (dentry != FOLLOW(file, f_path.mnt, mnt_root))
			return 0;
	}
	return put_path(room, number, NUMBER(file, f_path.mnt), root, kind);
}

static __always_inline void read_ends(struct sock *sock, struct sf_socket *out)
{
	struct inet_sock *inet = (struct inet_sock *)sock;
	u32 address;

	out->local_port = MEMBER(struct sock, sock, __sk_common.skc_num);
	/* Raw sockets keep their protocol there. */
	if (out->type == 3)
		out->local_port = 0;
	out->remote_port = __builtin_bswap16(MEMBER(struct sock, sock, __sk_common.skc_dport));
	__builtin_memset(out->local, 0, 16);
	__builtin_memset(out->remote, 0, 16);
	if (out->family == AF_INET) {
		address = MEMBER(struct sock, sock, __sk_common.skc_rcv_saddr);
		if (!address)
			address = MEMBER(struct inet_sock, inet, inet_saddr);
		__builtin_memcpy(out->local, &address, 4);
		address = MEMBER(struct sock, sock, __sk_common.skc_daddr);
		__builtin_memcpy(out->remote, &address, 4);
	} else if (out->family == AF_INET6) {
		BPF_CORE_READ_INTO(&out->local, sock, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&out->remote, sock, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
}

static __always_inline void put_peer(struct scratch *room, struct sf_peer *peer, u32 kind)
{
	struct sf_item *item = open_item(room, kind);

	if (!item)
		return;
	*(struct sf_peer *)(item + 1) = *peer;
	close_item(room, item, sizeof(*peer));
}

static __always_inline void put_unix_path(struct scratch *room, struct unix_sock *sock, struct unix_sock *peer)
{
	u64 address = NUMBER(sock, addr);
	u32 length;

	if (!address && peer)
		address = NUMBER(peer, addr);
	if (!address)
		return;
	length = FOLLOW((struct unix_address *)address, len);
	if (length <= 2 || length > 110)
		return;
	put_kernel_bytes(room, address + bpf_core_field_offset(struct unix_address, name) + 2, length - 2,
			 SF_ITEM_UNIX);
}

__attribute__((noinline)) int put_socket(struct scratch *room, u64 address, u32 kind)
{
	struct file *file = (struct file *)address;
	struct sf_item *item;
	struct sf_socket *out;
	struct sock *sock, *peer;

	if (!file || !room || !is_socket(file))
		return 0;
	sock = sock_of(file);
	item = open_item(room, kind);
	if (!sock || !item)
		return 0;
	out = (struct sf_socket *)(item + 1);
	out->family = MEMBER(struct sock, sock, __sk_common.skc_family);
	out->type = MEMBER(struct sock, sock, sk_type);
	out->protocol = MEMBER(struct sock, sock, sk_protocol);
	out->state = MEMBER(struct sock, sock, __sk_common.skc_state);
	out->unused = 0;
	out->socket = (u64)sock;
	out->peer = 0;
	read_ends(sock, out);
	peer = NULL;
	if (out->family == AF_UNIX) {
		peer = FOLLOW((struct unix_sock *)sock, peer);
		out->peer = (u64)peer;
	}
	close_item(room, item, sizeof(*out));
	if (kind == SF_ITEM_SOCKET && out->family == AF_UNIX)
		put_unix_path(room, (struct unix_sock *)sock, (struct unix_sock *)peer);
	return 0;
}

#endif
