# understudy: see `make help`.

BUILD ?= build
CXX ?= g++
CUDA ?= auto
NVCC ?= nvcc
CUDA_ARCH ?= 90

CXXFLAGS_COMMON := -std=c++20 -O3 -g1 -ffp-contract=fast -fno-math-errno -fno-trapping-math -Wall -Wextra -Wno-psabi \
  -I. -pthread
AVX2 := -mavx2 -mfma
AVX512 := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mprefer-vector-width=512

SOURCES := $(filter-out %_cpu.cpp kernels/device/device_cuda_absent.cpp,$(wildcard kernels/*/*.cpp autograd/*.cpp autograd/*/*.cpp envs/*.cpp algorithms/*/*.cpp algorithms/*/*/*.cpp)) kernels/device/device_cpu.cpp
ISA_SOURCES := $(filter-out kernels/device/device_cpu.cpp,$(wildcard kernels/*/*_cpu.cpp))
CU_SOURCES := $(wildcard kernels/*/*.cu envs/*.cu)
SIMT_SOURCES := $(filter kernels/device/simt.cpp,$(SOURCES))

CPU_OBJECTS := $(patsubst %.cpp,$(BUILD)/obj/%.o,$(filter-out $(SIMT_SOURCES),$(SOURCES))) \
  $(foreach isa,portable avx2 avx512,$(patsubst %.cpp,$(BUILD)/obj/%.$(isa).o,$(ISA_SOURCES)))
EMULATED_OBJECTS := $(patsubst %.cu,$(BUILD)/obj/%.emulated.o,$(CU_SOURCES)) $(patsubst %.cpp,$(BUILD)/obj/%.o,$(SIMT_SOURCES))

TEST_SOURCES := $(wildcard tests/*/*_test.cpp)
TESTS := $(patsubst tests/%.cpp,$(BUILD)/tests/%,$(TEST_SOURCES))

all: $(BUILD)/libunderstudy.a

$(BUILD)/libunderstudy.a: $(CPU_OBJECTS) $(BUILD)/obj/kernels/device/device_cuda_absent.o
	@rm -f $@; ar rcs $@ $^

# Everything with CUDA's kernels run by the emulator: what tests link.
$(BUILD)/libunderstudy_emulated.a: $(CPU_OBJECTS) $(EMULATED_OBJECTS)
	@rm -f $@; ar rcs $@ $^

$(BUILD)/obj/%.portable.o: %.cpp
	@mkdir -p $(@D); echo "  cxx   $<  portable"
	@$(CXX) $(CXXFLAGS_COMMON) $(CXXFLAGS) -DUNDERSTUDY_ISA=portable -MMD -MP -c $< -o $@
$(BUILD)/obj/%.avx2.o: %.cpp
	@mkdir -p $(@D); echo "  cxx   $<  avx2"
	@$(CXX) $(CXXFLAGS_COMMON) $(CXXFLAGS) $(AVX2) -DUNDERSTUDY_ISA=avx2 -MMD -MP -c $< -o $@
$(BUILD)/obj/%.avx512.o: %.cpp
	@mkdir -p $(@D); echo "  cxx   $<  avx512"
	@$(CXX) $(CXXFLAGS_COMMON) $(CXXFLAGS) $(AVX512) -DUNDERSTUDY_ISA=avx512 -MMD -MP -c $< -o $@
$(BUILD)/obj/%.emulated.o: %.cu
	@mkdir -p $(@D); echo "  cxx   $<  emulated"
	@$(CXX) $(CXXFLAGS_COMMON) $(CXXFLAGS) -x c++ -MMD -MP -c $< -o $@
$(BUILD)/obj/%.o: %.cpp
	@mkdir -p $(@D); echo "  cxx   $<"
	@$(CXX) $(CXXFLAGS_COMMON) $(CXXFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/libunderstudy_emulated.a
	@mkdir -p $(@D); echo "  link  $@"
	@$(CXX) $(CXXFLAGS) -pthread $^ -lgtest -lgtest_main -o $@

test: $(TESTS)
	@for t in $(TESTS); do $$t || exit 1; done

clean:
	rm -rf $(BUILD)

-include $(shell [ -d $(BUILD) ] && find $(BUILD) -name '*.d')
.PHONY: all test clean
.SECONDARY:
