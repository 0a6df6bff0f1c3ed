/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Programs that do nothing, on the same places: what merely being called costs. */

SEC("tp_btf/sys_exit")
int BPF_PROG(floor_call_end, struct pt_regs *regs, long result)
{
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(floor_thread_made, struct task_struct *parent, struct task_struct *child)
{
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(floor_program_executed, struct task_struct *task)
{
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(floor_thread_ended, struct task_struct *task)
{
	return 0;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(floor_signal_sent, int signal, void *info, struct task_struct *target, int group, int result)
{
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(floor_socket_state, struct sock *sock, int old, int state)
{
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(floor_request_submitted, struct io_kiocb *io)
{
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(floor_request_ended, void *ring, struct io_kiocb *io)
{
	return 0;
}
