#include "algorithms/cloning/expert.h"

namespace understudy {

PolicyExpert::PolicyExpert(const Policy& policy, bool deterministic, std::uint64_t seed)
    : policy_(policy), deterministic_(deterministic), seed_(seed) {}

// Each round has 2^40 draws of its own.
void PolicyExpert::count_from_round() {
  store_->at("actor/counter").write({static_cast<double>(round_) * 0x1p40});
}

void PolicyExpert::begin(std::uint64_t round) {
  round_ = round;
  if (actor_ == nullptr) return;
  actor_->reset_hidden_state();
  count_from_round();
}

void PolicyExpert::ended(const std::vector<std::uint8_t>& rows) {
  if (!policy_.has_memory() || actor_ == nullptr) return;
  Array& flags = store_->at("ended");
  flags.write({rows.begin(), rows.end()});
  actor_->reset_hidden_state(rows_of(flags));
}

std::vector<float> PolicyExpert::act(const ExpertQuestion& question) {
  if (question.rows != rows_) {
    actor_.reset();
    store_ = std::make_unique<Store>(policy_.device(), policy_.store().real());
    rows_ = question.rows;
    actor_ = std::make_unique<Actor>(
        policy_, *store_,
        Actor::Options{.rows = rows_, .deterministic = deterministic_, .seed = seed_});
    store_->create("ended", {rows_});
    count_from_round();
  }
  const std::vector<double> actions =
      actor_->act({question.observations.begin(), question.observations.end()});
  return {actions.begin(), actions.end()};
}

std::vector<float> FunctionExpert::act(const ExpertQuestion& question) {
  const auto row = [](auto& values, std::int64_t i, std::int64_t width) {
    const std::size_t n = values.empty() ? 0 : static_cast<std::size_t>(width);
    return std::span(values).subspan(static_cast<std::size_t>(i) * n, n);
  };
  std::vector<float> actions(static_cast<std::size_t>(question.rows * question.action_width));
  for (std::int64_t i = 0; i < question.rows; ++i)
    function_(row(question.observations, i, question.observation_width),
              row(question.states, i, question.state_width),
              row(actions, i, question.action_width));
  return actions;
}

}  // namespace understudy
