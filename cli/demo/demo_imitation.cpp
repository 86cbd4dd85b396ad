// understudy demo: from expert to understudy. An expert is trained, four demonstrations of it are
// subsampled, and cloning, DAgger and GAIL learn from them; one table, one page.
//
// The table shows the lectures' point: from so few transitions a clone acts well in the expert's
// states and badly elsewhere, and its errors compound along the episode. A learner that acts while
// it learns, querying the expert (DAgger) or comparing with it (GAIL), recovers from its errors.

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "algorithms/data/demonstration_files.h"
#include "algorithms/data/sampling.h"
#include "autograd/files/atomic_file.h"
#include "cli/demo/demo_imitation.h"
#include "cli/reports/chart.h"
#include "cli/reports/page.h"
#include "cli/reports/render.h"
#include "cli/reports/report.h"
#include "cli/reproduce/reproduce.h"
#include "cli/training/player.h"
#include "cli/training/training_run.h"
#include "envs/registry.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

// Few transitions of a task in which a clone does not recover: mostly one of each episode. With
// every 50th step kept a clone of a few more transitions did well on a quarter of the seeds.
constexpr const char* world = "acrobot";
constexpr std::int64_t demonstration_count = 4, keep_every = 100;

struct Row {
  std::string name, css_class;
  Json score;
  std::int64_t interactions = 0, pairs = 0;  // steps of its own; pairs of the expert it has seen
  double seconds = 0;
  Path curve;  // interactions so far, mean return
  std::string picture;
  Json settings;
};

constexpr const char* style = R"(
.bc { --c: var(--s3); } .dagger { --c: var(--s1); } .gail { --c: var(--s0); }
.expert { --c: var(--s2); }
)";

// What everybody here shares.
struct Scene {
  const Common& common;
  Device& device;
  const EnvironmentDescription& environment;
  std::string out;
};

// Trains in out/NAME and looks at what was learned.
Row learn(const Scene& scene, const char* name, const Demonstrations* demonstrations,
          const std::vector<std::string>& set, std::int64_t iterations) {
  const std::string which = name;
  TrainingRun training;
  training.algorithm = &algorithm_named(which == "expert" ? "trpo" : which);
  training.given.set = set;
  training.iterations = iterations;
  training.out = scene.out + "/" + name;
  training.inputs = {.device = &scene.device,
                     .environment = &scene.environment,
                     .demonstrations = demonstrations,
                     .seed = scene.common.seed};
  std::unique_ptr<Policy> expert;
  if (training.algorithm->needs.expert) {
    expert = load_policy(scene.device, scene.out + "/expert");
    training.inputs.teacher = expert.get();
  }
  const Json config = {{"kind", which == "expert" ? "expert" : "train"},
                       {"algorithm", training.algorithm->name},
                       {"environment", scene.environment.name}};
  // A demonstration begins anew each time.
  Common common = scene.common;
  common.overwrite = true;
  const Trained trained = train_in_folder(training, config, common);
  Row row;
  row.name = which == "expert"   ? "TRPO, the expert"
             : which == "bc"     ? "cloning"
             : which == "dagger" ? "DAgger"
                                 : "GAIL";
  row.css_class = name;
  row.score = trained.score;
  row.interactions = trained.interactions;
  row.seconds = trained.seconds;
  row.settings = trained.settings;
  const ProgressTable progress = read_progress(training.out);
  const std::vector<double>* x = progress.find(which == "dagger" ? "transitions" : "interactions");
  const std::vector<double>* y = progress.find(which == "dagger" ? "return_mean" : "latest_return");
  for (std::size_t i = 0; x != nullptr && y != nullptr && i < x->size(); ++i)
    if (std::isfinite((*y)[i])) row.curve.push_back({(*x)[i], (*y)[i]});

  // One episode to show, from the same start for all policies.
  const PlayOptions how = {.episodes = 1, .seed = scene.common.seed + 1};
  const std::unique_ptr<Policy> policy = load_policy(scene.device, training.out);
  const auto player = make_player(*policy, how);
  std::vector<double> states;
  play(scene.device, scene.environment, *player, how, &states);
  row.picture = animation_of(scene.environment, states, 0.02, 380);
  return row;
}

std::string page_of(const Scene& scene, const std::vector<Row>& rows, std::int64_t pairs) {
  std::string page =
      page_begin("from expert to understudy", style) + "<p>" +
      formatted(
          "On <b>%s</b> (%s) an expert was trained by TRPO. Of %lld of its episodes every "
          "%lldth step was kept, %lld transitions in all. Behavioral cloning learned from these "
          "alone, DAgger by querying the expert in the states that it visited itself, GAIL by "
          "acting until a discriminator could not separate its transitions from the expert's."
          "</p>\n",
          scene.environment.name, scene.environment.summary,
          static_cast<long long>(demonstration_count), static_cast<long long>(keep_every),
          static_cast<long long>(pairs));
  page +=
      "<table><tr><th>policy</th><th class=\"number\">return</th><th class=\"number\">normalized"
      "</th><th class=\"number\">environment steps</th></tr>\n";
  for (const Row& row : rows)
    page += "<tr><td>" + escaped(row.name) +
            formatted(
                "</td><td class=\"number\">%.1f &plusmn; %.1f</td><td "
                "class=\"number\">%.3f</td><td class=\"number\">%lld</td></tr>\n",
                row.score["return_mean"].get<double>(), row.score["return_std"].get<double>(),
                row.score["normalised"].is_number() ? row.score["normalised"].get<double>()
                                                    : std::nan(""),
                static_cast<long long>(row.interactions));
  page +=
      "</table>\n<p class=\"small\">Mean &plusmn; standard deviation over 50 episodes. Normalized: "
      "0 is uniform actions, 1 the environment's reference. DAgger also had the expert's label of "
      "each of its states.</p>\n<h2>Learning</h2>\n";
  std::vector<Curve> curves;
  for (const Row& row : rows)
    if (row.curve.size() > 1) curves.push_back({row.name, row.css_class, row.curve});
  // A policy that took no environment steps is a horizontal line.
  std::vector<Curve> levels;
  for (const Row& row : rows)
    if (row.interactions == 0)
      levels.push_back({row.name, "level", {{0, row.score["return_mean"].get<double>()}}});
  page += chart(curves, levels, "steps in the environment", "mean return while learning");
  page += "<h2>What they do</h2>\n";
  for (const Row& row : rows)
    if (!row.picture.empty())
      page += "<figure><figcaption>" + escaped(row.name) + "</figcaption>" + row.picture +
              "</figure>\n";
  std::string settings;
  for (const Row& row : rows)
    if (!row.settings.empty()) settings += facts_table(row.name, row.settings);
  return page + folded("Settings", settings) +
         page_end(formatted(", seed %llu.", static_cast<unsigned long long>(scene.common.seed)));
}

}  // namespace

int demo_imitation(const std::string& out, const Common& common) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  Session session(common);
  const EnvironmentDescription& environment = environment_named(world);
  const Scene scene{common, session.device(), environment, out};
  std::vector<Row> rows;

  Row random;
  random.name = "uniform actions";
  const PlayOptions fifty = {.seed = common.seed};
  const auto nobody = make_player(session.device(), "random", environment, fifty);
  random.score =
      score_json(score_of(play(session.device(), environment, *nobody, fifty), environment));
  rows.push_back(random);
  rows.push_back(learn(scene, "expert", nullptr, {}, 100));

  const PlayOptions four = {.episodes = demonstration_count, .seed = common.seed + 2};
  const auto expert = make_player(session.device(), out + "/expert", environment, four);
  const Demonstrations whole = play(session.device(), environment, *expert, four);
  const Demonstrations few = subsample(whole, keep_every, common.seed, "demonstrations");
  save_demonstrations(out + "/demonstrations.npz", few);

  rows.push_back(learn(scene, "bc", &few, {}, 20));
  rows.push_back(learn(scene, "dagger", &few, {"steps=1000", "training_steps=500"}, 8));
  rows.push_back(learn(scene, "gail", &few, {}, 100));
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();

  const std::string report = out + "/report.html";
  files::write_file_atomically(report, files::bytes_of(page_of(scene, rows, few.steps())));
  if (common.json) {
    Json object = {{"task", "imitation"},
                   {"environment", environment.name},
                   {"demonstrations", demonstration_count},
                   {"pairs", few.steps()}};
    for (const Row& row : rows) {
      Json one = {{"name", row.name}};
      one.update(row.score);
      one["interactions"] = row.interactions;
      one["seconds"] = row.seconds;
      object["rows"].push_back(one);
    }
    object["seed"] = common.seed;
    object["seconds"] = seconds;
    object["report"] = report;
    print(object);
    return 0;
  }
  std::printf("%s, %lld demonstrations, %lld transitions of the expert\n", environment.name,
              static_cast<long long>(demonstration_count), static_cast<long long>(few.steps()));
  std::printf("  %-18s %17s %11s %13s %8s\n", "policy", "return", "normalized", "interactions",
              "seconds");
  for (const Row& row : rows)
    std::printf("  %-18s %8.1f +- %5.1f %11.3f %13lld %8.2f\n", row.name.c_str(),
                row.score["return_mean"].get<double>(), row.score["return_std"].get<double>(),
                row.score["normalised"].get<double>(), static_cast<long long>(row.interactions),
                row.seconds);
  std::printf("%.1f s on %s; %s\n", seconds, session.device().description(), report.c_str());
  return 0;
}

}  // namespace understudy::cli
