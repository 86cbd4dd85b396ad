// understudy predict RUN: a policy's actions for given observations, or the latent codes behind
// given demonstrations.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "algorithms/adversarial/posterior.h"
#include "algorithms/data/demonstration_files.h"
#include "autograd/files/bytes.h"
#include "autograd/files/npz.h"
#include "cli/training/player.h"
#include "cli/training/policy_answers.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;

struct PredictOptions {
  std::string run, inputs, out, code;
  Index samples = 0;
  bool raw = false, codes = false;
};

// `count` actions of one row each, or [rows, samples, ...] where samples > 0.
files::Array as_array(const std::vector<double>& values, bool index, Index rows, Index samples,
                      Index width) {
  files::Shape shape = {rows};
  if (samples > 0) shape.push_back(samples);
  if (!index) shape.push_back(width);
  if (index) {
    const std::vector<std::int64_t> whole(values.begin(), values.end());
    return files::Array::from<std::int64_t>(shape, whole);
  }
  const std::vector<float> numbers(values.begin(), values.end());
  return files::Array::from<float>(shape, numbers);
}

files::Array series_array(const Series& series) {
  files::Shape shape = {series.rows()};
  if (series.discrete) return files::Array::from<std::int64_t>(shape, series.indices);
  shape.push_back(series.width());
  return files::Array::from<float>(shape, series.numbers);
}

// The whole file, as episodes. A table says what its whole numbers are by the policy's spaces.
Demonstrations read_episodes(const std::string& path, const Policy& policy) {
  if (!path.ends_with(".csv")) return load_demonstrations(path);
  const PolicyDescription& d = policy.description();
  DemonstrationSpaces spaces = demonstration_spaces({d.observation, d.action});
  spaces.action_low = spaces.action_high = {};  // how likely actions beyond bounds are can be asked
  return load_demonstrations(path, &spaces);
}

// What is asked about: `obs`, and what else tells of episodes and actions where it is there.
files::NamedArrays read_inputs(const std::string& path, const Policy& policy) {
  std::vector<std::string> others;
  if (path.ends_with(".csv")) {
    const Demonstrations episodes = read_episodes(path, policy);
    files::NamedArrays inputs;
    inputs.emplace("obs", series_array(episodes.observations));
    inputs.emplace("acts", series_array(episodes.actions));
    inputs.emplace("episode_ends", files::Array());
    return inputs;
  }
  files::NamedArrays inputs = read_demonstration_arrays(path, others);
  if (inputs.contains("obs")) return inputs;
  std::string found;
  for (const std::string& name : others) found += (found.empty() ? "" : ", ") + name;
  fail(ErrorKind::bad_file,
       "%s: expected an array `obs`, or what docs/data.md lists for it, found %s", path.c_str(),
       found.empty() ? "none" : files::shown(found, 160).c_str());
}

std::vector<float> rows_of(const files::Array& array, const std::string& what, Index width,
                           Index& rows) {
  rows = array.rank() == 0 ? 0 : array.shape()[0];
  if (rows == 0 || array.count() != rows * width)
    fail(ErrorKind::bad_shape, "%s: expected rows of %lld numbers, found shape %s", what.c_str(),
         static_cast<long long>(width), files::to_string(array.shape()).c_str());
  std::vector<float> values = array.converted<float>(what);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      fail(ErrorKind::bad_input, "%s, row %lld: expected a finite number, found %g", what.c_str(),
           static_cast<long long>(static_cast<Index>(i) / width), static_cast<double>(values[i]));
  return values;
}

// Rows of one number, each an index below `choices`.
void require_indices(const std::vector<float>& values, const std::string& file, const char* name,
                     Index choices) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!(values[i] >= 0 && values[i] < static_cast<float>(choices)) ||
        values[i] != static_cast<float>(int(values[i])))
      fail(ErrorKind::bad_input, "%s: %s, row %zu: expected 0 to %lld, found %g", file.c_str(),
           name, i, static_cast<long long>(choices - 1), static_cast<double>(values[i]));
}

// ---- Latent codes ----

// What the run's posterior says of whole demonstrations, an episode a row: the probability of each
// category, then the numbers' means.
int infer_codes(const PredictOptions& options, Session& session, const Policy& policy,
                const Common& common) {
  const std::string path = options.run + "/posterior.safetensors";
  if (!std::filesystem::exists(path))
    fail(ErrorKind::bad_input, "--codes: %s: expected a run of infogail with posterior.safetensors",
         options.run.c_str());
  const PolicyDescription& d = policy.description();
  DemonstrationSpaces spaces = demonstration_spaces({d.observation, d.action});
  spaces.action_low = spaces.action_high = {};
  const Demonstrations episodes = load_demonstrations(options.inputs, &spaces);
  const auto posterior = Posterior::load(session.device(), path, {d.observation, d.action});
  const std::vector<double> codes = codes_of_episodes(*posterior, episodes);
  const Index width = d.codes.width(), categories = d.codes.categories;
  std::vector<std::int64_t> likeliest, of_each(static_cast<std::size_t>(categories), 0);
  for (Index e = 0; categories > 0 && e < episodes.episodes(); ++e) {
    const auto first = codes.begin() + e * width;
    likeliest.push_back(std::max_element(first, first + categories) - first);
    ++of_each[static_cast<std::size_t>(likeliest.back())];
  }
  files::NamedArrays arrays;
  const std::vector<float> narrow(codes.begin(), codes.end());
  arrays["codes"] = files::Array::from<float>({episodes.episodes(), width}, narrow);
  if (categories > 0)
    arrays["category"] = files::Array::from<std::int64_t>({episodes.episodes()}, likeliest);
  files::write_npz(options.out, arrays);
  if (common.json) {
    print({{"episodes", episodes.episodes()}, {"of_each_category", of_each}, {"out", options.out}});
  } else if (!common.quiet) {
    std::printf("%lld episodes; %s\n", static_cast<long long>(episodes.episodes()),
                options.out.c_str());
    for (std::size_t k = 0; k < of_each.size(); ++k)
      std::printf("category %zu: %lld episodes\n", k, static_cast<long long>(of_each[k]));
  }
  return 0;
}

// The code of each row, [rows, codes.width()]: the one given, or one drawn for each episode that
// `starts` tells apart.
std::vector<double> codes_of_rows(const PredictOptions& options, const CodeSpace& codes,
                                  const std::vector<Index>& starts, std::uint64_t seed) {
  if (!options.code.empty()) return code_named(codes, options.code, "--code");
  const Index episodes = static_cast<Index>(starts.size()) - 1;
  const std::vector<double> drawn = draw_codes(codes, episodes, seed);
  std::vector<double> all;
  for (std::size_t e = 0; e + 1 < starts.size(); ++e) {
    const auto code = drawn.begin() + static_cast<Index>(e) * codes.width();
    for (Index row = starts[e]; row < starts[e + 1]; ++row)
      all.insert(all.end(), code, code + codes.width());
  }
  return all;
}

int run(const PredictOptions& options, const Common& common) {
  Session session(common);
  const auto policy = load_policy(session.device(), options.run);
  const CodeSpace& codes = policy->description().codes;
  if (!codes.any() && (options.codes || !options.code.empty()))
    fail(ErrorKind::bad_input, "%s: expected a policy with latent codes for %s, found one without",
         options.run.c_str(), options.codes ? "--codes" : "--code");
  if (options.codes) return infer_codes(options, session, *policy, common);
  const bool index = policy->description().action.kind == ActionKind::discrete;
  PolicyAnswers answers(*policy, common.seed);
  const files::NamedArrays file = read_inputs(options.inputs, *policy);
  Index rows = 0;
  std::vector<float> observations = rows_of(file.at("obs"), options.inputs + ": obs",
                                            answers.observation_width() - codes.width(), rows);
  const Index choices = policy->description().observation.choices();
  if (choices >= 0) require_indices(observations, options.inputs, "obs", choices);
  const Index width = answers.action_width();

  // Rows of a demonstrations' file are those of its episodes; hidden states are reset between them.
  // Whoever has codes keeps one throughout an episode.
  std::vector<Index> starts = {0, rows};
  if ((policy->has_memory() || codes.any()) &&
      (file.contains("acts") || file.contains("indices") || file.contains("episode_ends") ||
       file.contains("episode_lengths"))) {
    const Demonstrations episodes = read_episodes(options.inputs, *policy);
    starts.clear();
    for (Index e = 0; e < episodes.episodes(); ++e) starts.push_back(episodes.first_observation(e));
    starts.push_back(rows);
    if (policy->has_memory()) answers.as_episodes(starts);
  }
  files::NamedArrays arrays;
  const auto coded = [&](const std::vector<float>& seen, const std::vector<Index>& of) {
    if (!codes.any()) return seen;
    const std::vector<double> each = codes_of_rows(options, codes, of, common.seed);
    return with_codes(seen, policy->description().observation.width(), each, codes.width());
  };
  observations = coded(observations, starts);
  if (codes.any()) {
    const Index seen = answers.observation_width(), last = codes.width();
    std::vector<float> each;
    for (Index row = 0; row < rows; ++row)
      each.insert(each.end(), observations.begin() + (row + 1) * seen - last,
                  observations.begin() + (row + 1) * seen);
    arrays["codes"] = files::Array::from<float>({rows, last}, each);
  }

  Index beyond = 0;
  const auto clipped = [&](std::vector<double> actions) {
    if (!options.raw) beyond += clip_to_bounds(policy->description().action, actions);
    return actions;
  };
  arrays["acts"] = as_array(clipped(answers.modes(observations)), index, rows, 0, width);
  if (options.samples > 0) {
    std::vector<double> all(static_cast<std::size_t>(rows * options.samples * width));
    for (Index k = 0; k < options.samples; ++k) {
      const std::vector<double> drawn = clipped(answers.samples(observations));
      for (Index i = 0; i < rows; ++i)
        std::copy_n(drawn.begin() + i * width, width,
                    all.begin() + (i * options.samples + k) * width);
    }
    arrays["samples"] = as_array(all, index, rows, options.samples, width);
  }
  if (file.contains("acts")) {
    Index found = 0;
    const std::vector<float> actions =
        rows_of(file.at("acts"), options.inputs + ": acts", width, found);
    std::vector<float> acted_on = observations;
    if (found != rows && policy->has_memory())
      answers.as_episodes(read_episodes(options.inputs, *policy).starts);
    if (found != rows) {
      // Whole episodes have one observation more each, after the last action.
      const Demonstrations demonstrations = read_episodes(options.inputs, *policy);
      const Transitions steps = transitions(demonstrations);
      acted_on = steps.observations.discrete
                     ? std::vector<float>(steps.observations.indices.begin(),
                                          steps.observations.indices.end())
                     : steps.observations.numbers;
      if (codes.any()) acted_on = coded(acted_on, demonstrations.starts);
    }
    if (index) require_indices(actions, options.inputs, "acts", policy->description().action.size);
    arrays["log_probability"] = files::Array::from(answers.log_probabilities(acted_on, actions));
  }
  files::write_npz(options.out, arrays);
  if (common.json)
    print(
        {{"rows", rows}, {"samples", options.samples}, {"clipped", beyond}, {"out", options.out}});
  else if (!common.quiet)
    std::printf("%lld rows; %s\n", static_cast<long long>(rows), options.out.c_str());
  if (beyond > 0 && !common.json && !common.quiet)
    std::printf("%lld actions were beyond the bounds, and were clipped to them (not by --raw)\n",
                static_cast<long long>(beyond));
  return 0;
}

}  // namespace

void add_predict(Verb& root, Command& command) {
  Verb verb = root.verb("predict", "A policy's actions for given observations");
  auto options = std::make_shared<PredictOptions>();
  verb.option("RUN", options->run, "a run, or a policy's .safetensors").required();
  verb.option("--inputs", options->inputs, ".npz, .csv or .arrow with obs, perhaps acts")
      .required();
  verb.option("--out", options->out,
              "Y.npz: acts (the modes), samples, log_probability of the given acts")
      .required();
  verb.option("--samples", options->samples, "draws of each row (default 0)").between(0, 1000000);
  verb.option(
      "--code", options->code,
      "of a policy with latent codes, \"2\" or \"0,0.5\"; by default drawn for each episode");
  verb.flag("--codes", options->codes,
            "of a run of infogail: the codes of the episodes in --inputs, in place of actions");
  verb.flag("--raw", options->raw, "the density's own actions, not clipped to their bounds");
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
