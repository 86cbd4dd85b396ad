# understudy: `make help` says what can be asked for, `make info` what was found here.
#
# Every configuration (compiler, sanitizer, debugging, embedding) builds in a folder of its own, and
# objects are rebuilt when the flags they were built with change, so that nothing is ever mixed.

# ---- what can be asked for ----------------------------------------------------------------------

ifeq ($(origin CXX),default)
CXX := g++
endif
CUDA ?= auto
SANITIZE ?=
DEBUG ?=
EMBEDDED ?=
ZLIB ?= auto
PREFIX ?= /usr/local
DESTDIR ?=
ONLY ?= %
FUZZ_SECONDS ?= 2
# Python for the tests and benchmarks that have peers there.
export UNDERSTUDY_PYTHON ?= $(firstword $(abspath $(wildcard build/peers/bin/python)) python3)
CCACHE ?= $(shell command -v ccache)

# Without -j, use every processor. (A -j on the command line wins over this.)
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif

on = $(filter-out 0,$(1))
comma := ,
empty :=
space := $(empty) $(empty)

# ---- the configuration and its folder -----------------------------------------------------------

# ccache goes in front of the compiler by itself, unless it is there already.
LAUNCHER := $(if $(findstring ccache,$(CXX)),,$(call on,$(CCACHE)))
COMPILER := $(filter-out ccache %/ccache,$(CXX))

# The machine that a compiler builds for, without the vendors' names in it; nothing for this one.
target = $(subst -pc-,-,$(subst -unknown-,-,$(shell $(1) -dumpmachine 2>/dev/null)))
ours = $(firstword $(shell command -v g++ || command -v c++ || command -v cc) $(COMPILER))
CROSS := $(if $(filter-out g++,$(COMPILER)), \
  $(filter-out $(call target,$(ours)),$(call target,$(COMPILER))))

CONFIGURATION := $(subst $(space),-,$(strip $(CROSS) $(if $(findstring clang,$(CXX)),clang) \
  $(subst $(comma),-,$(SANITIZE)) $(if $(call on,$(DEBUG)),debug) \
  $(if $(call on,$(EMBEDDED)),embedded)))
BUILD ?= build$(addprefix /,$(CONFIGURATION))

# Who only looks leaves a build as it is, whatever the flags that it looks with.
LOOKING := info help format lint
BUILDING := $(filter-out $(LOOKING),$(or $(MAKECMDGOALS),all))

OPTIMIZE := -O3
# What `null` and `object-size` would see, `address` sees.
ifneq ($(SANITIZE),)
OPTIMIZE := -O1 -g1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
  $(if $(findstring address,$(SANITIZE)),$(if $(findstring undefined,$(SANITIZE)), \
    -fno-sanitize=null$(comma)object-size))
endif
ifneq ($(call on,$(DEBUG)),)
OPTIMIZE := $(subst -O1,-O0,$(subst -O3,-O0,$(OPTIMIZE))) -g3 -D_GLIBCXX_ASSERTIONS
endif

# g++ 12 sees overlaps and endless copies in std::string that are not there; clang does not know that
# the masks of environments, of which | and & are taken, are vectors where they are not bools.
WARNINGS := -Wall -Wextra -Wno-psabi \
  $(if $(findstring clang,$(COMPILER)),-Wno-bitwise-instead-of-logical,-Wno-restrict -Wno-stringop-overflow)
FLAGS := -std=c++20 $(OPTIMIZE) -ffp-contract=fast -fno-math-errno -fno-trapping-math \
  $(WARNINGS) -I.
LINK := $(filter -fsanitize=%,$(OPTIMIZE))
LIBRARIES :=
ifneq ($(call on,$(EMBEDDED)),)
FLAGS += -fno-exceptions -fno-rtti -DUNDERSTUDY_EMBEDDED
override ZLIB := 0
else
FLAGS += -pthread
LIBRARIES += -pthread
endif

# zlib, for compressed .npz, where it is there.
ifeq ($(ZLIB),auto)
override ZLIB := $(shell CXX='$(COMPILER)' build-aux/need --check zlib && echo 1 || echo 0)
endif
ifneq ($(call on,$(ZLIB)),)
FLAGS += -DUNDERSTUDY_ZLIB
LIBRARIES += -lz
endif

# The instruction sets that CPU kernels are compiled for, each with its options: the rows of a table
# in a header, as the compiler sees it for this architecture. A row reads avx2:-mavx2:-mfma here.
INSTRUCTION_SET_ROWS := $(subst $(comma),:,$(shell $(COMPILER) -E -P -x c++ \
  kernels/device/instruction_set.h 2>/dev/null | tr -s ' \n' ',' | tr '}' '\n' | \
  sed -n 's/.*{InstructionSet::[a-z0-9]*,"\([a-z0-9]*\)","\(.*\)"/\1,\2/p'))
INSTRUCTION_SETS := $(foreach row,$(INSTRUCTION_SET_ROWS),$(firstword $(subst :, ,$(row))))
$(if $(INSTRUCTION_SETS),,$(error no instruction sets found in kernels/device/instruction_set.h))
# Kernels are templates over the vector, and sanitizers take five times as long to compile. All of
# them look at the first width; at the others `address` does, which in g++ takes twice as long when
# its checks are calls. None looks at the tests themselves.
ifneq ($(SANITIZE),)
FLAGS_wide := -fno-sanitize=all
ifneq ($(findstring address,$(SANITIZE)),)
FLAGS_wide += -fsanitize=address $(if $(findstring clang,$(COMPILER)), \
  -mllvm -asan-instrumentation-with-call-threshold=0, \
  --param asan-instrumentation-with-call-threshold=0)
endif
FLAGS_tests := -fno-sanitize=all
endif
# set_options = a set, its options; those that optimize are left to SANITIZE and DEBUG, where given
define set_options
FLAGS_$(1) := -DUNDERSTUDY_ISA=$(1) $(filter-out $(if $(SANITIZE)$(call on,$(DEBUG)),-O%),$(2)) \
  $(if $(filter-out $(firstword $(INSTRUCTION_SETS)),$(1)),$(FLAGS_wide))
endef
$(foreach row,$(INSTRUCTION_SET_ROWS),$(eval $(call set_options,$(firstword $(subst :, ,$(row))),\
  $(wordlist 2,99,$(subst :, ,$(row))))))

# ---- CUDA ---------------------------------------------------------------------------------------

# `auto` means CUDA in the ordinary build only: sanitizers, debugging and embedding go without.
ifeq ($(CUDA),auto)
ifneq ($(CONFIGURATION),)
override CUDA := 0
endif
endif
# "yes nvcc host-compiler architecture folder" or "no reason"; asked once and remembered.
CUDA_FOUND := no turned off
ifneq ($(CUDA),0)
CUDA_FOUND := $(shell build-aux/find_cuda '$(if $(BUILDING),$(BUILD)/cuda)' '$(NVCC)' \
  '$(COMPILER)' '$(CUDA_ARCH)')
endif
ifeq ($(firstword $(CUDA_FOUND)),yes)
NVCC := $(word 2,$(CUDA_FOUND))
CUDA_HOST := $(word 3,$(CUDA_FOUND))
CUDA_ARCH := $(word 4,$(CUDA_FOUND))
CUDA_HOME := $(word 5,$(CUDA_FOUND))
WITH_CUDA := 1
CUDA_FLAGS := -std=c++20 -O3 -I. -ccbin $(CUDA_HOST) -arch=sm_$(CUDA_ARCH) \
  --expt-relaxed-constexpr -Xcompiler -Wall,-pthread,-fno-math-errno,-ffp-contract=fast
# The static runtime looks for the driver when it is first used: a program starts without one.
CUDA_LIBRARIES := -L$(CUDA_HOME)/lib64 -lcudart_static -ldl -lrt -pthread
else ifeq ($(CUDA),1)
$(error CUDA=1: $(wordlist 2,99,$(CUDA_FOUND)))
endif

# ---- sources ------------------------------------------------------------------------------------

every = $(wildcard $(foreach ending,$(2),$(1)/*.$(ending) $(1)/*/*.$(ending) $(1)/*/*/*.$(ending)))

ABSENT := kernels/device/device_cuda_absent.cpp envs/batch_cuda_absent.cpp
DEVICE := kernels/device/device_cpu.cpp
EMULATOR := $(wildcard kernels/device/simt*.cpp)
ISA_SOURCES := $(filter-out $(DEVICE), \
  $(filter %_cpu.cpp,$(call every,kernels,cpp) $(call every,envs,cpp)))
CUDA_SOURCES := $(call every,kernels,cu) $(call every,envs,cu)
SOURCES := $(filter-out $(ISA_SOURCES) $(ABSENT) $(EMULATOR), \
  $(foreach floor,kernels autograd envs algorithms,$(call every,$(floor),cpp)))
ifneq ($(call on,$(EMBEDDED)),)
SOURCES := $(filter-out autograd/files/% algorithms/%,$(SOURCES))
endif
# Headers written for one instruction set at a time are nobody else's.
HEADERS = $(shell grep -LE '"kernels/device/simd.h"|::UNDERSTUDY_ISA' \
  $(foreach floor,kernels autograd envs algorithms,$(call every,$(floor),h)))
# Files, descriptions, references, and what records a program once for kernels to run many times:
# what they include takes twice as long to optimize as to read, and none of it is waited for.
COLD := $(filter %_reference.cpp autograd/files/% autograd/modules/% autograd/options/% \
  $(addprefix autograd/program/,plan.cpp differentiate.cpp listing.cpp) \
  algorithms/data/demonstration% algorithms/training/% algorithms/adversarial/% \
  $(filter-out %/actor.cpp,$(wildcard algorithms/policies/*.cpp)) algorithms/tabular/learner% \
  $(addprefix algorithms/tabular/,problem.cpp problem_file.cpp worlds.cpp messages.cpp),$(SOURCES))
COMMAND_SOURCES := $(call every,cli,cpp)

objects = $(patsubst %,$(BUILD)/obj/%.$(2).o,$(basename $(1)))
plain = $(patsubst %.cpp,$(BUILD)/obj/%.o,$(1))

# The longest first: what is left at the end then keeps every processor busy.
CPU_OBJECTS := $(foreach isa,$(INSTRUCTION_SETS),$(call objects,$(ISA_SOURCES),$(isa))) \
  $(call plain,$(SOURCES))
NATIVE_OBJECTS := $(if $(WITH_CUDA),$(call objects,$(CUDA_SOURCES),cuda),$(call plain,$(ABSENT)))
EMULATED_OBJECTS := $(call objects,$(CUDA_SOURCES),emulated) $(call plain,$(EMULATOR))
# The command's sources are compiled a folder at a time: templates of JSON's and CLI11's headers are
# then instantiated once, in a third of the time. (Not with ccache, which knows single files.)
COMMAND_FOLDERS := $(sort $(dir $(COMMAND_SOURCES)))
folder_source = $(BUILD)/folders/$(subst /,_,$(1:%/=%)).cpp
COMMAND_OBJECTS := $(if $(LAUNCHER),$(call plain,$(COMMAND_SOURCES)),\
  $(foreach folder,$(COMMAND_FOLDERS),$(patsubst %.cpp,%.o,$(call folder_source,$(folder)))))

LIBRARY := $(BUILD)/libunderstudy.a
EMULATED := $(BUILD)/libunderstudy_emulated.a
COMMAND := $(if $(COMMAND_SOURCES),$(if $(call on,$(EMBEDDED)),,$(BUILD)/understudy))

# ---- the library and the command ----------------------------------------------------------------

# The library needs a compiler alone; the command, two header-only libraries.
# (What is there already is noted here: the command's long files can then begin at once.)
all: $(if $(and $(BUILDING),$(COMMAND)),$(shell \
  CXX='$(COMPILER)' build-aux/need --check cli11 json && \
  mkdir -p $(BUILD)/have && touch $(BUILD)/have/cli11 $(BUILD)/have/json && \
  echo $(COMMAND) || echo command_left_out)) $(LIBRARY)
command_left_out: $(LIBRARY)
	@echo "  without the command: no CLI11 or no nlohmann-json (make $(COMMAND) brings them)"

# Objects are older than the flags when the flags have changed; archives, when their list has.
remember = $(if $(and $(BUILDING),$(call differ,$(file <$(1)),$(2))), \
  $(shell mkdir -p $(dir $(1)))$(file >$(1),$(2)))
differ = $(if $(subst x$(1),,x$(2))$(subst x$(2),,x$(1)),yes)
$(call remember,$(BUILD)/flags,$(strip $(COMPILER) $(FLAGS) $(CPPFLAGS) $(CXXFLAGS)))
$(call remember,$(BUILD)/members,$(strip $(CPU_OBJECTS) $(NATIVE_OBJECTS)))
$(call remember,$(BUILD)/members_emulated,$(strip $(CPU_OBJECTS) $(EMULATED_OBJECTS)))
$(call remember,$(BUILD)/flags_cuda,$(strip $(NVCC) $(CUDA_FLAGS)))
$(addprefix $(BUILD)/,flags members members_emulated flags_cuda):
	@mkdir -p $(@D) && touch $@
define newline


endef
hash := \#
includes = $(subst $(space)$(hash),$(newline)$(hash), \
  $(foreach source,$(1),$(hash)include "$(source)"))
$(if $(LAUNCHER),,$(foreach folder,$(COMMAND_FOLDERS),$(call remember,\
  $(call folder_source,$(folder)),$(call includes,\
  $(foreach s,$(COMMAND_SOURCES),$(if $(filter $(folder),$(dir $(s))),$(s)))))))

archive = echo "  ar    $@"; rm -f $@; ar rcs $@ $(filter %.o,$^)
$(LIBRARY): $(CPU_OBJECTS) $(NATIVE_OBJECTS) $(BUILD)/members
	@$(archive)
# Everything, with CUDA's kernels run by the emulator: what tests link.
$(EMULATED): $(CPU_OBJECTS) $(EMULATED_OBJECTS) $(BUILD)/members_emulated
	@$(archive)

# compile = rule-specific flags, label
compile = mkdir -p $(@D); echo "  cxx   $<$(2:%=  %)"; \
  $(LAUNCHER) $(CXX) $(READ_ONCE) $(FLAGS) $(CPPFLAGS) $(CXXFLAGS) $(1) -MMD -MP -c $< -o $@

define compile_for
$(BUILD)/obj/%.$(1).o: %.cpp $(BUILD)/flags
	@$$(call compile,$$(FLAGS_$(1)),$(1))
endef
$(foreach isa,$(INSTRUCTION_SETS),$(eval $(call compile_for,$(isa))))
$(BUILD)/obj/%.emulated.o: %.cu $(BUILD)/flags
	@$(call compile,-x c++,emulated)
$(BUILD)/obj/%.cuda.o: %.cu $(BUILD)/flags_cuda
	@mkdir -p $(@D); echo "  nvcc  $<  sm_$(CUDA_ARCH)"
	@$(LAUNCHER) $(NVCC) $(CUDA_FLAGS) -Xptxas -v -MMD -MP -MF $(@:.o=.d) -c $< -o $@ \
	  2> $(@:.o=.ptxas) || { cat $(@:.o=.ptxas); exit 1; }
	@grep -vE '^ptxas info|bytes stack frame|^ *$$' $(@:.o=.ptxas) >&2 || true
$(BUILD)/obj/%.o: %.cpp $(BUILD)/flags
	@$(compile)
$(BUILD)/folders/%.o: $(BUILD)/folders/%.cpp $(BUILD)/flags
	@$(compile)

# Headers of others that most files of a group include are read once, compiled, and loaded for each:
# once for every set of flags. (ccache would not know.)
# read_once = name, objects, headers, what must be there first
define read_once
$(if $(LAUNCHER),,
$(2): READ_ONCE := -include $(BUILD)/headers/$(1).h
$(2): | $(BUILD)/headers/$(1).h.gch
$(BUILD)/headers/$(1).h.gch: $(BUILD)/flags | $(4)
	@mkdir -p $$(@D); echo "  cxx   $$(@:.gch=)"; printf '#include <%s>\n' $(3) > $$(@:.gch=)
	@$$(CXX) $$(FLAGS) $$(CPPFLAGS) $$(CXXFLAGS) $(FLAGS_$(1)) -x c++-header $$(@:.gch=) -o $$@)
endef
STANDARD := algorithm cmath cstdint cstring functional map memory optional string utility vector
$(eval $(call read_once,library,$(call plain,$(filter-out $(COLD),$(SOURCES))) $(EMULATED_OBJECTS),\
  $(STANDARD)))
$(eval $(call read_once,cold,$(call plain,$(COLD)),$(STANDARD)))
# (Not for clang 14: behind such a header it finds two of __builtin_va_list.)
$(if $(findstring clang,$(COMPILER)),,$(foreach isa,$(INSTRUCTION_SETS),$(eval \
  $(call read_once,$(isa),$(call objects,$(ISA_SOURCES),$(isa)),cmath cstdint cstring type_traits \
  $(if $(filter -mavx%,$(FLAGS_$(isa))),immintrin.h)))))
$(call plain,$(COLD)) $(BUILD)/headers/cold.h.gch: FLAGS := $(subst -O3,-O1,$(FLAGS))

$(BUILD)/understudy: $(COMMAND_OBJECTS) $(LIBRARY)
	@$(call link,$(CUDA_LIBRARIES))
link = mkdir -p $(@D); echo "  link  $@"; \
  $(CXX) $(LINK) $(LDFLAGS) $(filter %.o %.a,$^) $(1) $(LIBRARIES) $(LDLIBS) -o $@
$(COMMAND_OBJECTS): | $(BUILD)/have/cli11 $(BUILD)/have/json
# The command waits for the library: what it includes takes twice as long to optimize as to read.
$(COMMAND_OBJECTS): FLAGS := $(subst -O3,-O1,$(FLAGS))

# What a target needs beside the compiler: brought by itself as root, else the command is named.
$(BUILD)/have/%:
	@mkdir -p $(@D); CXX='$(COMPILER)' build-aux/need $* && touch $@

# ---- tests --------------------------------------------------------------------------------------

TEST_SOURCES := $(filter $(ONLY),$(wildcard \
  $(if $(call on,$(EMBEDDED)),tests/embedded/*_test.cpp,tests/*/*_test.cpp)))
TESTS := $(patsubst tests/%.cpp,$(BUILD)/tests/%,$(TEST_SOURCES))
TEST_OBJECTS := $(call plain,$(TEST_SOURCES))
# On a machine with a GPU those that use CUDA run natively too, but for the emulator's own.
NATIVE_SOURCES := $(if $(WITH_CUDA),$(filter-out %/emulator_test.cpp tests/embedded/%, \
  $(shell grep -lE 'tests/kernels/kernel_test.h|cuda_device' $(TEST_SOURCES) /dev/null)))
NATIVE := $(patsubst tests/%.cpp,$(BUILD)/native/%,$(NATIVE_SOURCES))
GPU := $(if $(WITH_CUDA),$(shell nvidia-smi -L 2>/dev/null | head -n 1))
NATIVE_TESTS := $(if $(GPU),$(NATIVE))
# Checks of the source tree and of what is installed: once, in the ordinary build. Those of the
# command also where addresses are looked at.
CHECK_SOURCES := $(if $(call on,$(EMBEDDED)),$(wildcard tests/embedded/*.sh),\
  $(if $(CONFIGURATION),,$(wildcard tests/house/*.sh)) \
  $(if $(filter-out address% undefined,$(CONFIGURATION)),,$(wildcard tests/cli/*.sh)))
CHECKS := $(if $(call on,$(EMBEDDED)),$(CHECK_SOURCES),$(filter $(ONLY),$(CHECK_SOURCES)))

$(TEST_OBJECTS) $(BUILD)/headers/tests.h.gch: FLAGS := $(subst -O3,-O1,$(FLAGS)) $(FLAGS_tests)
$(eval $(call read_once,tests,$(TEST_OBJECTS),$(STANDARD) gtest/gtest.h,$(BUILD)/have/gtest))
$(TEST_OBJECTS): | $(BUILD)/have/gtest
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(if $(call on,$(EMBEDDED)),$(LIBRARY),$(EMULATED))
	@$(call link,-lgtest -lgtest_main -pthread)
$(BUILD)/obj/native/%.o: tests/%.cpp $(BUILD)/flags | $(BUILD)/have/gtest
	@$(call compile,-O1 -DUNDERSTUDY_NATIVE_CUDA,native)
$(BUILD)/native/%: $(BUILD)/obj/native/%.o $(LIBRARY)
	@$(call link,-lgtest -lgtest_main $(CUDA_LIBRARIES))

# Fuzz targets: the parsers, under address sanitizer, with their own objects of what they need; what
# a description of a policy may name (every head) comes from the library.
FUZZ_SOURCES := $(if $(CONFIGURATION)$(if $(BUILDING),,looking),,\
  $(filter $(ONLY),$(wildcard tests/fuzz/*_fuzz.cpp)))
FUZZERS := $(patsubst tests/%_fuzz.cpp,$(BUILD)/%,$(FUZZ_SOURCES))
FUZZED := $(filter kernels/device/% autograd/files/% algorithms/data/% \
  algorithms/tabular/problem% autograd/options/% algorithms/policies/policy_description% \
  algorithms/policies/spaces% algorithms/policies/heads% algorithms/policies/trunks%,$(SOURCES))
ifneq ($(FUZZ_SOURCES),)
FUZZ_CXX := $(shell build-aux/find_fuzzer $(BUILD)/fuzzer '$(COMPILER)')
FUZZ_FLAGS := $(filter-out -Wno-restrict -Wno-stringop-overflow,$(subst -O3,-O1 -g,$(FLAGS))) \
  -fno-omit-frame-pointer -fno-sanitize-recover=all
FUZZ_DRIVER := $(if $(findstring fuzzer,$(FUZZ_CXX)),,tests/fuzz/driver.cpp)
FUZZ_OBJECTS := $(patsubst %.cpp,$(BUILD)/fuzz/obj/%.o,$(FUZZ_SOURCES) $(FUZZED) $(FUZZ_DRIVER))
endif
# Without a main of libFuzzer's in every object.
$(BUILD)/fuzz/obj/%.o: %.cpp $(BUILD)/flags
	@mkdir -p $(@D); echo "  cxx   $<  fuzz"
	@$(LAUNCHER) $(subst fuzzer$(comma),fuzzer-no-link$(comma),$(FUZZ_CXX)) $(FUZZ_FLAGS) \
	  -MMD -MP -c $< -o $@
$(BUILD)/fuzz/libparsers.a: $(patsubst %.cpp,$(BUILD)/fuzz/obj/%.o,$(FUZZED))
	@$(archive)
$(FUZZERS): $(BUILD)/fuzz/%: $(BUILD)/fuzz/obj/tests/fuzz/%_fuzz.o \
    $(patsubst %.cpp,$(BUILD)/fuzz/obj/%.o,$(FUZZ_DRIVER)) $(BUILD)/fuzz/libparsers.a $(LIBRARY)
	@echo "  link  $@"; $(FUZZ_CXX) $(filter %.o %.a,$^) $(LIBRARIES) -o $@

# A selection that selects nothing is a mistake, and no success.
picked = $(foreach goal,$(filter test fuzz native,$(MAKECMDGOALS)),$(call pickable_$(goal)))
pickable_test = $(wildcard tests/*/*_test.cpp) $(CHECK_SOURCES) $(wildcard tests/fuzz/*_fuzz.cpp)
pickable_fuzz = $(wildcard tests/fuzz/*_fuzz.cpp)
pickable_native = $(wildcard tests/*/*_test.cpp)
ifneq ($(filter test fuzz native,$(MAKECMDGOALS)),)
$(foreach pattern,$(or $(strip $(ONLY)),''),$(if $(filter $(pattern),$(picked)),, \
  $(error ONLY: no test is called $(pattern), expected such as tests/kernels/%)))
endif

run_tests = BUILD=$(BUILD) CXX='$(COMPILER)' FUZZ_SECONDS=$(FUZZ_SECONDS) build-aux/run_tests
test: $(TESTS) $(NATIVE_TESTS) $(FUZZERS) $(if $(CHECKS),stage) | $(BUILD)/have/pkg-config
	@$(run_tests) $(TESTS) $(NATIVE_TESTS) $(CHECKS) $(FUZZERS)

fuzz: $(FUZZERS)
	@$(run_tests) $(FUZZERS)

# Only links the tests natively: what can be asked of CUDA where there is no GPU.
native: $(LIBRARY) $(COMMAND) $(NATIVE)

# ---- benchmarks ----------------------------------------------------------------------------------

# Every bench/*_bench.cpp is a program of its own; the other files there are linked to each.
BENCH_SOURCES := $(wildcard bench/*.cpp)
BENCHES := $(patsubst %.cpp,$(BUILD)/%,$(filter %_bench.cpp,$(BENCH_SOURCES)))
BENCH_OBJECTS := $(call plain,$(BENCH_SOURCES))
BENCH_SHARED := $(call plain,$(filter-out %_bench.cpp,$(BENCH_SOURCES)))
$(BENCH_OBJECTS): | $(BUILD)/have/benchmark
$(BENCHES): $(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(BENCH_SHARED) $(LIBRARY)
	@$(call link,-lbenchmark -ldl $(CUDA_LIBRARIES))

bench: $(BENCHES)
	@build-aux/run_bench $(BUILD) $(BENCHES)
marks: $(BENCHES)
	@build-aux/run_bench $(BUILD) $(BENCHES) --marks

# ---- the demonstration ---------------------------------------------------------------------------

demo: $(COMMAND)
	@$(COMMAND) demo --out $(BUILD)/demo

# ---- install ------------------------------------------------------------------------------------

define PKG_CONFIG_FILE
prefix=$(PREFIX)
includedir=$${prefix}/include/understudy
libdir=$${prefix}/lib

Name: understudy
Description: Imitation learning on CPU and CUDA
Version: $(VERSION)
Cflags: -std=c++20 -I$${includedir} $(filter -DUNDERSTUDY% -fno-exceptions -fno-rtti,$(FLAGS))
Libs: -L$${libdir} -lunderstudy $(LINK) $(CUDA_LIBRARIES) $(LIBRARIES)
endef
export PKG_CONFIG_FILE
VERSION := $(shell \
  sed -n 's/^\#define UNDERSTUDY_VERSION "\(.*\)"/\1/p' kernels/device/version.h)
ROOT = $(DESTDIR)$(PREFIX)

install: $(LIBRARY) $(COMMAND)
	@echo "  install  $(ROOT)"
	@mkdir -p $(ROOT)/lib/pkgconfig $(ROOT)/include/understudy $(if $(COMMAND),$(ROOT)/bin)
	@for header in $(HEADERS); do \
	  install -D -m 644 $$header $(ROOT)/include/understudy/$$header || exit 1; done
	@install -m 644 $(LIBRARY) $(ROOT)/lib
	@printf '%s\n' "$$PKG_CONFIG_FILE" > $(ROOT)/lib/pkgconfig/understudy.pc
	@$(if $(COMMAND),install -m 755 $(COMMAND) $(ROOT)/bin)
	@install -D -m 644 LICENSE $(ROOT)/share/doc/understudy/LICENSE

uninstall:
	rm -rf $(ROOT)/include/understudy $(ROOT)/lib/libunderstudy.a \
	  $(ROOT)/lib/pkgconfig/understudy.pc $(ROOT)/bin/understudy $(ROOT)/share/doc/understudy

# A trial installation, which the tests build against.
stage: $(LIBRARY) $(COMMAND)
	@rm -rf $(BUILD)/stage
	@$(MAKE) --no-print-directory install PREFIX=$(abspath $(BUILD))/stage DESTDIR=

# ---- the rest -----------------------------------------------------------------------------------

lint:
	@CXX='$(COMPILER)' build-aux/lint $(SOURCES) $(COMMAND_SOURCES)

format:
	@build-aux/format $$(git ls-files '*.h' '*.cpp' '*.cu')

nightly:
	@.ci/nightly

info:
	@VERSION='$(VERSION)' CXX='$(COMPILER)' LAUNCHER='$(LAUNCHER)' \
	  BUILD='$(BUILD)' FLAGS='$(FLAGS) $(CXXFLAGS)' \
	  SETS='$(INSTRUCTION_SET_ROWS)' CUDA='$(CUDA_FOUND)' ZLIB='$(call on,$(ZLIB))' build-aux/info \
	  $(foreach option,CUDA CUDA_ARCH SANITIZE DEBUG EMBEDDED ZLIB,'$(option)=$($(option))')

clean:
	rm -rf build

define HELP
  make              the library$(if $(COMMAND_SOURCES), and the command) in $(BUILD)/
  make test         every test; ONLY=tests/kernels/% picks some
  make fuzz         the fuzz targets, FUZZ_SECONDS=60 each (in make test: 2)
  make bench        every benchmark beside marks, floors, peers and the machine's limits
  make marks        the marks alone, each met or not
  make demo         an expert, four demonstrations, cloning, DAgger, GAIL; $(BUILD)/demo/report.html
  make info         what was found on this machine, and what was not
  make install      to PREFIX=$(PREFIX) (DESTDIR= for packagers); make uninstall takes it away
  make lint         clang-tidy, cppcheck and the checks of the house; ANALYZE=1 follows paths, too
  make format       clang-format on every source
  make nightly      what .ci/run leaves out since it takes hours: every test and check under each
                    sanitizer and clang, AVX under all of them, the analyzer, long fuzzing
  make clean        removes build/

  CUDA=auto|0|1     CUDA where nvcc is found, never, or it is an error not to find it
  CUDA_ARCH=90      the GPU's architecture (default: the one in this machine, else 90)
  CXX=clang++       another compiler; one for another machine builds in build/MACHINE
  SANITIZE=address,undefined  or  SANITIZE=thread
  DEBUG=1           unoptimized, with assertions in the standard library
  EMBEDDED=1        no exceptions, no RTTI, no threads, no files
  CCACHE=0          do not use ccache          V=1  print every command
endef
export HELP
help:
	@printf '%s\n' "$$HELP"

.PHONY: all command_left_out test fuzz bench marks demo native stage install uninstall
.PHONY: lint format nightly info clean help
.SECONDARY:
.DELETE_ON_ERROR:
ifeq ($(V),1)
.SHELLFLAGS := -xc
endif

-include $(patsubst %.o,%.d,$(CPU_OBJECTS) $(NATIVE_OBJECTS) $(EMULATED_OBJECTS) \
  $(COMMAND_OBJECTS) $(TEST_OBJECTS) $(FUZZ_OBJECTS) $(BENCH_OBJECTS) \
  $(patsubst tests/%.cpp,$(BUILD)/obj/native/%.o,$(NATIVE_SOURCES)))
