#include "algorithms/cloning/held_out_sequences.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "algorithms/data/sampling.h"

namespace understudy {

namespace {

constexpr std::int64_t least_sequences = 5;
constexpr int draws = 16;  // of a latent variable, for a bound

Transitions sequences_of(const Transitions& from, const std::vector<std::int64_t>& chosen) {
  Transitions made{.observations = from.observations.like(), .actions = from.actions.like()};
  for (const std::int64_t i : chosen) {
    const std::int64_t first = from.starts[static_cast<std::size_t>(i)], length = from.length(i);
    made.observations.append(from.observations, first, length);
    made.actions.append(from.actions, first, length);
    if (!from.counted.empty())
      made.counted.insert(made.counted.end(), from.counted.begin() + first,
                          from.counted.begin() + first + length);
    made.starts.push_back(made.starts.back() + length);
  }
  return made;
}

}  // namespace

SequenceSplit split_sequences(const Transitions& from, double share, std::uint64_t seed) {
  std::vector<std::int64_t> usable;
  for (std::int64_t i = 0; i < from.sequences(); ++i) {
    bool counts = false;
    for (std::int64_t t = 0; t < from.length(i); ++t)
      counts = counts || from.counts(from.starts[static_cast<std::size_t>(i)] + t);
    if (counts) usable.push_back(i);
  }
  const auto count = static_cast<std::int64_t>(usable.size());
  if (share == 0 || count < least_sequences) return {from, {}};
  const RowSplit split = split_rows(count, share, seed, "cloning");
  const auto chosen = [&](std::vector<std::int64_t> places) {
    for (std::int64_t& place : places) place = usable[static_cast<std::size_t>(place)];
    std::sort(places.begin(), places.end());
    return sequences_of(from, places);
  };
  return {chosen(split.training), chosen(split.validation)};
}

HeldOutSequences::HeldOutSequences(SequenceCloning& cloning, Transitions sequences)
    : cloning_(cloning),
      sequences_(std::move(sequences)),
      store_(cloning.policy().device()),
      keeping_(cloning.policy().device()),
      restoring_(cloning.policy().device()) {
  const Parameters& parameters = cloning.policy().parameters();
  Array& best = store_.create("held_out/best", {parameters.elements()});
  loss_ = &store_.create("held_out/least", {1});
  loss_->write({std::numeric_limits<double>::infinity()});
  keeping_.assign(best, identity(keeping_.use(parameters.flat())));
  restoring_.assign(parameters.flat(), identity(restoring_.use(best)));
}

double HeldOutSequences::validate() {
  const std::vector<double> scores = cloning_.log_probabilities(sequences_, draws);
  double total = 0, counted = 0;
  for (std::size_t row = 0; row < scores.size(); ++row)
    if (sequences_.counts(static_cast<std::int64_t>(row))) total -= scores[row], counted += 1;
  const double loss = total / counted;
  if (!(loss < best())) return loss;
  loss_->write({loss});
  keeping_.run();
  return best();  // as it was kept, in the store's precision
}

double HeldOutSequences::best() const { return loss_->read()[0]; }

void HeldOutSequences::keep_best() {
  if (std::isfinite(best())) restoring_.run();
}

}  // namespace understudy
