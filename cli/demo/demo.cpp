// understudy demo: behavioral cloning where experts disagree. Three heads on the same network are
// trained on the same pairs: a mixture of Gaussians, one Gaussian, and a Gaussian of fixed
// deviation, which is least squares.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "algorithms/cloning/linear_gaussian.h"
#include "algorithms/policies/gaussian.h"
#include "algorithms/policies/mixture.h"
#include "autograd/files/atomic_file.h"
#include "cli/demo/demo_imitation.h"
#include "cli/demo/demo_task.h"
#include "cli/session/command.h"
#include "cli/session/progress.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

constexpr std::int64_t curve_points = 25;
constexpr double max_std = 10;  // of a mixture, in divided units

struct DemoOptions {
  std::string out = "build/demo", data, task = "imitation";
  std::int64_t iterations = 0;  // 0: the task's own
};

std::unique_ptr<DemoTask> choose_task(const DemoOptions& options, const Common& common) {
  std::string data = options.data;
  const char* from_environment = std::getenv("UNDERSTUDY_DATA");
  const bool named = !data.empty() || options.task == "strokes";
  if (data.empty() && from_environment != nullptr) data = from_environment;
  if (options.task == "strokes" && data.empty())
    fail(ErrorKind::bad_input, "demo: the strokes need --data DIR or UNDERSTUDY_DATA");
  if (options.task == "fork" || data.empty()) return fork_task(common.seed);
  if (!named && !std::filesystem::exists(data + "/omniglot_strokes")) {
    if (!common.quiet)
      std::fprintf(stderr, "no omniglot_strokes in UNDERSTUDY_DATA: a generated fork instead\n");
    return fork_task(common.seed);
  }
  return stroke_task(data);
}

// Mean -log p of actions as they were, from log-densities of actions divided by the task's unit.
double nats(const DemoTask& task, const std::vector<double>& log_probabilities) {
  const double total = std::accumulate(log_probabilities.begin(), log_probabilities.end(), 0.0);
  return static_cast<double>(task.held_out.actions.width()) * std::log(task.unit) -
         total / static_cast<double>(log_probabilities.size());
}

DemoModel train(Device& device, const DemoTask& task, const Common& common, std::int64_t iterations,
                std::size_t which, Progress& progress) {
  static constexpr const char* names[] = {"mixture", "single Gaussian", "least squares"};
  static constexpr const char* classes[] = {"mixture", "gaussian", "regression"};
  DemoModel model;
  model.name = which == 0 ? formatted("mixture of %lld", static_cast<long long>(task.components))
                          : names[which];
  model.css_class = classes[which];
  PolicyDescription description;
  description.observation.shape = {task.train.observations.width()};
  description.action = {ActionKind::continuous, task.train.actions.width()};
  description.trunk.hidden = {64, 64};
  if (which == 2)
    description.head = RegressionOptions{.std = task.regression_std};
  else
    description.head = MixtureOptions{.components = which == 0 ? task.components : 1,
                                      .min_std = task.min_std,
                                      .max_std = max_std};
  Policy policy(device, description, common.seed);
  BehaviorCloning cloning(
      policy, task.train,
      {.batch_size = task.batch, .learning_rate = task.learning_rate, .seed = common.seed});
  model.parameters = cloning.parameter_count();

  const std::int64_t every = std::max<std::int64_t>(1, iterations / curve_points);
  const auto look = [&](std::int64_t iteration) {
    model.nats = nats(task, cloning.log_probabilities(task.held_out));
    model.curve.push_back({static_cast<double>(iteration), model.nats});
  };
  look(0);
  for (std::int64_t i = 1; i <= iterations; ++i) {
    throw_if_interrupted();
    cloning.step();
    if (i % every == 0 || i == iterations) look(i);
    progress.step(model.name, i, iterations, formatted("held-out %.3f nats", model.nats));
  }
  model.acted = task.act(
      [&](const std::vector<float>& states) {
        return which == 2 ? cloning.expectation(states) : cloning.sample(states);
      },
      model.css_class);
  return model;
}

Json as_json(const DemoTask& task, const std::vector<DemoModel>& models,
             const std::vector<DemoLevel>& levels) {
  Json object = {{"task", task.name},
                 {"train_rows", task.train.rows()},
                 {"held_out_rows", task.held_out.rows()},
                 {"score", task.score_name}};
  for (const DemoModel& model : models) {
    Json curve = Json::array();
    for (const Point& point : model.curve) curve.push_back({point.x, point.y});
    object["models"].push_back({{"name", model.name},
                                {"parameters", model.parameters},
                                {"held_out_nats", model.nats},
                                {"score", model.acted.score},
                                {"curve", curve}});
  }
  for (const DemoLevel& level : levels)
    object["closed_forms"].push_back({{"name", level.name}, {"held_out_nats", level.nats}});
  if (task.expert_score >= 0) object["expert_score"] = task.expert_score;
  return object;
}

void print_table(const DemoTask& task, const std::vector<DemoModel>& models,
                 const std::vector<DemoLevel>& levels) {
  std::printf("%-24s  %13s  %s\n", task.title.c_str(), "held-out nats", task.score_name.c_str());
  for (const DemoModel& model : models) {
    const std::string score = score_text(task, model.acted.score);
    std::printf("  %-22s  %13.3f  %s\n", model.name.c_str(), model.nats, score.c_str());
  }
  for (const DemoLevel& level : levels)
    std::printf("  %-22s  %13.3f\n", level.name.c_str(), level.nats);
  if (task.expert_score >= 0)
    std::printf("  %-22s  %13s  %s\n", "the expert", "",
                score_text(task, task.expert_score).c_str());
}

int run(const DemoOptions& options, const Common& common) {
  if (common.resume) fail(ErrorKind::bad_input, "demo: --resume: a demo runs in one go");
  std::unique_ptr<DemoTask> task;
  if (options.task != "imitation") task = choose_task(options, common);
  // Before the work, so that a folder that cannot be is known at once.
  std::error_code error;
  std::filesystem::create_directories(options.out, error);
  if (error)
    fail(ErrorKind::bad_input, "--out %s: %s", options.out.c_str(), error.message().c_str());
  if (task == nullptr) return demo_imitation(options.out, common);

  Session session(common);
  const std::int64_t iterations = options.iterations > 0 ? options.iterations : task->iterations;
  std::vector<DemoModel> models;
  double seconds = 0;
  {
    Progress progress(3 * iterations, common.quiet);
    for (std::size_t which : {0, 1, 2})
      models.push_back(train(session.device(), *task, common, iterations, which, progress));
    seconds = progress.seconds();
  }
  std::vector<DemoLevel> levels;
  for (const ClosedForm& form : task->closed_forms) {
    const LinearGaussian density(task->train, form.inputs);
    levels.push_back({form.name, nats(*task, density.log_probabilities(task->held_out))});
  }
  const std::string report = options.out + "/report.html";
  const std::string page = demo_report(*task, models, levels, common.seed);
  files::write_file_atomically(report, files::bytes_of(page));
  if (common.json) {
    Json object = as_json(*task, models, levels);
    object["seed"] = common.seed;
    object["device"] = session.device().description();
    object["seconds"] = seconds;
    object["report"] = report;
    print(object);
    return 0;
  }
  print_table(*task, models, levels);
  std::printf("%.1f s on %s; %s\n", seconds, session.device().description(), report.c_str());
  return 0;
}

}  // namespace

void add_demo(Verb& root, Command& command) {
  Verb verb =
      root.verb("demo", "From an expert to those who learn from it; writes a table and a report");
  auto options = std::make_shared<DemoOptions>();
  verb.option("--out", options->out, "folder of report.html (default build/demo)");
  verb.option("--data", options->data,
              "folder that holds omniglot_strokes (default: UNDERSTUDY_DATA)");
  verb.option("TASK,--task", options->task,
              "imitation (default), or cloning where experts disagree: strokes, fork, auto")
      .one_of({"imitation", "strokes", "fork", "auto"});
  verb.option("--iterations", options->iterations, "strokes, fork: steps of each model")
      .between(std::int64_t{1}, std::int64_t{1000000000});
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
