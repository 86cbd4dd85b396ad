#include "cli/policy_answers.h"

#include <algorithm>

#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;
constexpr Index chunk = 1024;  // rows computed at a time
// Beyond the streams of parameters and actors.
constexpr std::uint64_t answer_stream = (std::uint64_t{1} << 32) + 64;

}  // namespace

PolicyAnswers::PolicyAnswers(const Policy& policy, std::uint64_t seed)
    : policy_(policy),
      seed_(seed),
      observation_(policy.description().observation.width()),
      action_(policy.description().action.kind == ActionKind::index
                  ? 1
                  : policy.description().action.size),
      index_(policy.description().action.kind == ActionKind::index),
      store_(policy.device()),
      modes_(policy.device(), policy.store().real()),
      samples_(policy.device(), policy.store().real()),
      scores_(policy.device(), policy.store().real()) {
  if (policy.has_memory())
    fail(ErrorKind::not_available,
         "a policy with memory answers to whole episodes, not to single observations");
}

Tensor PolicyAnswers::observed(Program& program) const {
  return policy_.description().observation.index
             ? program.input("observation", {rows(chunk)}, Element::index)
             : program.input("observation", {rows(chunk), observation_});
}

std::vector<double> PolicyAnswers::modes(const std::vector<float>& observations) {
  if (modes_.node_count() == 0)
    modes_.output("answer", policy_.distribution(observed(modes_))->mode());
  return ask(modes_, observations, nullptr, action_);
}

std::vector<double> PolicyAnswers::samples(const std::vector<float>& observations) {
  if (samples_.node_count() == 0) {
    Array& counter = store_.create("answers/counter", {1}, Element::counter);
    const auto distribution = policy_.distribution(observed(samples_));
    samples_.output("answer", distribution->sample({&counter, seed_, answer_stream}));
  }
  return ask(samples_, observations, nullptr, action_);
}

std::vector<double> PolicyAnswers::log_probabilities(const std::vector<float>& observations,
                                                     const std::vector<float>& actions) {
  if (scores_.node_count() == 0) {
    const auto distribution = policy_.distribution(observed(scores_));
    const Tensor action = index_ ? scores_.input("action", {rows(chunk)}, Element::index)
                                 : scores_.input("action", {rows(chunk), action_});
    scores_.output("answer", distribution->log_probability(action));
  }
  return ask(scores_, observations, &actions, 1);
}

std::vector<double> PolicyAnswers::ask(Program& program, const std::vector<float>& observations,
                                       const std::vector<float>* actions, Index width) {
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
          policy_.description().observation.index);
    if (actions != nullptr) write("action", *actions, first, n, action_, index_);
    program.run();
    const std::vector<double> answers = program.read("answer");
    result.insert(result.end(), answers.begin(), answers.begin() + n * width);
  }
  return result;
}

}  // namespace understudy::cli
