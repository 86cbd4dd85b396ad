#include "cli/verbs/env_replay.h"

#include <cmath>
#include <cstring>

#include "autograd/files/csv.h"
#include "cli/session/command.h"
#include "cli/verbs/device_step.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;
using files::Csv;

// The places of the columns that mean something here; -1 where there is none.
struct Columns {
  Index time = -1, environment = -1;
  std::vector<Index> action;
};

// action, act, act_0 or action_0 for the first one; act_K or action_K.
Index action_index(const std::string& name) {
  if (name == "action" || name == "act" || name == "actions" || name == "acts") return 0;
  for (const char* prefix : {"act_", "action_"}) {
    const std::size_t length = std::strlen(prefix);
    std::int64_t index = 0;
    if (name.compare(0, length, prefix) == 0 &&
        files::parse_number(std::string_view(name).substr(length), index) && index >= 0)
      return index;
  }
  return -1;
}

std::string action_columns(const EnvironmentDescription& environment) {
  return environment.action_size == 1 ? "action"
                                      : formatted("act_0 to act_%d", environment.action_size - 1);
}

Columns find_columns(const Csv& csv, const EnvironmentDescription& environment) {
  Columns found;
  found.action.assign(static_cast<std::size_t>(environment.action_size), -1);
  for (std::size_t i = 0; i < csv.columns(); ++i) {
    const std::string& name = csv.names()[i];
    const Index place = static_cast<Index>(i), action = action_index(name);
    if (name == "t") {
      found.time = place;
    } else if (name == "environment" || name == "episode") {
      found.environment = place;
    } else if (action >= 0 && action < environment.action_size &&
               found.action[static_cast<std::size_t>(action)] < 0) {
      found.action[static_cast<std::size_t>(action)] = place;
    } else {
      fail(ErrorKind::bad_file,
           "%s: %s: expected columns %s, and perhaps t and environment; found %s",
           files::shown_path(csv.path()).c_str(), environment.name,
           action_columns(environment).c_str(), files::shown(name).c_str());
    }
  }
  for (Index one : found.action)
    if (one < 0)
      fail(ErrorKind::bad_file, "%s: %s: expected columns %s; one is missing",
           files::shown_path(csv.path()).c_str(), environment.name,
           action_columns(environment).c_str());
  return found;
}

double action_at(const Csv& csv, std::size_t row, std::size_t column,
                 const EnvironmentDescription& environment, bool beyond_bounds) {
  double value = 0;
  const bool number = files::parse_number(csv.cell(row, column), value) && std::isfinite(value);
  if (environment.action_count > 0) {
    if (!number || value != std::floor(value) || value < 0 || value >= environment.action_count)
      csv.refuse(
          row, column,
          formatted("an action of %s, 0 to %d", environment.name, environment.action_count - 1));
  } else if (!number || (!beyond_bounds &&
                         (value < environment.action_low || value > environment.action_high))) {
    csv.refuse(row, column,
               formatted("an action of %s, %g to %g", environment.name, environment.action_low,
                         environment.action_high));
  }
  return value;
}

}  // namespace

ReplayActions read_actions(const std::string& path, const EnvironmentDescription& environment,
                           bool beyond_bounds) {
  const Csv csv = Csv::open(path);
  const Columns columns = find_columns(csv, environment);
  if (csv.rows() == 0)
    fail(ErrorKind::bad_file, "%s: expected a row an action, found none",
         files::shown_path(path).c_str());
  ReplayActions actions;
  actions.shared = columns.environment < 0;

  // Which row holds each environment's next step.
  std::vector<std::vector<std::size_t>> rows(1);
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    std::int64_t environment = 0;
    if (!actions.shared) {
      const std::size_t column = static_cast<std::size_t>(columns.environment);
      const Index known = static_cast<Index>(rows.size());
      if (!files::parse_number(csv.cell(row, column), environment) || environment < 0 ||
          environment > known)
        csv.refuse(row, column,
                   formatted("an environment that is there, or %lld, the next",
                             static_cast<long long>(known)));
      if (environment == known) rows.emplace_back();
    }
    std::vector<std::size_t>& own = rows[static_cast<std::size_t>(environment)];
    std::int64_t time = 0;
    if (columns.time >= 0 &&
        (!files::parse_number(csv.cell(row, static_cast<std::size_t>(columns.time)), time) ||
         time != static_cast<Index>(own.size())))
      csv.refuse(row, static_cast<std::size_t>(columns.time), formatted("step %zu", own.size()));
    own.push_back(row);
  }
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].size() != rows[0].size())
      fail(ErrorKind::bad_file,
           "%s: expected as many actions for every environment; environment %zu has %zu, "
           "environment 0 %zu",
           files::shown_path(path).c_str(), i, rows[i].size(), rows[0].size());

  actions.num_envs = static_cast<Index>(rows.size());
  actions.steps = static_cast<Index>(rows[0].size());
  for (std::size_t t = 0; t < rows[0].size(); ++t)
    for (const std::vector<std::size_t>& own : rows)
      for (Index column : columns.action)
        actions.values.push_back(
            action_at(csv, own[t], static_cast<std::size_t>(column), environment, beyond_bounds));
  return actions;
}

std::vector<double> read_states(const std::string& path,
                                const EnvironmentDescription& environment) {
  const Csv csv = Csv::open(path);
  std::string expected, found;
  for (int k = 0; k < environment.state_size; ++k)
    expected += (k == 0 ? "" : ",") + std::string(environment.state_names[k]);
  for (const std::string& name : csv.names()) found += (found.empty() ? "" : ",") + name;
  if (expected != found)
    fail(ErrorKind::bad_file, "%s: %s: expected columns %s, found %s",
         files::shown_path(path).c_str(), environment.name, expected.c_str(),
         files::shown(found).c_str());
  if (csv.rows() == 0)
    fail(ErrorKind::bad_file, "%s: expected a row an environment, found none",
         files::shown_path(path).c_str());
  std::vector<double> states;
  for (std::size_t row = 0; row < csv.rows(); ++row)
    for (std::size_t column = 0; column < csv.columns(); ++column) {
      double value = 0;
      if (!files::parse_number(csv.cell(row, column), value) || !std::isfinite(value))
        csv.refuse(row, column, "a finite number");
      states.push_back(value);
    }
  return states;
}

namespace {

// What a replay gathers, step after step, [steps (+ 1), num_envs, ...].
template <class T>
struct Recording {
  std::vector<T> state, observation, reward, terminated, truncated;
};

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

template <class T>
Recording<T> step_through(Device& device, const EnvironmentDescription& environment,
                          const ReplayActions& actions, const std::vector<double>& states,
                          const ReplayOptions& options) {
  const std::size_t n = static_cast<std::size_t>(options.num_envs);
  const std::size_t width = static_cast<std::size_t>(environment.action_size);
  const std::size_t state_size = static_cast<std::size_t>(environment.state_size);
  Batch<T> batch(device, environment, options.num_envs, options.seed);
  DeviceStep<T> stepped(device, environment, n);

  Recording<T> record;
  std::vector<T> state(states.begin(), states.end());
  batch.reset(stepped.observation.data());
  if (!state.empty()) batch.set_state(state.data());
  state.resize(n * state_size);
  const auto look = [&] {
    batch.get_state(state.data());
    append(record.state, state);
    append(record.observation, stepped.observation.host());
  };
  batch.observe(stepped.observation.data());
  look();
  std::vector<T> number(n * width);
  for (Index t = 0; t < actions.steps; ++t) {
    throw_if_interrupted();
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < width; ++k) {
        const std::size_t row =
            static_cast<std::size_t>(t * actions.num_envs) + (actions.shared ? 0 : i);
        number[i * width + k] = static_cast<T>(actions.values[row * width + k]);
      }
    stepped.step(batch, number);
    look();
    append(record.reward, stepped.reward.host());
    append(record.terminated, stepped.terminated.host());
    append(record.truncated, stepped.truncated.host());
  }
  return record;
}

// From [steps, num_envs, width] to [num_envs, steps, width].
template <class To, class From>
files::Array by_environment(const std::vector<From>& rows, Index steps, Index num_envs, Index width,
                            bool flat = false) {
  files::Array array(files::ElementTypeOf<To>::value,
                     flat ? files::Shape{num_envs * steps} : files::Shape{num_envs * steps, width});
  std::span<To> to = array.as<To>();
  for (Index i = 0; i < num_envs; ++i)
    for (Index t = 0; t < steps; ++t)
      for (Index k = 0; k < width; ++k)
        to[static_cast<std::size_t>((i * steps + t) * width + k)] =
            static_cast<To>(rows[static_cast<std::size_t>((t * num_envs + i) * width + k)]);
  return array;
}

template <class T>
files::NamedArrays arrays_of(const Recording<T>& record, const EnvironmentDescription& environment,
                             const ReplayActions& actions, Index num_envs) {
  const Index steps = actions.steps, width = environment.action_size;
  files::NamedArrays arrays;
  arrays["obs"] =
      by_environment<T>(record.observation, steps + 1, num_envs, environment.observation_size);
  arrays["states"] = by_environment<T>(record.state, steps + 1, num_envs, environment.state_size);
  std::vector<double> taken;
  for (Index t = 0; t < steps; ++t)
    for (Index i = 0; i < num_envs; ++i)
      for (Index k = 0; k < width; ++k)
        taken.push_back(actions.values[static_cast<std::size_t>(
            (t * actions.num_envs + (actions.shared ? 0 : i)) * width + k)]);
  arrays["acts"] = environment.action_count > 0
                       ? by_environment<std::int64_t>(taken, steps, num_envs, 1, true)
                       : by_environment<T>(taken, steps, num_envs, width);
  arrays["rews"] = by_environment<T>(record.reward, steps, num_envs, 1, true);
  arrays["terminated"] = by_environment<bool>(record.terminated, steps, num_envs, 1, true);
  arrays["truncated"] = by_environment<bool>(record.truncated, steps, num_envs, 1, true);
  files::Array terminal(files::ElementType::boolean, {num_envs});
  const std::span<bool> ended = terminal.as<bool>();
  for (Index i = 0; i < num_envs; ++i)
    ended[static_cast<std::size_t>(i)] =
        record.terminated[static_cast<std::size_t>((steps - 1) * num_envs + i)] != T(0);
  arrays["terminal"] = std::move(terminal);
  std::vector<std::int64_t> indices;
  for (Index i = 1; i < num_envs; ++i) indices.push_back(i * steps);
  arrays["indices"] = files::Array::from(indices);
  return arrays;
}

}  // namespace

files::NamedArrays replay(Device& device, const EnvironmentDescription& environment,
                          const ReplayActions& actions, const std::vector<double>& states,
                          const ReplayOptions& options) {
  if (options.single_precision)
    return arrays_of(step_through<float>(device, environment, actions, states, options),
                     environment, actions, options.num_envs);
  return arrays_of(step_through<double>(device, environment, actions, states, options), environment,
                   actions, options.num_envs);
}

}  // namespace understudy::cli
