#include "algorithms/adversarial/episode_ends.h"

#include <algorithm>

#include "autograd/options/options.h"

namespace understudy {

namespace {

constexpr OptionChoice evidences[] = {
    choice(EndsEvidence::automatic, "automatic"), choice(EndsEvidence::flags, "flags"),
    choice(EndsEvidence::lengths, "lengths"), choice(EndsEvidence::truncated, "truncated")};

// Fewer episodes of one length may be chance.
constexpr std::int64_t enough_of_one_length = 3;

bool starts_alike(const Demonstrations& expert, std::int64_t a, std::int64_t b) {
  const Series& seen = expert.observations;
  const std::int64_t width = seen.width(), i = expert.first_observation(a) * width,
                     j = expert.first_observation(b) * width;
  const auto same = [&](const auto& values) {
    return std::equal(values.begin() + i, values.begin() + i + width, values.begin() + j);
  };
  return seen.discrete ? same(seen.indices) : same(seen.numbers);
}

// Episodes from different starts that all stop after the same number of steps were stopped. (From
// one and the same start, one and the same way takes as long each time.)
bool stopped_by_a_limit(const Demonstrations& expert, std::int64_t horizon) {
  if (expert.episodes() < enough_of_one_length || expert.duration(0) >= horizon) return false;
  bool differ = false;
  for (std::int64_t e = 1; e < expert.episodes(); ++e) {
    if (expert.duration(e) != expert.duration(0)) return false;
    differ = differ || !starts_alike(expert, 0, e);
  }
  return differ;
}

}  // namespace

std::span<const OptionChoice> ends_evidences() { return evidences; }

EpisodeEnds episode_ends(const Demonstrations& expert, std::int64_t horizon,
                         EndsEvidence evidence) {
  EpisodeEnds ends;
  ends.episodes = expert.episodes();
  ends.horizon = horizon;
  std::int64_t flagged = 0, shorter = 0;
  for (std::int64_t e = 0; e < ends.episodes; ++e) {
    ends.steps += expert.duration(e);
    flagged += expert.end(e) == EpisodeEnd::terminated;
    shorter += expert.duration(e) < horizon;
  }
  const std::int64_t known = expert.known_ends();
  const bool limited = stopped_by_a_limit(expert, horizon);
  // `unflagged`: what to think of an episode that no flag says anything of.
  bool by_flags = true, unflagged = false;
  switch (evidence) {
    case EndsEvidence::flags: ends.evidence = "by `terminal`"; break;
    case EndsEvidence::truncated:
      by_flags = false;
      ends.evidence = "all taken as truncated";
      break;
    case EndsEvidence::lengths:
      by_flags = false;
      unflagged = true;
      ends.evidence = "by their lengths";
      break;
    case EndsEvidence::automatic:
      if (horizon == 0) {
        ends.evidence = "by `terminal`, the horizon not being known";
      } else if (limited && (flagged == 0 || flagged == ends.episodes)) {
        by_flags = false;
        ends.evidence = "all stop after " + std::to_string(expert.duration(0)) +
                        " steps, which is taken for a time limit";
      } else if (known < ends.episodes) {
        unflagged = true;
        ends.evidence = known == 0 ? "by their lengths, `terminal` being missing"
                                   : "by `terminal`, and by their lengths where it is missing";
      } else if (flagged == 0 && shorter > 0) {
        by_flags = false;
        unflagged = true;
        ends.evidence = "by their lengths, `terminal` being set nowhere";
      } else {
        ends.evidence = "by `terminal`";
      }
  }
  for (std::int64_t e = 0; e < ends.episodes; ++e) {
    const std::int64_t length = expert.duration(e);
    const EpisodeEnd end = by_flags ? expert.end(e) : EpisodeEnd::unknown;
    const bool terminated =
        end == EpisodeEnd::unknown ? unflagged && length < horizon : end == EpisodeEnd::terminated;
    // What the file says terminated at the horizon has nothing beyond, whichever of both it was.
    const bool beyond = terminated && !(horizon > 0 && length >= horizon);
    ends.by_episode.push_back(beyond ? 1 : 0);
    if (!beyond) continue;
    ++ends.terminated;
    ends.beyond += std::max<std::int64_t>(horizon - length, 0);
  }
  return ends;
}

}  // namespace understudy
