# SPDX-License-Identifier: BSD-2-Clause
# Builds libonecollect and record-trace. Everything made goes into $(O). `make help` lists what can be asked for.

O          ?= build
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
CLANG      ?= $(or $(shell command -v clang-14 2>/dev/null),clang)
BPFTOOL    ?= $(or $(shell command -v bpftool 2>/dev/null),/usr/sbin/bpftool)
PKG_CONFIG ?= pkg-config
INSTALL    ?= install
VERSION    := $(shell sed -n 's/^.define OC_VERSION "\(.*\)"/\1/p' src/include/onecollect/version.h)
# 0 leaves the walker by unwind tables out of the BPF programs, see docs/unwinding.md.
BPF_UNWINDER ?= 1
MACHINE    := $(shell uname -m)
ARCH       := $(patsubst x86_64,x86,$(patsubst aarch64,arm64,$(MACHINE)))

CFLAGS     ?= -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
WARNINGS   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
HARDEN     := -fPIC -fstack-protector-strong -fvisibility=hidden
UNWINDER   := $(if $(filter 0,$(BPF_UNWINDER)),-DONECOLLECT_NO_BPF_UNWINDER)
CPPFLAGS   += $(UNWINDER) -D_GNU_SOURCE -Isrc/include -Isrc -I. -I$(O)/skel -I$(O)/gen
LDFLAGS    += -Wl,-z,relro,-z,now -Wl,--as-needed
COMPLETE   := -Wl,-z,defs
ifdef DEBUG
CFLAGS     := -O0 -g3
WERROR     := 1
endif
ifdef SAN
O          := build-san
# The sanitizers' own functions come with the program.
COMPLETE   :=
CFLAGS     := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=undefined
endif
ALL_CFLAGS  = -std=gnu11 $(WARNINGS) $(if $(WERROR),-Werror) $(HARDEN) $(CFLAGS)
LINK        = $(CC) $(CFLAGS) $(LDFLAGS)

# Libraries with a pkg-config file; libiberty comes without.
PKGS       := libbpf libelf zlib libzstd libprotobuf-c libcap liblzma
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
LDLIBS     := $(PKG_LIBS) -liberty -lm -lpthread
# Stands in front of compiler calls: what is missing is said once, with the way to get it.
NEED_LIBS   = $(if $(PKG_LIBS),,$(shell $(PKG_CONFIG) --exists --print-errors $(PKGS) >&2)$(error libraries are \
	      missing; on Debian 12 run: sudo scripts/install-deps build))

# Sub-makes use every processor, unless the caller has already said -j.
PARALLEL    = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
ifdef V
Q          :=
say         = @:
else
Q          := @
say         = @printf '  %-8s %s\n' $(1) $(patsubst $(O)/%,%,$@)
MAKEFLAGS  += --no-print-directory
endif

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

# ---- sources ----------------------------------------------------------------------------------------------------
BPF_SRC  := $(sort $(wildcard bpf/*.bpf.c))
LIB_DIRS := src src/base src/linux src/symbolize src/unwind src/windows-etw export export/formats
# *_win32.c are for Windows, see scripts/windows.mk.
LIB_SRC  := $(filter-out %_win32.c,$(sort $(wildcard $(addsuffix /*.c,$(LIB_DIRS)))))
CLI_SRC  := $(filter-out %_win32.c,$(sort $(wildcard src/cli/*.c)))
PROTO    := $(sort $(wildcard export/formats/*.proto))
EMBED    := $(sort $(wildcard $(addprefix export/formats/*/*.,js css html)))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
HEADERS  := $(sort $(wildcard src/include/onecollect/*.h))
MAN      := $(sort $(wildcard docs/man/*.1))
FIXTURES := $(patsubst tests/fixtures/%.c,$(O)/fixtures/%,$(sort $(wildcard tests/fixtures/*.c)))
BENCHES  := $(patsubst tests/bench/%.c,$(O)/bench/%,$(sort $(wildcard tests/bench/*.c)))
# One of them is a test of the walker itself.
LIVE     := $(filter-out $(if $(UNWINDER),$(O)/live/unwind_walk),\
	    $(patsubst tests/live/%.c,$(O)/live/%,$(sort $(wildcard tests/live/*.c))))
INTEROP  := $(patsubst tests/interop/%.c,$(O)/interop/%,$(sort $(wildcard tests/interop/*.c)))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

SKEL     := $(patsubst bpf/%.bpf.c,$(O)/skel/%.skel.h,$(BPF_SRC))
GEN_C    := $(patsubst export/formats/%.proto,$(O)/gen/%.pb-c.c,$(PROTO))
EMBED_H  := $(patsubst export/formats/%,$(O)/gen/embed/%.h,$(EMBED))
LIB_OBJ  := $(patsubst %.c,$(O)/obj/%.o,$(LIB_SRC)) $(patsubst $(O)/gen/%.c,$(O)/obj/gen/%.o,$(GEN_C))
CLI_OBJ  := $(patsubst %.c,$(O)/obj/%.o,$(CLI_SRC))
UNIT_OBJ := $(patsubst %.c,$(O)/obj/%.o,$(UNIT_SRC) $(filter-out src/cli/main_posix.c,$(CLI_SRC)))

LIB_A    := $(O)/libonecollect.a
LIB_SO   := $(O)/libonecollect.so.$(VERSION)
SONAME   := libonecollect.so.$(firstword $(subst ., ,$(VERSION)))
PRODUCTS := $(LIB_A) $(LIB_SO) $(O)/onecollect.pc $(if $(CLI_SRC),$(O)/record-trace)

all: $(PRODUCTS) ## the library and the command (default)

# Files that change when their text does, so that other flags or a removed source rebuild what depends on them.
# Written while the Makefile is read, so `make -q` and `make -n` tell the truth.
FLAGS    := $(strip $(CC) $(CPPFLAGS) $(WARNINGS) $(HARDEN) $(CFLAGS) $(LDFLAGS) $(LDLIBS) $(CLANG) $(VERSION))
stamp     = $(shell mkdir -p $(O); printf '%s\n' '$(2)' | cmp -s - '$(1)' || printf '%s\n' '$(2)' > '$(1)')
ifneq ($(filter-out demo check clean help uninstall,$(or $(MAKECMDGOALS),all)),)
$(call stamp,$(O)/flags,$(FLAGS))
$(call stamp,$(O)/paths,$(PREFIX) $(LIBDIR) $(INCLUDEDIR) $(VERSION) $(LDLIBS))
$(call stamp,$(O)/objects,$(strip $(LIB_OBJ) $(CLI_OBJ) $(UNIT_OBJ)))
endif
$(O)/flags $(O)/paths $(O)/objects: ;

# ---- kernel side ------------------------------------------------------------------------------------------------
# A BPF object is compiled against our own small vmlinux.h, passed through bpftool, which drops the debug sections
# but keeps BTF, and turned into a skeleton header.
BPF_FLAGS = -O2 -g -mcpu=v3 -target bpf -D__TARGET_ARCH_$(ARCH) -Wall $(if $(WERROR),-Werror) \
	    -Wno-missing-declarations $(UNWINDER) -Ivmlinux -Ibpf -Isrc/include \
	    -isystem /usr/include/$(MACHINE)-linux-gnu

$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(O)/flags
	$(call say,BPF)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c $< -o $(@:.bpf.o=.full.o)
	$(Q)$(BPFTOOL) gen object $@ $(@:.bpf.o=.full.o)

$(O)/skel/%.skel.h: $(O)/bpf/%.bpf.o
	$(call say,SKEL)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf > $@

# ---- generated sources ------------------------------------------------------------------------------------------
$(O)/gen/%.pb-c.c $(O)/gen/%.pb-c.h: export/formats/%.proto
	$(call say,PROTO)
	@mkdir -p $(@D)
	$(Q)protoc-c --proto_path=export/formats --c_out=$(O)/gen $<

# Scripts, styles and pages that output formats carry, as C strings.
$(O)/gen/embed/%.h: export/formats/% scripts/embed-file
	$(call say,EMBED)
	@mkdir -p $(@D)
	$(Q)scripts/embed-file $< > $@

$(O)/onecollect.pc: onecollect.pc.in $(O)/paths
	$(call say,GEN)
	$(Q)sed -e 's,@PREFIX@,$(PREFIX),; s,@LIBDIR@,$(LIBDIR),; s,@INCLUDEDIR@,$(INCLUDEDIR),' \
		-e 's,@VERSION@,$(VERSION),; s,@LDLIBS@,$(LDLIBS),' $< > $@

# ---- user side --------------------------------------------------------------------------------------------------
# Generated headers must exist before the first compilation; from then on the .d files know who includes them.
$(O)/obj/%.o: %.c $(O)/flags | $(SKEL) $(GEN_C) $(EMBED_H)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(NEED_LIBS)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(O)/obj/gen/%.o: $(O)/gen/%.c $(O)/flags
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(NEED_LIBS)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -w -MMD -MP -c $< -o $@

$(LIB_A): $(LIB_OBJ) $(O)/objects
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(LIB_OBJ)

$(LIB_SO): $(LIB_OBJ) $(O)/objects
	$(call say,LINK)
	$(Q)$(LINK) -shared -Wl,-soname,$(SONAME),--exclude-libs,ALL $(COMPLETE) $(LIB_OBJ) $(LDLIBS) -o $@
	$(Q)ln -sf $(@F) $(O)/$(SONAME) && ln -sf $(@F) $(O)/libonecollect.so

$(O)/record-trace: $(CLI_OBJ) $(LIB_A) $(O)/objects
	$(call say,LINK)
	$(Q)$(LINK) -pie $(CLI_OBJ) $(LIB_A) $(LDLIBS) -o $@

# ---- tests ------------------------------------------------------------------------------------------------------
$(O)/tests/unit: $(UNIT_OBJ) $(LIB_A) $(O)/objects
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(LINK) $(UNIT_OBJ) $(LIB_A) $(LDLIBS) -lcriterion -o $@

# Programs to be profiled: a fixture may set its own flags in a first-line comment "cflags: ...".
$(O)/fixtures/%: tests/fixtures/%.c
	$(call say,FIXTURE)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer \
		$$(sed -n 's,^/\* cflags: \(.*\) \*/$$,\1,p' $<) $< -MMD -MP -MF $@.d -o $@ -lpthread

$(O)/bench/%: tests/bench/%.c $(LIB_A)
	$(call say,BENCH)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) $< $(LIB_A) $(LDLIBS) -o $@

# Programs that live tests run on single parts of the library.
$(O)/live/%: tests/live/%.c $(O)/obj/tests/unit/fake_sink.o $(LIB_A)
	$(call say,LIVE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests/unit $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) $< $(O)/obj/tests/unit/fake_sink.o \
		$(LIB_A) $(LDLIBS) -o $@

# Programs that write known recordings for other people's tools to read; the unit tests' sample recording is theirs too.
$(O)/interop/%: tests/interop/%.c $(O)/obj/tests/unit/sample_machine.o $(LIB_A)
	$(call say,INTEROP)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests -Itests/unit $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) $< \
		$(O)/obj/tests/unit/sample_machine.o $(LIB_A) $(LDLIBS) -o $@

# Fuzz targets: with libFuzzer in a tree of their own, and in any tree as a program that replays stored inputs.
REPLAYS := $(patsubst $(O)/fuzz/%,$(O)/replay/%,$(FUZZERS))

$(O)/fuzz/%: tests/fuzz/%.c $(LIB_A)
	$(call say,FUZZER)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d $(LDFLAGS) $< $(LIB_A) $(LDLIBS) -o $@

$(O)/replay/%: tests/fuzz/%.c tests/fuzz/replay.c $(LIB_A)
	$(call say,REPLAY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) $(filter %.c,$^) $(LIB_A) $(LDLIBS) -o $@

fuzzers: $(FUZZERS)
replays: $(REPLAYS)

fuzz: ## fuzz targets into build-fuzz/fuzz; run one with a folder for its finds and tests/fuzz/corpus/NAME
	@$(MAKE) $(PARALLEL) CC=$(CLANG) SAN=fuzzer-no-link,address,undefined O=build-fuzz fuzzers

unit: $(O)/tests/unit ## unit tests; with SAN=address,undefined under sanitizers
	$(O)/tests/unit

fixtures: $(FIXTURES)

# What tests/run runs, except for the sanitized unit tests, which have their own output folder.
tests: all $(O)/tests/unit fixtures $(LIVE) $(INTEROP) unwind-base

include tests/unwind/rules.mk
include scripts/windows.mk

# ---- the two commands of a newcomer -----------------------------------------------------------------------------
demo: ## install what is needed, record a real workload for 5 s, show where the time went (root)
	@scripts/install-deps build
	@$(MAKE) $(PARALLEL) all
	@scripts/demo $(O)

check: ## install what is needed, build, run every test (root)
	@test "$$(id -u)" = 0 || { echo "make check: the live tests record this machine and need root; run: sudo make \
	check (without root: make unit lint)" >&2; exit 1; }
	@scripts/install-deps build check
	@$(MAKE) $(PARALLEL) WERROR=1 tests
	@$(MAKE) $(PARALLEL) SAN=address,undefined build-san/tests/unit replays
	@tests/run

# ---- parts of it, and more --------------------------------------------------------------------------------------
check-live: tests ## live tests only (root)
	@tests/run live

# What runs in virtual machines, and the kernels that they boot.
VM_PROGRAMS := $(addprefix $(O)/,record-trace live/verifier $(addprefix fixtures/,shares work forker brief frameless))

vm-programs: $(VM_PROGRAMS)
	@scripts/fetch-kernels $(O)/kernels

check-kernels: ## record-trace on Debian's kernels 6.1, 6.12 and 5.10, emulated (minutes)
	@scripts/install-deps build kernels
	@$(MAKE) $(PARALLEL) vm-programs
	@tests/run --build $(O) vm

verifier-baseline: ## accept what verifiers now count of the BPF programs, here (root) and on those kernels
	@scripts/install-deps build kernels
	@$(MAKE) $(PARALLEL) vm-programs
	@O=$(O) python3 tests/vm/write_baseline.py

check-interop: ## outputs read by other people's tools, with those that are not in Debian (npm, Go, PyPI, crates.io, Maven; root)
	@scripts/install-deps build check interop
	@$(MAKE) $(PARALLEL) tests
	@scripts/install-readers $(O)/readers
	@tests/run interop readers

check-tables: $(O)/interop/unwind_tables ## unwind tables of all programs and libraries here, row by row, by readelf (minutes)
	@O=$(O) python3 tests/interop/unwind_check.py

check-arm64: $(SKEL) $(GEN_C) $(EMBED_H) ## compile everything for arm64, without linking
	@O=$(O) scripts/check-arm64

check-unwind: ## our stacks beside libdw's on stopped programs, and recordings over churn (root, minutes)
	@scripts/install-deps build check unwind
	@$(MAKE) $(PARALLEL) all fixtures unwind-all
	@python3 tests/unwind/equality.py
	@ONECOLLECT_CHURN_S=60 tests/run --limit 400 live/unwind_churn

bench-unwind: ## share of complete stacks, beside perf and bpftrace, into docs/unwinding.md (root, minutes)
	@scripts/install-deps build check bench unwind
	@$(MAKE) $(PARALLEL) all unwind-all
	@python3 tests/unwind/completeness.py

lint: all ## the checks of scripts/: includes, size, format, words, headers, symbols, vmlinux.h, shell, arm64
	@tests/run lint

tidy: $(SKEL) $(GEN_C) $(EMBED_H) ## clang-tidy-14 over the C sources (minutes)
	@scripts/install-deps lint
	$(Q)printf '%s\n' $(LIB_SRC) $(CLI_SRC) | xargs -P $(shell nproc) -n 4 sh -c \
		'clang-tidy-14 --quiet "$$@" -- -std=gnu11 $(CPPFLAGS) $(WARNINGS)' tidy

bench: all $(BENCHES) fixtures ## benchmarks beside perf and bpftrace (root, minutes)
	@scripts/install-deps bench
	@scripts/install-peers $(O)/peers
	python3 tests/bench/run.py

# ---- installation -----------------------------------------------------------------------------------------------
install: all ## into PREFIX (default /usr/local), below DESTDIR
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/onecollect
	$(if $(CLI_SRC),$(INSTALL) -D -m 755 $(O)/record-trace $(DESTDIR)$(BINDIR)/record-trace)
	$(INSTALL) -m 644 $(LIB_A) $(LIB_SO) $(DESTDIR)$(LIBDIR)
	ln -sf $(notdir $(LIB_SO)) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libonecollect.so
	$(INSTALL) -m 644 $(O)/onecollect.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	$(INSTALL) -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)/onecollect
	$(if $(MAN),$(INSTALL) -d $(DESTDIR)$(MANDIR)/man1 && $(INSTALL) -m 644 $(MAN) $(DESTDIR)$(MANDIR)/man1)

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/record-trace $(addprefix $(DESTDIR)$(MANDIR)/man1/,$(notdir $(MAN)))
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,$(notdir $(LIB_A) $(LIB_SO)) $(SONAME) libonecollect.so)
	rm -f $(DESTDIR)$(LIBDIR)/pkgconfig/onecollect.pc
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/onecollect/,$(notdir $(HEADERS)))
	rmdir $(DESTDIR)$(INCLUDEDIR)/onecollect 2>/dev/null || true

clean: ## remove everything made
	rm -rf build build-san build-fuzz

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'
	@printf '%s\n' '' 'Variables: V=1 shows full commands, DEBUG=1 no optimisation and warnings are errors,' \
		'SAN=address,undefined sanitizers (into build-san), O=DIR output folder, CC=clang, PREFIX, DESTDIR.'

.PHONY: all unit fixtures tests fuzzers replays fuzz demo check check-live vm-programs check-kernels \
	verifier-baseline check-interop check-arm64 lint tidy bench install uninstall clean help \
	check-tables check-unwind bench-unwind windows windows-exe windows-tests check-windows

-include $(shell find $(O) -name '*.d' 2>/dev/null)
