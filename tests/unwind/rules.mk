# SPDX-License-Identifier: BSD-2-Clause
# The proof of unwinding: programs that are hard to unwind, and those that judge. Included by the Makefile.

UNWIND      := $(O)/unwind
# What `make check` needs; the others need more compilers.
UNWIND_BASE := $(UNWIND)/compare $(UNWIND)/mix $(UNWIND)/churn \
	       $(UNWIND)/churn_exec_a $(UNWIND)/churn_exec_b $(UNWIND)/churn_a.so $(UNWIND)/churn_b.so
UNWIND_MORE := $(UNWIND)/mix_static $(UNWIND)/mix_musl $(UNWIND)/throws $(UNWIND)/work_rs $(UNWIND)/roots

# No frame pointers, and lazily bound calls: stops in the linkage table are part of the proof.
UNWIND_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -fomit-frame-pointer $(WARNINGS)

unwind_need = @command -v $(1) >/dev/null || { echo "$(1) is missing; run: sudo scripts/install-deps unwind" >&2; exit 1; }

$(UNWIND)/compare: $(wildcard tests/unwind/*.c tests/unwind/*.h) $(LIB_A) $(O)/flags
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) \
		$(addprefix tests/unwind/,compare.c oracle.c ours.c tracees.c) $(LIB_A) $(LDLIBS) -ldw -o $@

$(UNWIND)/roots: $(wildcard tests/unwind/*.c tests/unwind/*.h) $(O)/flags
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) tests/unwind/roots.c \
		tests/unwind/oracle.c -ldw -o $@

$(UNWIND)/%: tests/unwind/targets/%.c $(O)/flags
	$(call say,TARGET)
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNWIND_CFLAGS) $< -MMD -MP -MF $@.d -Wl,-z,lazy -o $@ -lpthread

$(UNWIND)/%.so: tests/unwind/targets/%.c $(O)/flags
	$(call say,TARGET)
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNWIND_CFLAGS) -fPIC -shared $< -MMD -MP -MF $@.d -o $@

# The same program with frames of two sizes; static, so that starting it is cheap.
$(UNWIND)/churn_exec_a $(UNWIND)/churn_exec_b: $(UNWIND)/churn_exec_%: tests/unwind/targets/churn_exec.c $(O)/flags
	$(call say,TARGET)
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNWIND_CFLAGS) -DCHURN_VARIANT=$(if $(filter b,$*),1,0) -static $< -MMD -MP -MF $@.d -o $@

$(UNWIND)/mix_static: tests/unwind/targets/mix.c $(O)/flags
	$(call say,TARGET)
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNWIND_CFLAGS) -static $< -o $@ -lpthread

$(UNWIND)/mix_musl: tests/unwind/targets/mix.c $(O)/flags
	$(call unwind_need,musl-gcc)
	$(call say,TARGET)
	@mkdir -p $(@D)
	$(Q)musl-gcc $(UNWIND_CFLAGS) $< -o $@

$(UNWIND)/throws: tests/unwind/targets/throws.cc $(O)/flags
	$(call unwind_need,$(CXX))
	$(call say,TARGET)
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=gnu++17 -O2 -g -Wall -Wextra -fomit-frame-pointer $< -Wl,-z,lazy -o $@

$(UNWIND)/work_rs: tests/unwind/targets/work.rs $(O)/flags
	$(call unwind_need,rustc)
	$(call say,TARGET)
	@mkdir -p $(@D)
	$(Q)env -u MAKEFLAGS -u MFLAGS rustc -O -C force-frame-pointers=no $< -o $@

unwind-base: $(UNWIND_BASE)
unwind-all: $(UNWIND_BASE) $(UNWIND_MORE)

.PHONY: unwind-base unwind-all
