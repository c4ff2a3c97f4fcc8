# SPDX-License-Identifier: BSD-2-Clause
# record-trace.exe, cross-built with mingw-w64. Included by the Makefile; what differs between the systems stands in
# *_posix.c and *_win32.c files, of which each build takes its own.

WIN_O      := $(O)/windows
WIN_CC     ?= x86_64-w64-mingw32-gcc-posix
WINDRES    ?= x86_64-w64-mingw32-windres
WIN_LIBS   := $(WIN_O)/libs
WIN_CFLAGS ?= -O2 -g
# 0x0602, Windows 8, is the first with system loggers; the C library is asked for C99's printf and 64-bit offsets. It has
# timegm() under another name. Formats are checked by the Linux build; here the compiler thinks of the C library's own.
WIN_ALL    := -std=gnu11 $(WARNINGS) $(if $(WERROR),-Werror) -fstack-protector-strong $(WIN_CFLAGS) -D_GNU_SOURCE \
	      -D_WIN32_WINNT=0x0602 -DWIN32_LEAN_AND_MEAN -D__USE_MINGW_ANSI_STDIO=1 -D_FILE_OFFSET_BITS=64 \
	      -D_POSIX_THREAD_SAFE_FUNCTIONS -Dtimegm=_mkgmtime -Wno-format -Wno-format-extra-args -Isrc/base/win32 -Isrc/include -Isrc -I. -I$(O)/gen \
	      -isystem $(WIN_LIBS)/include
# All of it inside the program: no DLL is needed but the system's.
WIN_LIBS_LD := -L$(WIN_LIBS)/lib -lprotobuf-c -lzstd -liberty -lz -lssp

# What only Linux has a use for: ELF, /proc, fork, perf.data.
PORTABLE_SYMBOLS := $(addprefix %/,demangle.c msf_file.c symbol_match.c symbol_path.c undecorate.c windows_symbols.c) \
	      src/symbolize/pe_%.c src/symbolize/pdb_%.c %_win32.c
LINUX_ONLY := src/command.c src/recording.c src/recording_opts.c src/base/elf_file.c src/base/elf_section.c src/base/vdso.c \
	      $(filter-out $(PORTABLE_SYMBOLS),$(wildcard src/symbolize/*.c)) \
	      $(filter-out %_win32.c,$(wildcard src/perf_data_*.c export/formats/perf_data*.c))
WIN_DIRS   := src src/base src/symbolize src/windows-etw src/cli export export/formats
WIN_SRC    := $(filter-out %_posix.c $(LINUX_ONLY),$(sort $(wildcard $(addsuffix /*.c,$(WIN_DIRS)))))
WIN_OBJ    := $(patsubst %.c,$(WIN_O)/obj/%.o,$(WIN_SRC)) $(patsubst $(O)/gen/%.c,$(WIN_O)/obj/gen/%.o,$(GEN_C))

$(WIN_LIBS)/complete: scripts/build-windows-libs
	$(Q)rm -f $@
	$(Q)scripts/build-windows-libs $(WIN_LIBS)

$(WIN_O)/obj/%.o: %.c $(WIN_O)/flags $(WIN_LIBS)/complete | $(GEN_C) $(EMBED_H)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(WIN_CC) $(WIN_ALL) -MMD -MP -c $< -o $@

$(WIN_O)/obj/gen/%.o: $(O)/gen/%.c $(WIN_O)/flags $(WIN_LIBS)/complete
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(WIN_CC) $(WIN_ALL) -w -MMD -MP -c $< -o $@

# What Windows reads of the program before it starts. The version's parts are parted by commas there.
WIN_RES := $(WIN_O)/obj/src/cli/win32/record-trace.res
comma   := ,
$(WIN_RES): $(wildcard src/cli/win32/*) src/include/onecollect/version.h $(WIN_O)/flags
	$(call say,RES)
	@mkdir -p $(@D)
	$(Q)$(WINDRES) -DVERSION_NUMBERS=$(subst .,$(comma),$(VERSION))$(comma)0 '-DVERSION_TEXT=\"$(VERSION)\"' \
		-O coff src/cli/win32/record-trace.rc -o $@

$(WIN_O)/record-trace.exe: $(WIN_OBJ) $(WIN_RES) $(WIN_O)/objects
	$(call say,LINK)
	$(Q)$(WIN_CC) $(WIN_CFLAGS) -static -municode $(WIN_OBJ) $(WIN_RES) $(WIN_LIBS_LD) -o $@

# Programs that tests run under wine; and a record-trace.exe that looks for ETW in a DLL of the tests first.
WIN_TESTS    := $(addprefix $(WIN_O)/tests/,os_check.exe stand_in.dll record-trace.exe)
WIN_BASE     := $(filter-out $(WIN_O)/obj/src/cli/%,$(WIN_OBJ))
WIN_STAND_IN := $(WIN_O)/obj/tests/etw_win32.o

$(WIN_O)/tests/%.exe: tests/windows/%.c $(WIN_BASE) $(WIN_O)/objects
	$(call say,TEST)
	@mkdir -p $(@D)
	$(Q)$(WIN_CC) $(WIN_ALL) -MMD -MP -MF $@.d -static $< $(WIN_BASE) $(WIN_LIBS_LD) -o $@

$(WIN_O)/tests/stand_in.dll: tests/windows/stand_in.c tests/unit/fake_etw.c tests/unit/fake_etw.h $(WIN_BASE)
	$(call say,TEST)
	@mkdir -p $(@D)
	$(Q)$(WIN_CC) $(WIN_ALL) -Itests/unit -shared -static $(filter %.c,$^) \
		$(filter $(WIN_O)/obj/src/base/%,$(WIN_BASE)) $(WIN_LIBS_LD) -o $@

$(WIN_STAND_IN): src/windows-etw/etw_win32.c src/windows-etw/etw_api.h $(WIN_O)/flags $(WIN_LIBS)/complete
	@mkdir -p $(@D)
	$(Q)$(WIN_CC) $(WIN_ALL) '-DETW_API_DLL=L"stand_in.dll"' -c $< -o $@

$(WIN_O)/tests/record-trace.exe: $(WIN_STAND_IN) $(WIN_OBJ) $(WIN_RES) $(WIN_O)/objects
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(WIN_CC) $(WIN_CFLAGS) -static -municode $(WIN_STAND_IN) \
		$(filter-out %/etw_win32.o,$(WIN_OBJ)) $(WIN_RES) $(WIN_LIBS_LD) -o $@

ifneq ($(filter windows% check-windows $(WIN_O)/%,$(MAKECMDGOALS)),)
$(shell mkdir -p $(WIN_O))
$(call stamp,$(WIN_O)/flags,$(WIN_CC) $(WIN_ALL) $(WIN_LIBS_LD))
$(call stamp,$(WIN_O)/objects,$(WIN_OBJ))
endif
$(WIN_O)/flags $(WIN_O)/objects: ;

windows-exe: $(WIN_O)/record-trace.exe
windows-tests: windows-exe $(WIN_TESTS)

windows: ## record-trace.exe for Windows, with mingw-w64, into build/windows
	@scripts/install-deps build windows
	@$(MAKE) $(PARALLEL) windows-exe

check-windows: ## build it and try it under wine
	@scripts/install-deps build check windows
	@$(MAKE) $(PARALLEL) WERROR=1 all windows-tests $(addprefix $(O)/interop/,write_sample symbolize_pdb)
	@tests/run --build $(O) windows
