// The part of a report that shows how a learned policy behaves.

#include <cmath>
#include <filesystem>

#include "cli/reports/render.h"
#include "cli/reports/report.h"
#include "cli/reports/svg.h"
#include "cli/session/resolve_environment.h"
#include "cli/training/player.h"

namespace understudy::cli {

namespace {

constexpr int picture_width = 420;
constexpr double seconds_a_frame = 0.02;

// What is not there or not a number stays empty.
std::vector<Json> row(const std::string& name, double mean, const Json& interval,
                      const EnvironmentDescription& environment) {
  const double share = (mean - environment.random_return) /
                       (environment.reference_return - environment.random_return);
  const bool bounded = interval.is_array() && interval.size() == 2 && interval[0].is_number();
  return {name, std::isfinite(mean) ? Json(formatted("%.2f", mean)) : Json(),
          bounded ? Json(formatted("%.2f to %.2f", interval[0].get<double>(),
                                   interval[1].get<double>()))
                  : Json(),
          std::isfinite(share) ? Json(formatted("%.3f", share)) : Json()};
}

}  // namespace

std::string behavior_section(const ReportRun& run) {
  if (!run.config.contains("environment") || !run.config["environment"].is_string()) return "";
  const EnvironmentDescription& environment =
      resolve_environment(run.config["environment"].get<std::string>());
  std::string html = "<h3>Return</h3>\n";
  std::vector<std::vector<Json>> rows = {
      row("uniform actions", environment.random_return, {}, environment)};
  if (run.result.contains("return_mean"))
    rows.push_back(row(run.config.value("algorithm", "this run"),
                       run.result["return_mean"].get<double>(),
                       run.result.value("return_ci95", Json()), environment));
  rows.push_back(row("reference", environment.reference_return, {}, environment));
  html += html_table({"who acts", "mean return", "95 % of the mean", "normalized"}, rows);

  if (environment.draw == nullptr || !std::filesystem::exists(run.path + "/policy.safetensors"))
    return html;
  const std::unique_ptr<Device> device = cpu_device();
  const std::unique_ptr<Policy> policy = load_policy(*device, run.path);
  require_spaces(*policy, environment, run.path);
  const PlayOptions how = {.episodes = 1, .seed = 1};
  const auto player = make_player(*policy, how);
  std::vector<double> states;
  const Demonstrations played = play(*device, environment, *player, how, &states);
  return html + "<h3>An episode</h3>\n<p class=\"small\">" +
         formatted("%lld steps, return %.4g.</p>\n", static_cast<long long>(played.steps()),
                   played.returns()[0]) +
         animation_of(environment, states, seconds_a_frame, picture_width) + "\n";
}

}  // namespace understudy::cli
