#include "bench/blas_peers.h"

#include <dlfcn.h>

#include <cstdlib>

namespace understudy::bench {

namespace {

template <class Function>
Function find(void* library, const char* symbol) {
  return reinterpret_cast<Function>(dlsym(library, symbol));
}

void add_openblas(std::vector<BlasPeer>& peers) {
  for (const char* name : {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}) unsetenv(name);
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return;
  // cblas.h's numbers: row-major 101, not transposed 111, transposed 112.
  using Sgemm = void (*)(int, int, int, int, int, int, float, const float*, int, const float*, int,
                         float, float*, int);
  const auto sgemm = find<Sgemm>(library, "cblas_sgemm");
  const auto set_threads = find<void (*)(int)>(library, "openblas_set_num_threads");
  const auto core = find<char* (*)()>(library, "openblas_get_corename");
  if (sgemm == nullptr || set_threads == nullptr) return;
  peers.push_back({std::string("OpenBLAS ") + (core != nullptr ? core() : ""),
                   [=](const Gemm<float>& g, int threads) {
                     static int current = 0;
                     if (current != threads) set_threads(current = threads);
                     const auto size = [](std::int64_t n) { return static_cast<int>(n); };
                     sgemm(101, g.transpose_a ? 112 : 111, g.transpose_b ? 112 : 111, size(g.m),
                           size(g.n), size(g.k), 1.0f, g.a, size(g.lda), g.b, size(g.ldb), 0.0f,
                           g.c, size(g.ldc));
                   }});
}

void add_onednn(std::vector<BlasPeer>& peers) {
  void* library = nullptr;
  for (const char* name : {"libdnnl.so.3", "libdnnl.so.2"})
    if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) return;
  using Sgemm = int (*)(char, char, std::int64_t, std::int64_t, std::int64_t, float, const float*,
                        std::int64_t, const float*, std::int64_t, float, float*, std::int64_t);
  const auto sgemm = find<Sgemm>(library, "dnnl_sgemm");
  // oneDNN takes its threads from the OpenMP that it was built with.
  const auto set_threads = find<void (*)(int)>(RTLD_DEFAULT, "omp_set_num_threads");
  if (sgemm == nullptr || set_threads == nullptr) return;
  struct Version {
    int major, minor, patch;
  };
  const auto version = find<const Version* (*)()>(library, "dnnl_version");
  std::string name = "oneDNN";
  if (version != nullptr)
    name += " " + std::to_string(version()->major) + "." + std::to_string(version()->minor);
  peers.push_back({name, [=](const Gemm<float>& g, int threads) {
                     set_threads(threads);
                     sgemm(g.transpose_a ? 'T' : 'N', g.transpose_b ? 'T' : 'N', g.m, g.n, g.k,
                           1.0f, g.a, g.lda, g.b, g.ldb, 0.0f, g.c, g.ldc);
                   }});
}

}  // namespace

const std::vector<BlasPeer>& blas_peers() {
  static const std::vector<BlasPeer> peers = [] {
    std::vector<BlasPeer> found;
    add_openblas(found);
    add_onednn(found);
    return found;
  }();
  return peers;
}

}  // namespace understudy::bench
