/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Numbers and arguments of system calls, in the registers and in records. */

#define TS_COMPAT 2

static __always_inline u64 argument(struct start *start, u32 position)
{
	u32 index = position - 1;
	return index < SF_ARGUMENTS ? start->arguments[index] : 0;
}

#if defined(__TARGET_ARCH_x86)
#define CALL_NUMBER(regs) ((u32)(regs)->orig_ax)
/* Whether the call was made as 32-bit programs do, which others can do too. */
static __always_inline bool is_compat(void)
{
	return bpf_get_current_task_btf()->thread_info.status & TS_COMPAT;
}
static __always_inline void read_arguments(struct pt_regs *regs, u64 *out)
{
	if (is_compat()) {
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
static __always_inline bool is_compat(void)
{
	return false;
}
static __always_inline void read_arguments(struct pt_regs *regs, u64 *out)
{
	out[0] = regs->orig_x0;
	out[1] = regs->regs[1];
	out[2] = regs->regs[2];
	out[3] = regs->regs[3];
	out[4] = regs->regs[4];
	out[5] = regs->regs[5];
}
#endif

static __always_inline u64 register_at(struct pt_regs *regs, u32 position)
{
	u64 all[SF_ARGUMENTS];

	read_arguments(regs, all);
	switch (position) {
	case 1: return all[0];
	case 2: return all[1];
	case 3: return all[2];
	case 4: return all[3];
	case 5: return all[4];
	case 6: return all[5];
	}
	return 0;
}
