// exp, log and tanh over arrays in L1, beside glibc's vector versions.
//
// libmvec is loaded where it is installed and called on whole vectors of the same width, as a
// compiler would call it in a loop; the mark is to be at least as fast.

#include "kernels/elementwise/elementwise.h"

#include <dlfcn.h>

#include "bench/bench.h"

namespace understudy::bench {
namespace {

constexpr std::int64_t elements = 2048;  // 8 KB in, 8 KB out

#if defined(__x86_64__)
typedef float V8 __attribute__((vector_size(32)));
typedef float V16 __attribute__((vector_size(64)));

__attribute__((target("avx2"))) void apply8(void* function, const float* x, float* y) {
  const auto f = reinterpret_cast<V8 (*)(V8)>(function);
  for (std::int64_t i = 0; i < elements; i += 8)
    *reinterpret_cast<V8*>(y + i) = f(*reinterpret_cast<const V8*>(x + i));
}
__attribute__((target("avx512f"))) void apply16(void* function, const float* x, float* y) {
  const auto f = reinterpret_cast<V16 (*)(V16)>(function);
  for (std::int64_t i = 0; i < elements; i += 16)
    *reinterpret_cast<V16*>(y + i) = f(*reinterpret_cast<const V16*>(x + i));
}
#endif

// exp and tanh over [-5, 5), log over (0, 10).
template <class Apply>
std::function<void(benchmark::State&)> work(bool positive, Apply apply) {
  return [=](benchmark::State& state) {
    Array<float> x(elements), y(elements);
    for (std::int64_t i = 0; i < elements; ++i)
      x.data()[i] = x.data()[i] * 5 + (positive ? 5.001f : 0.0f);
    for (auto _ : state) {
      apply(x.data(), y.data());
      benchmark::ClobberMemory();
    }
  };
}

void add_function(const char* name, Unary which) {
  Row row;
  row.work = std::string(name) + " of an array in L1";
  row.unit = Unit::giga_elements;
  row.count = elements;
  row.bytes = 8.0 * elements;
  row.level = Level::l1;
  const bool positive = which == Unary::logarithm;
  row.ours = work(positive, [which](const float* x, float* y) {
    static const auto table = kernels<ElementwiseKernels, float>();
    table.unary(stream(1), which, elements, x, y);
  });
#if defined(__x86_64__)
  const std::string symbol = std::string(name) + "f";
  static void* library = dlopen("libmvec.so.1", RTLD_NOW);
  if (library != nullptr) {
    const bool wide = instruction_set() == InstructionSet::avx512;
    void* function = dlsym(library, ((wide ? "_ZGVeN16v_" : "_ZGVdN8v_") + symbol).c_str());
    if (function != nullptr && available(InstructionSet::avx2))
      row.peers.push_back({"libmvec", work(positive, [=](const float* x, float* y) {
                             wide ? apply16(function, x, y) : apply8(function, x, y);
                           })});
  }
#endif
  add(std::move(row));
}

const bool added = [] {
  add_function("exp", Unary::exponential);
  add_function("log", Unary::logarithm);
  add_function("tanh", Unary::tanh);
  return true;
}();

}  // namespace
}  // namespace understudy::bench
