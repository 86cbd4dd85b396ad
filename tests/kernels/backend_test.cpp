// Backends are put together from what each implementation defines (family.h): complete, and each
// from its own objects.

#include "kernels/device/backend.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "kernels/device/error.h"

namespace understudy {
namespace {

// A backend's functions, in order. `Backend` is a name and then pointers to functions alone.
template <class T>
std::vector<std::uintptr_t> functions(const Backend<T>& backend) {
  static_assert(sizeof(std::uintptr_t) == sizeof(void (*)()));
  std::vector<std::uintptr_t> words(sizeof backend / sizeof(std::uintptr_t));
  std::memcpy(words.data(), &backend, sizeof backend);
  words.erase(words.begin());  // the name
  return words;
}

template <class T>
std::vector<const Backend<T>*> backends() {
  std::vector<const Backend<T>*> all;
  for (const InstructionSetRow& row : instruction_sets)
    if (available(row.set)) all.push_back(&cpu_backend<T>(row.set));
  all.push_back(&cuda_backend<T>());
  if constexpr (sizeof(T) == 8) all.push_back(&reference_backend());
  return all;
}

template <class T>
void expect_complete_and_apart() {
  std::set<std::string> names;
  std::set<std::uintptr_t> gemms, adams, stencils;
  for (const Backend<T>* backend : backends<T>()) {
    const std::vector<std::uintptr_t> all = functions(*backend);
    for (std::size_t i = 0; i < all.size(); ++i)
      EXPECT_NE(all[i], 0u) << backend->name << " lacks function " << i << " of " << all.size();
    names.insert(backend->name);
    gemms.insert(reinterpret_cast<std::uintptr_t>(backend->gemm.gemm));
    adams.insert(reinterpret_cast<std::uintptr_t>(backend->optimizer.adam));
    stencils.insert(reinterpret_cast<std::uintptr_t>(backend->dynamic_programming.grid_backup));
  }
  const std::size_t count = backends<T>().size();
  EXPECT_EQ(names.size(), count);
  EXPECT_EQ(gemms.size(), count);
  EXPECT_EQ(adams.size(), count);
  EXPECT_EQ(stencils.size(), count);
}

TEST(Backend, every_implementation_has_every_kernel_and_none_of_another) {
  expect_complete_and_apart<float>();
  expect_complete_and_apart<double>();
}

TEST(InstructionSet, names_lead_back_to_their_sets) {
  for (const InstructionSetRow& row : instruction_sets) {
    EXPECT_STREQ(name(row.set), row.name);
    EXPECT_EQ(instruction_set_named(row.name), row.set);
  }
  EXPECT_TRUE(available(InstructionSet::portable));
  EXPECT_TRUE(available(best_instruction_set()));
}

TEST(InstructionSet, an_unknown_name_is_told_the_known_ones) {
  try {
    instruction_set_named("sse9");
    FAIL() << "accepted";
  } catch (const Error& error) {
    for (const InstructionSetRow& row : instruction_sets)
      EXPECT_NE(std::string(error.what()).find(row.name), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace understudy
