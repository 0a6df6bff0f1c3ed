/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Numbers and arguments of system calls, in the registers and in records. */

#define TS_COMPAT 2

#if defined(__TARGET_ARCH_x86)
#define CALL_NUMBER(regs) ((u32)(regs)->orig_ax)
/* Whether the call was made as 32-bit programs do, which others can do too. */
static __always_inline bool is_compat(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT;
}
static __always_inline void read_arguments(struct task_struct *task, struct pt_regs *regs, u64 *out)
{
	if (is_compat(task)) {
		out[0] = (u32)regs->bx;
		out[1] = (u32)regs->cx;
		out[2] = (u32)regs->dx;
		out[3] = (u32)regs->si;
		out[4] = (u32)regs->di;
		out[5] = (u32)regs->bp;
		return;
	}
	out[0] = regs->di;
	out[1] = regs->si;
	out[2] = regs->dx;
	out[3] = regs->r10;
	out[4] = regs->r8;
	out[5] = regs->r9;
}
#else
#define CALL_NUMBER(regs) ((u32)(regs)->syscallno)
static __always_inline bool is_compat(struct task_struct *task)
{
	return false;
}
static __always_inline void read_arguments(struct task_struct *task, struct pt_regs *regs, u64 *out)
{
	out[0] = regs->orig_x0;
	out[1] = regs->regs[1];
	out[2] = regs->regs[2];
	out[3] = regs->regs[3];
	out[4] = regs->regs[4];
	out[5] = regs->regs[5];
}
#endif
