/* SPDX-License-Identifier: BSD-2-Clause */
/* libdw as the oracle. See oracle.h. */
#include "oracle.h"

#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

struct oracle {
	Dwfl *dwfl;
	pid_t pid;
};

/* Where nothing is: the oracle reads what our compiler reads, and no separate debug files. */
static char *no_path = "/nonexistent";

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.debuginfo_path = &no_path,
};

static int complain(const struct oracle *oracle, const char *what)
{
	fprintf(stderr, "libdw: %s of process %d: %s\n", what, (int)oracle->pid, dwfl_errmsg(-1));
	return -1;
}

int oracle_refresh(struct oracle *oracle)
{
	dwfl_report_begin(oracle->dwfl);
	if (dwfl_linux_proc_report(oracle->dwfl, oracle->pid) ||
	    dwfl_report_end(oracle->dwfl, NULL, NULL))
		return complain(oracle, "reading the mappings");
	return 0;
}

struct oracle *oracle_new(pid_t pid)
{
	struct oracle *oracle = calloc(1, sizeof(*oracle));

	if (!oracle)
		return NULL;
	unsetenv("DEBUGINFOD_URLS");
	oracle->pid = pid;
	oracle->dwfl = dwfl_begin(&callbacks);
	if (!oracle->dwfl || oracle_refresh(oracle)) {
		oracle_free(oracle);
		return NULL;
	}
	if (dwfl_linux_proc_attach(oracle->dwfl, pid, true)) {
		complain(oracle, "attaching");
		oracle_free(oracle);
		return NULL;
	}
	return oracle;
}

void oracle_free(struct oracle *oracle)
{
	if (!oracle)
		return;
	if (oracle->dwfl)
		dwfl_end(oracle->dwfl);
	free(oracle);
}

static int take_frame(Dwfl_Frame *frame, void *arg)
{
	struct stack *stack = arg;
	Dwarf_Addr pc;

	if (!dwfl_frame_pc(frame, &pc, NULL))
		return DWARF_CB_ABORT;
	if (stack->nr == STACK_FRAMES_MAX) {
		stack->complete = true;
		return DWARF_CB_ABORT;
	}
	stack->pcs[stack->nr++] = pc;
	return DWARF_CB_OK;
}

void oracle_unwind(struct oracle *oracle, pid_t tid, struct stack *ret_stack)
{
	int err;

	*ret_stack = (struct stack){ 0 };
	err = dwfl_getthread_frames(oracle->dwfl, tid, take_frame, ret_stack);
	if (err == 0)
		ret_stack->complete = true;
	ret_stack->end = ret_stack->complete ? "root" : dwfl_errmsg(err == -1 ? -1 : 0);
	if (!ret_stack->end)
		ret_stack->end = "unknown";
}

/* Looks one set of call frame information up; false when no FDE there covers the address. */
static bool look_up(Dwarf_CFI *cfi, Dwarf_Addr bias, uint64_t pc, struct oracle_place *place)
{
	Dwarf_Frame *frame = NULL;
	Dwarf_Op ops_mem[3];
	Dwarf_Op *ops = NULL;
	size_t nr_ops = 0;
	int ra;

	if (!cfi || dwarf_cfi_addrframe(cfi, pc - bias, &frame))
		return false;
	ra = dwarf_frame_info(frame, NULL, NULL, &place->signal_frame);
	place->has_cfi = true;
	place->root = ra >= 0 && dwarf_frame_register(frame, ra, ops_mem, &ops, &nr_ops) == 0 &&
		      nr_ops == 0 && ops == ops_mem;
	free(frame);
	return true;
}

struct oracle_place oracle_place(struct oracle *oracle, uint64_t pc)
{
	struct oracle_place place = { 0 };
	Dwfl_Module *module = dwfl_addrmodule(oracle->dwfl, pc);
	Dwarf_Addr bias = 0;
	Dwarf_CFI *cfi;

	if (!module)
		return place;
	place.in_file = true;
	cfi = dwfl_module_eh_cfi(module, &bias);
	if (look_up(cfi, bias, pc, &place))
		return place;
	cfi = dwfl_module_dwarf_cfi(module, &bias);
	place.debug_frame = look_up(cfi, bias, pc, &place);
	return place;
}

void oracle_name(struct oracle *oracle, uint64_t pc, char *text, size_t size)
{
	Dwfl_Module *module = dwfl_addrmodule(oracle->dwfl, pc);
	const char *name = NULL;
	const char *file = "?";
	GElf_Off offset = 0;
	Dwarf_Addr start = 0;
	GElf_Sym sym;

	if (module) {
		file = dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
		name = dwfl_module_addrinfo(module, pc, &offset, &sym, NULL, NULL, NULL);
	}
	if (name)
		snprintf(text, size, "%s+0x%llx (%s)", name, (unsigned long long)offset, file);
	else
		snprintf(text, size, "0x%llx (%s)", (unsigned long long)(pc - start), file);
}
