/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Sockets, where a call's end is too late. */

#define TCP_SYN_SENT 2

/* A connection is about to be made, in the call that asks for it: the address is the kernel's own copy. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock *sock, int old, int state)
{
	struct target target = {};
	u32 tid, address;

	if (state != TCP_SYN_SENT)
		return 0;
	tid = bpf_get_current_pid_tgid();
	target.sock = (u64)sock;
	target.peer.family = sock->__sk_common.skc_family;
	target.peer.port = sock->__sk_common.skc_dport;
	if (target.peer.family == AF_INET) {
		address = sock->__sk_common.skc_daddr;
		__builtin_memcpy(target.peer.address, &address, 4);
	} else {
		BPF_CORE_READ_INTO(&target.peer.address, sock, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
	bpf_map_update_elem(&targets, &tid, &target, BPF_ANY);
	return 0;
}
