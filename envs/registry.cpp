// Environments by name: the list's static facts, put into one table.

#include "envs/registry.h"

#include <cstdio>
#include <cstring>
#include <iterator>

#include "envs/batch.h"
#include "envs/list.h"
#include "kernels/device/error.h"

namespace understudy {
namespace {

template <class E>
constexpr int versions_of() {
  return int(std::size(E::versions));
}

template <template <class> class... E>
constexpr int count_versions(EnvironmentList<E...>) {
  return (versions_of<E<double>>() + ...);
}
constexpr int total = count_versions(Environments());
static_assert(Environments::count <= most_dynamics, "BatchTable has too few places");

struct Table {
  EnvironmentDescription all[total];
  int filled = 0;
};

template <class E>
constexpr void add(Table& table, int dynamics) {
  static_assert(Environment<E>);
  for (const Version& version : E::versions) {
    EnvironmentDescription& d = table.all[table.filled++];
    d.name = version.name;
    d.gymnasium = version.gymnasium;
    d.summary = E::summary;
    d.source = E::source;
    d.state_size = E::state_size;
    d.state_names = E::state_names;
    d.observation_size = E::observation_size;
    d.observation_names = E::observation_names;
    d.observation_low = E::observation_low;
    d.observation_high = E::observation_high;
    d.action_count = E::action_count;
    d.action_size = E::action_size;
    d.action_low = E::action_low;
    d.action_high = E::action_high;
    d.horizon = version.horizon;
    d.solved = version.solved;
    d.random_return = version.random_return;
    d.reference_return = version.reference_return;
    d.dynamics = dynamics;
    d.expert = nullptr;
    d.draw = nullptr;
    d.user = nullptr;
    if constexpr (requires(const double* state, double* action) { E::expert(state, action); })
      d.expert = [](const double* state, double* action) { E::expert(state, action); };
    if constexpr (requires(const double* state, Frame& frame) { E::draw(state, frame); })
      d.draw = [](const double* state, Frame* frame) { E::draw(state, *frame); };
  }
}

template <template <class> class... E>
constexpr Table make_table(EnvironmentList<E...>) {
  Table table{};
  int dynamics = 0;
  (add<E<double>>(table, dynamics++), ...);
  return table;
}
constexpr Table table = make_table(Environments());

}  // namespace

int environment_count() { return total; }

const EnvironmentDescription& environment(int i) {
  UNDERSTUDY_CHECK(i >= 0 && i < total, "environment %d of %d", i, total);
  return table.all[i];
}

const EnvironmentDescription& environment_named(const char* name) {
  for (const EnvironmentDescription& one : table.all)
    if (std::strcmp(one.name, name) == 0 ||
        (one.gymnasium[0] != '\0' && std::strcmp(one.gymnasium, name) == 0))
      return one;
  char names[Error::capacity] = "";
  std::size_t length = 0;
  for (const EnvironmentDescription& one : table.all)
    if (length < sizeof names)
      length += std::snprintf(names + length, sizeof names - length, " %s", one.name);
  fail(ErrorKind::bad_input, "no environment '%s'; there are:%s", name, names);
}

}  // namespace understudy
