// The part of a report that shows how a learned policy behaves.

#include <cmath>
#include <filesystem>

#include "cli/reports/render.h"
#include "cli/reports/report.h"
#include "cli/reports/svg.h"
#include "cli/session/resolve_environment.h"
#include "cli/training/player.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

constexpr int picture_width = 420;
constexpr double seconds_a_frame = 0.02;

// What is not there or not a number stays empty.
std::vector<Json> row(const std::string& name, double mean, const Json& interval, double share) {
  const bool bounded = interval.is_array() && interval.size() == 2 && interval[0].is_number();
  return {name, std::isfinite(mean) ? Json(formatted("%.2f", mean)) : Json(),
          bounded ? Json(formatted("%.2f to %.2f", interval[0].get<double>(),
                                   interval[1].get<double>()))
                  : Json(),
          std::isfinite(share) ? Json(formatted("%.3f", share)) : Json()};
}

// The return beside the environment's marks, where the environment is still there.
std::string returns(const ReportRun& run, const EnvironmentDescription* environment) {
  std::vector<std::vector<Json>> rows;
  if (environment != nullptr && std::isfinite(environment->random_return))
    rows.push_back(row("uniform actions", environment->random_return, {}, 0));
  if (run.result.contains("return_mean"))
    rows.push_back(row(run.algorithm.empty() ? "this run" : run.algorithm,
                       run.result["return_mean"].get<double>(),
                       run.result.value("return_ci95", Json()), run.normalized));
  if (environment != nullptr && std::isfinite(environment->reference_return))
    rows.push_back(row("reference", environment->reference_return, {}, 1));
  if (rows.empty()) return "";
  const Table table = without_empty_columns(
      {"", {"who acts", "mean return", "95 % of the mean", "normalized"}, rows, ""});
  return "<h3>Return</h3>\n" + html_table(table.columns, table.rows);
}

}  // namespace

std::string behavior_section(const ReportRun& run) {
  if (!run.config.contains("environment") || !run.config["environment"].is_string()) return "";
  const EnvironmentDescription* found = nullptr;
  std::string gone;
  try {
    found = &resolve_environment(run.config["environment"].get<std::string>());
  } catch (const Error& error) {
    gone = "<p class=\"small\">No episode: " + escaped(error.what()) + "</p>\n";
  }
  std::string html = returns(run, found) + gone;
  if (found == nullptr || found->draw == nullptr ||
      !std::filesystem::exists(run.path + "/policy.safetensors"))
    return html;
  const EnvironmentDescription& environment = *found;
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
