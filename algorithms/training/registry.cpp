#include "algorithms/training/registry.h"

#include <limits>

#include "algorithms/training/rows.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

std::vector<const AlgorithmRow*>& table() {
  static std::vector<const AlgorithmRow*> rows = {
      &bc_row,       &bco_row,  &dagger_row,    &distill_row,        &gail_row, &fem_row,
      &gtal_row,     &airl_row, &gan_gcl_row,   &infogail_row,       &gcl_row,  &sqil_row,
      &iq_learn_row, &dac_row,  &dqfd_row,      &trpo_row,           &ppo_row,  &a2c_row,
      &dqn_row,      &sac_row,  &reinforce_row, &linear_gaussian_row};
  return rows;
}

}  // namespace

const std::vector<const AlgorithmRow*>& algorithms() { return table(); }

const AlgorithmRow* find_algorithm(const std::string& name) {
  for (const AlgorithmRow* row : table())
    if (name == row->name) return row;
  return nullptr;
}

const AlgorithmRow& algorithm_named(const std::string& name, const std::string& what,
                                    bool (*fits)(const AlgorithmRow&)) {
  std::string names;
  const char* nearest = "";
  int least = std::numeric_limits<int>::max();
  for (const AlgorithmRow* row : table()) {
    if (fits != nullptr && !fits(*row)) continue;
    if (name == row->name) return *row;
    names += (names.empty() ? "" : ", ") + std::string(row->name);
    const int distance = name_distance(name, row->name);
    if (distance >= least) continue;
    least = distance;
    nearest = row->name;
  }
  fail(ErrorKind::bad_input, "%s: no algorithm '%s'; the nearest is '%s'; there are: %s",
       what.c_str(), name.c_str(), nearest, names.c_str());
}

void register_algorithm(const AlgorithmRow& row) {
  if (find_algorithm(row.name) != nullptr)
    fail(ErrorKind::bad_input, "an algorithm '%s' is there already", row.name);
  table().push_back(&row);
}

}  // namespace understudy
