// What the demonstration learns: pairs to train on and to hold out, and what a policy that learned
// them does.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "algorithms/cloning/behavior_cloning.h"
#include "cli/reports/svg.h"

namespace understudy::cli {

// A policy: for states [n, input_width], an action each.
using Actor = std::function<std::vector<float>(const std::vector<float>&)>;

struct Acted {
  double score = 0;     // see DemoTask::score_name
  std::string picture;  // inline SVG
};

// A density in closed form to compare with: it sees the first `inputs` numbers of a state.
struct ClosedForm {
  std::string name;
  std::int64_t inputs = 0;
};

class DemoTask {
 public:
  virtual ~DemoTask() = default;
  // Lets a policy act where it can be seen and counted; `css_class` colors what it does.
  virtual Acted act(const Actor& actor, const std::string& css_class) const = 0;

  std::string name, title;
  std::string about;    // HTML: what the data are, and what to look at
  std::string caveats;  // HTML
  std::string score_name, score_unit;
  int score_decimals = 2;
  double expert_score = -1;  // of the held-out expert itself; below 0: has none
  Transitions train, held_out;
  // Actions are divided by this; log-densities below are of actions as they were.
  double unit = 1;
  double regression_std = 1;  // of the model that learns no deviation, in divided units
  double min_std = 0.01;      // of the others, in divided units
  std::int64_t components = 8, batch = 512, iterations = 3000;
  double learning_rate = 2e-3;
  std::vector<ClosedForm> closed_forms;
};

// Pen strokes of the folder omniglot_strokes in `data`. A file that is missing or not as described
// there is an Error.
std::unique_ptr<DemoTask> stroke_task(const std::string& data);
// A generated road with a tree in it.
std::unique_ptr<DemoTask> fork_task(std::uint64_t seed);

struct DemoModel {
  std::string name, css_class;
  std::int64_t parameters = 0;
  double nats = 0;  // mean -log p of held-out actions
  Path curve;       // iteration, nats
  Acted acted;
};
struct DemoLevel {
  std::string name;
  double nats = 0;
};

std::string score_text(const DemoTask& task, double score);

// One page with everything in it.
std::string demo_report(const DemoTask& task, const std::vector<DemoModel>& models,
                        const std::vector<DemoLevel>& levels, std::uint64_t seed);

}  // namespace understudy::cli
