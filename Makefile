# SPDX-License-Identifier: BSD-2-Clause
# Builds libonecollect and record-trace. Everything made goes into $(O).
#
#   make               the library and the command          make V=1          show full commands
#   make check         install what is needed, test all     make DEBUG=1      no optimisation, warnings are errors
#   make demo          record a real workload for 5 s       make SAN=address,undefined   with sanitizers

O        ?= build
PREFIX   ?= /usr/local
CLANG    ?= clang
BPFTOOL  ?= $(firstword $(shell command -v bpftool 2>/dev/null) /usr/sbin/bpftool)
VERSION  := $(shell sed -n 's/^.define OC_VERSION "\(.*\)"/\1/p' src/include/onecollect/version.h)
ARCH     := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
HARDEN   := -fPIC -fstack-protector-strong -fvisibility=hidden
CPPFLAGS += -D_GNU_SOURCE -Isrc/include -Isrc -I. -I$(O)/skel -I$(O)/gen
ALL_CFLAGS = -std=gnu11 $(WARNINGS) $(HARDEN) $(CFLAGS)
LDLIBS   := -lbpf -lelf -lz -lzstd -lprotobuf-c -liberty -lcap -lm -lpthread
ifdef DEBUG
CFLAGS   := -O0 -g3 -Werror
endif
ifdef SAN
O        := build-san
CFLAGS   := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=undefined
LDFLAGS  += -fsanitize=$(SAN)
endif

ifdef V
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n' $(1) $(patsubst $(O)/%,%,$@)
endif

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

# ---- sources ----------------------------------------------------------------------------------------------------
BPF_SRC  := $(sort $(wildcard bpf/*.bpf.c))
LIB_SRC  := $(sort $(wildcard src/*.c src/base/*.c src/linux/*.c src/symbolize/*.c export/*.c export/formats/*.c))
CLI_SRC  := $(sort $(wildcard src/cli/*.c))
PROTO    := $(sort $(wildcard export/formats/*.proto))
EMBED    := $(sort $(wildcard $(addprefix export/formats/*/*.,js css html)))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
FIXTURES := $(patsubst tests/fixtures/%.c,$(O)/fixtures/%,$(sort $(wildcard tests/fixtures/*.c)))
BENCHES  := $(patsubst tests/bench/%.c,$(O)/bench/%,$(sort $(wildcard tests/bench/*.c)))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

SKEL     := $(patsubst bpf/%.bpf.c,$(O)/skel/%.skel.h,$(BPF_SRC))
GEN_C    := $(patsubst export/formats/%.proto,$(O)/gen/%.pb-c.c,$(PROTO))
EMBED_H  := $(patsubst export/formats/%,$(O)/gen/embed/%.h,$(EMBED))
LIB_OBJ  := $(patsubst %.c,$(O)/obj/%.o,$(LIB_SRC)) $(patsubst $(O)/gen/%.c,$(O)/obj/gen/%.o,$(GEN_C))
CLI_OBJ  := $(patsubst %.c,$(O)/obj/%.o,$(CLI_SRC))
UNIT_OBJ := $(patsubst %.c,$(O)/obj/%.o,$(UNIT_SRC))

SONAME   := libonecollect.so.$(firstword $(subst ., ,$(VERSION)))
PRODUCTS := $(O)/libonecollect.a $(O)/libonecollect.so.$(VERSION) $(if $(CLI_SRC),$(O)/record-trace)

all: $(PRODUCTS)

# ---- kernel side ------------------------------------------------------------------------------------------------
# A BPF object is compiled against our own small vmlinux.h and turned into a skeleton header.
$(O)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -O2 -g -mcpu=v3 -target bpf -D__TARGET_ARCH_$(ARCH) -Wall -Wno-missing-declarations -Ivmlinux -Ibpf \
		-Isrc/include -I/usr/include/$(shell uname -m)-linux-gnu -MMD -MP -c $< -o $@

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

# ---- user side --------------------------------------------------------------------------------------------------
$(O)/obj/%.o: %.c | $(SKEL) $(GEN_C) $(EMBED_H)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(O)/obj/gen/%.o: $(O)/gen/%.c
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -w -MMD -MP -c $< -o $@

$(O)/libonecollect.a: $(LIB_OBJ)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(O)/libonecollect.so.$(VERSION): $(LIB_OBJ)
	$(call say,LINK)
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME) -Wl,-z,relro,-z,now $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@
	$(Q)ln -sf $(@F) $(O)/$(SONAME) && ln -sf $(@F) $(O)/libonecollect.so

$(O)/record-trace: $(CLI_OBJ) $(O)/libonecollect.a
	$(call say,LINK)
	$(Q)$(CC) -pie -Wl,-z,relro,-z,now $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

# ---- tests ------------------------------------------------------------------------------------------------------
$(O)/tests/unit: $(UNIT_OBJ) $(O)/libonecollect.a
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -lcriterion -o $@

# Programs to be profiled: a fixture may set its own flags in a first-line comment "cflags: ...".
$(O)/fixtures/%: tests/fixtures/%.c
	$(call say,FIXTURE)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer $$(sed -n 's,^/\* cflags: \(.*\) \*/$$,\1,p' $<) $< -o $@ -lpthread

$(O)/bench/%: tests/bench/%.c $(O)/libonecollect.a
	$(call say,BENCH)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP $(LDFLAGS) $< $(O)/libonecollect.a $(LDLIBS) -o $@

unit: $(O)/tests/unit
	$(O)/tests/unit

fixtures: $(FIXTURES)

clean:
	rm -rf build build-san

.PHONY: all unit fixtures clean

-include $(shell find $(O) -name '*.d' 2>/dev/null)
