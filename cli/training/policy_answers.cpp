#include "cli/training/policy_answers.h"

#include <algorithm>

#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;
// Beyond the streams of parameters and actors.
constexpr std::uint64_t answer_stream = (std::uint64_t{1} << 32) + 64;
constexpr int bound_draws = 64;  // where a bound of the log-probability is all there is

}  // namespace

PolicyAnswers::PolicyAnswers(const Policy& policy, std::uint64_t seed)
    : policy_(policy),
      seed_(seed),
      chunk_(policy.has_memory() ? 64 : 1024),
      observation_(policy.description().input_width()),
      action_(policy.description().action.kind == ActionKind::discrete
                  ? 1
                  : policy.description().action.size),
      index_(policy.description().action.kind == ActionKind::discrete),
      store_(policy.device()),
      modes_(policy.device(), policy.store().real()),
      samples_(policy.device(), policy.store().real()),
      scores_(policy.device(), policy.store().real()) {}

// Of the rows asked about; the memory after them is an output of its own.
std::unique_ptr<ActionDistribution> PolicyAnswers::distribution(Program& program) const {
  const Tensor observed = policy_.description().observation.discrete
                              ? program.input("observation", {rows(chunk_)}, Element::index)
                              : program.input("observation", {rows(chunk_), observation_});
  if (!policy_.has_memory()) return policy_.distribution(observed);
  Tensor next;
  auto distribution =
      policy_.step(observed, program.input("memory", {rows(chunk_), policy_.memory_width()}), next);
  program.output("next", next);
  return distribution;
}

std::vector<double> PolicyAnswers::modes(const std::vector<float>& observations) {
  if (modes_.node_count() == 0) modes_.output("answer", distribution(modes_)->mode());
  return ask(modes_, observations, nullptr, action_);
}

std::vector<double> PolicyAnswers::samples(const std::vector<float>& observations) {
  if (samples_.node_count() == 0) {
    Array& counter = store_.create("answers/counter", {1}, Element::counter);
    samples_.output("answer", distribution(samples_)->sample({&counter, seed_, answer_stream}));
  }
  return ask(samples_, observations, nullptr, action_);
}

std::vector<double> PolicyAnswers::log_probabilities(const std::vector<float>& observations,
                                                     const std::vector<float>& actions) {
  if (scores_.node_count() == 0) {
    const auto given = distribution(scores_);
    const Tensor action = index_ ? scores_.input("action", {rows(chunk_)}, Element::index)
                                 : scores_.input("action", {rows(chunk_), action_});
    Array& counter = store_.create("scores/counter", {1}, Element::counter);
    scores_.output("answer", given->log_probability_bound(action, {&counter, seed_, answer_stream},
                                                          bound_draws));
  }
  return ask(scores_, observations, &actions, 1);
}

std::vector<double> PolicyAnswers::ask(Program& program, const std::vector<float>& observations,
                                       const std::vector<float>* actions, Index width) {
  if (policy_.has_memory()) return ask_episodes(program, observations, actions, width);
  const Index chunk = chunk_;
  const auto write = [&](const char* name, const std::vector<float>& all, Index first, Index n,
                         Index columns, bool index) {
    // Rows past the last one are zeros, and their answers are dropped.
    std::vector<float> part(static_cast<std::size_t>(chunk * columns), 0.0f);
    std::copy_n(all.begin() + first * columns, n * columns, part.begin());
    if (index)
      program.write_indices(name, std::vector<std::int32_t>(part.begin(), part.end()).data(),
                            chunk);
    else
      program.write(name, part.data(), chunk * columns);
  };
  const Index total = static_cast<Index>(observations.size()) / observation_;
  std::vector<double> result;
  for (Index first = 0; first < total; first += chunk) {
    const Index n = std::min(chunk, total - first);
    write("observation", observations, first, n, observation_,
          policy_.description().observation.discrete);
    if (actions != nullptr) write("action", *actions, first, n, action_, index_);
    program.run();
    const std::vector<double> answers = program.read("answer");
    result.insert(result.end(), answers.begin(), answers.begin() + n * width);
  }
  return result;
}

// Some episodes side by side, step by step; the places of those that ended are zeros.
std::vector<double> PolicyAnswers::ask_episodes(Program& program,
                                                const std::vector<float>& observations,
                                                const std::vector<float>* actions, Index width) {
  const Index total = static_cast<Index>(observations.size()) / observation_;
  std::vector<Index> starts = starts_;
  if (starts.empty()) starts = {0, total};
  if (starts.back() != total)
    fail(ErrorKind::bad_shape, "expected %lld rows of whole episodes, found %lld",
         static_cast<long long>(starts.back()), static_cast<long long>(total));
  std::vector<double> result(static_cast<std::size_t>(total * width));
  for (std::size_t first = 0; first + 1 < starts.size();
       first += static_cast<std::size_t>(chunk_)) {
    const std::size_t n = std::min(static_cast<std::size_t>(chunk_), starts.size() - 1 - first);
    Index longest = 0;
    for (std::size_t i = 0; i < n; ++i)
      longest = std::max(longest, starts[first + i + 1] - starts[first + i]);
    std::vector<double> memory(static_cast<std::size_t>(chunk_ * policy_.memory_width()), 0.0);
    for (Index t = 0; t < longest; ++t) {
      std::vector<float> seen(static_cast<std::size_t>(chunk_ * observation_), 0.0f);
      std::vector<float> acted(static_cast<std::size_t>(chunk_ * action_), 0.0f);
      for (std::size_t i = 0; i < n; ++i) {
        const Index row = starts[first + i] + t, place = static_cast<Index>(i);
        if (row >= starts[first + i + 1]) continue;
        std::copy_n(observations.begin() + row * observation_, observation_,
                    seen.begin() + place * observation_);
        if (actions != nullptr)
          std::copy_n(actions->begin() + row * action_, action_, acted.begin() + place * action_);
      }
      program.write("observation", seen.data(), chunk_ * observation_);
      program.write("memory", memory);
      if (actions != nullptr && index_)
        program.write_indices("action",
                              std::vector<std::int32_t>(acted.begin(), acted.end()).data(), chunk_);
      else if (actions != nullptr)
        program.write("action", acted.data(), chunk_ * action_);
      program.run();
      memory = program.read("next");
      const std::vector<double> answers = program.read("answer");
      for (std::size_t i = 0; i < n; ++i) {
        const Index row = starts[first + i] + t;
        if (row < starts[first + i + 1])
          std::copy_n(answers.begin() + static_cast<Index>(i) * width, width,
                      result.begin() + row * width);
      }
    }
  }
  return result;
}

}  // namespace understudy::cli
