// The part of a page about latent codes: where each category leads, and which of them the
// demonstrations are taken for.

#include <filesystem>

#include "algorithms/adversarial/posterior.h"
#include "algorithms/data/demonstration_files.h"
#include "cli/reports/chart.h"
#include "cli/reports/report.h"
#include "cli/session/resolve_environment.h"
#include "cli/training/player.h"

namespace understudy::cli {

namespace {

constexpr std::int64_t episodes_a_code = 3, most_codes_drawn = 8;

// The columns that are drawn: those named x and y, or the first two.
std::pair<std::size_t, std::size_t> place_columns(const EnvironmentDescription& environment) {
  std::pair<std::size_t, std::size_t> found{0, 1};
  for (int i = 0; i < environment.observation_size; ++i) {
    const std::string name = environment.observation_names[i];
    if (name == "x") found.first = static_cast<std::size_t>(i);
    if (name == "y") found.second = static_cast<std::size_t>(i);
  }
  return found;
}

std::string trajectories(Policy& policy, const EnvironmentDescription& environment) {
  const auto [x, y] = place_columns(environment);
  std::vector<Curve> curves;
  const std::int64_t codes = std::min(policy.description().codes.categories, most_codes_drawn);
  for (std::int64_t k = 0; k < codes; ++k) {
    std::string code = std::to_string(k);
    for (std::int64_t d = 0; d < policy.description().codes.continuous; ++d) code += ",0";
    const PlayOptions how = {
        .episodes = episodes_a_code, .deterministic = false, .seed = 1, .code = code};
    const auto player = make_player(policy, how);
    const Demonstrations played = play(policy.device(), environment, *player, how);
    const std::size_t width = static_cast<std::size_t>(played.observations.width());
    for (std::int64_t e = 0; e < played.episodes(); ++e) {
      Curve curve{"code " + code, series_class(static_cast<std::size_t>(k)), {}};
      for (std::int64_t t = 0; t < played.observations_of(e); ++t) {
        const float* row =
            &played.observations
                 .numbers[static_cast<std::size_t>(played.first_observation(e) + t) * width];
        curve.points.push_back({static_cast<double>(row[x]), static_cast<double>(row[y])});
      }
      curves.push_back(std::move(curve));
    }
  }
  return "<h3>What each code does</h3>\n" + chart(curves, {}, environment.observation_names[x],
                                                  environment.observation_names[y],
                                                  {.width = 480, .height = 480, .values = false});
}

std::string demonstrated(Device& device, const ReportRun& run, const Policy& policy) {
  const std::string path = run.path + "/posterior.safetensors";
  if (!std::filesystem::exists(path) || !run.config.contains("demonstrations")) return "";
  std::vector<std::string> names;
  for (const Json& name : run.config["demonstrations"])
    if (name.is_string() && std::filesystem::exists(name.get<std::string>()))
      names.push_back(name.get<std::string>());
  if (names.empty()) return "";
  const PolicyDescription& d = policy.description();
  const DemonstrationSpaces spaces = demonstration_spaces({d.observation, d.action});
  const auto posterior = Posterior::load(device, path, {d.observation, d.action});
  const Demonstrations episodes = load_demonstrations(names, &spaces);
  const std::vector<double> said = codes_of_episodes(*posterior, episodes);
  std::vector<std::vector<Json>> rows;
  for (std::int64_t k = 0; k < d.codes.categories; ++k) {
    std::int64_t likeliest = 0;
    double mean = 0;
    for (std::int64_t e = 0; e < episodes.episodes(); ++e) {
      const double* code = &said[static_cast<std::size_t>(e * d.codes.width())];
      likeliest += std::max_element(code, code + d.codes.categories) - code == k;
      mean += code[k] / static_cast<double>(episodes.episodes());
    }
    rows.push_back(
        {formatted("code %lld", static_cast<long long>(k)), likeliest, formatted("%.3f", mean)});
  }
  return "<h3>What the demonstrations are taken for</h3>\n" +
         html_table({"", "episodes likeliest of it", "mean probability"}, rows);
}

}  // namespace

std::string codes_section(const ReportRun& run) {
  const std::string file = run.path + "/policy.safetensors";
  if (!std::filesystem::exists(file) || !run.config.contains("environment") ||
      !run.config["environment"].is_string() || Policy::describe(file).codes.categories == 0)
    return "";
  const auto device = cpu_device();
  const auto policy = Policy::load(*device, file);
  std::string html;
  try {
    const EnvironmentDescription& environment =
        resolve_environment(run.config["environment"].get<std::string>());
    if (environment.observation_size > 1) html += trajectories(*policy, environment);
  } catch (const Error& gone) {
    if (gone.kind() == ErrorKind::interrupted) throw;
    html += "<p class=\"small\">No trajectories: " + escaped(gone.what()) + "</p>\n";
  }
  return html + demonstrated(*device, run, *policy);
}

}  // namespace understudy::cli
