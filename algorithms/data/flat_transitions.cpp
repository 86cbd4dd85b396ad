#include "algorithms/data/flat_transitions.h"

#include "algorithms/data/series_reader.h"

namespace understudy {

namespace {

bool is_set(const std::vector<std::uint8_t>& flags, std::int64_t step) {
  return !flags.empty() && flags[static_cast<std::size_t>(step)] != 0;
}

}  // namespace

bool EpisodeFlags::set(std::int64_t step) const {
  return is_set(terminated, step) || is_set(truncated, step) || is_set(done, step);
}

bool any_set(const EpisodeFlags& flags, std::int64_t steps) {
  for (std::int64_t step = 0; step < steps; ++step) {
    if (flags.set(step)) return true;
  }
  return false;
}

std::vector<std::int64_t> starts_by(const EpisodeFlags& flags, std::int64_t steps) {
  std::vector<std::int64_t> starts = {0};
  for (std::int64_t step = 0; step < steps; ++step) {
    if (flags.set(step) || step + 1 == steps) starts.push_back(step + 1);
  }
  return starts;
}

void set_ends(Demonstrations& made, const EpisodeFlags& flags, bool by_flags) {
  const bool tells_terminated = !flags.terminated.empty(),
             tells_truncated = !flags.truncated.empty();
  std::int64_t open = 0;
  made.terminal.clear();
  made.end_unknown.clear();
  for (std::int64_t e = 0; e < made.episodes(); ++e) {
    const std::int64_t last = made.first_action(e + 1) - 1;
    const bool terminated = is_set(flags.terminated, last),
               truncated = is_set(flags.truncated, last), done = is_set(flags.done, last);
    // What ends an episode and is not the one that a file tells is the other.
    const bool told_by_done = done && tells_terminated != tells_truncated;
    const bool flagged = terminated || truncated || done;
    if (!flagged && by_flags)
      made.remarks.push_back("no flag ends the last episode: the file ends within it");
    EpisodeEnd end = EpisodeEnd::unknown;
    if (terminated || (!truncated && told_by_done && tells_truncated)) {
      end = EpisodeEnd::terminated;
    } else if (truncated || told_by_done ||
               (!flagged && !by_flags && tells_terminated && !tells_truncated)) {
      end = EpisodeEnd::truncated;
    }
    made.terminal.push_back(end == EpisodeEnd::terminated);
    made.end_unknown.push_back(end == EpisodeEnd::unknown);
    open += end == EpisodeEnd::unknown;
  }
  if (open == 0) made.end_unknown.clear();
  if (!flags.done.empty() && !tells_terminated && !tells_truncated) {
    made.remarks.push_back("`dones` say where episodes end, and not whether they ran out of time");
  }
}

std::int64_t flagged_within(const Demonstrations& made, const EpisodeFlags& flags) {
  for (std::int64_t e = 0; e < made.episodes(); ++e) {
    for (std::int64_t step = made.first_action(e); step + 1 < made.first_action(e + 1); ++step) {
      if (is_set(flags.terminated, step)) return step;
    }
  }
  return -1;
}

void add_last_observations(Demonstrations& made, const Series& next, const char* name) {
  const auto leave = [&](const std::string& why) {
    made.remarks.push_back(std::string(name) + " not read: " + why);
  };
  const Series& seen = made.observations;
  if (seen.in_bytes()) return leave("pictures stay where they lie in the file");
  std::int64_t others = 0;
  for (std::int64_t e = 0; e < made.episodes(); ++e) {
    for (std::int64_t i = made.first_action(e); i + 1 < made.first_action(e + 1); ++i) {
      others += !same_row(next, i, seen, i + 1);
    }
  }
  if (others > 0) {
    return leave("after " + std::to_string(others) + " of " + std::to_string(made.steps()) +
                 " steps it is not what the next row observes: rows do not follow one another");
  }
  Series whole = seen.like();
  for (std::int64_t e = 0; e < made.episodes(); ++e) {
    whole.append(seen, made.first_action(e), made.length(e));
    whole.append(next, made.first_action(e + 1) - 1, 1);
  }
  made.observations = std::move(whole);
  made.last_observation = true;
}

}  // namespace understudy
