// understudy reproduce distillation: how much of its teacher's return a small student keeps, by the
// states that it is trained on and by its target there (Rusu et al. 2016 compare targets, their
// table 1; Ross et al. 2011 on cloning is why the states may matter).
//
// Teachers are the experts of trpo-classic, with two layers. Students have one layer of 16 units.
// Each round adds states; all rounds' states are kept.

#include "algorithms/cloning/dagger.h"
#include "algorithms/policies/evaluation.h"
#include "cli/reproduce/reproduce.h"
#include "cli/reproduce/trpo_classic.h"

namespace understudy::cli {

namespace distillation {

constexpr std::int64_t default_seeds = 5, episodes = 100, student_units = 16;

enum class Learns : std::int8_t { distribution, draws, mode };

struct Student {
  double share;  // the teacher's of the steps
  Learns learns;
  const char *states, *what;
};
constexpr Student students[] = {
    {1, Learns::distribution, "the teacher's", "the distribution"},
    {1, Learns::draws, "the teacher's", "a draw"},
    {1, Learns::mode, "the teacher's", "the mode"},
    {0.5, Learns::distribution, "a half each", "the distribution"},
    {0.5, Learns::draws, "a half each", "a draw"},
    {0.5, Learns::mode, "a half each", "the mode"},
    {0, Learns::distribution, "the student's", "the distribution"},
    {0, Learns::draws, "the student's", "a draw"},
    {0, Learns::mode, "the student's", "the mode"},
};

constexpr OptionChoice environments[] = {{0, "acrobot"}, {1, "pendulum"}};
struct Options {
  std::string environment;
  std::int64_t rounds = 20, states = 1000, training_steps = 2000;
};
void list_options(OptionList& list, Options& o) {
  list.fields(
      o, option("environment", o.environment, environments, "one of them; by default both"),
      option("rounds", o.rounds, "of each student", {.least = 1}),
      option("states", o.states, "in a round", {.least = 1}),
      option("training_steps", o.training_steps, "gradient steps in a round", {.least = 1}));
}

double mean_return(const Policy& policy, const EnvironmentDescription& environment,
                   std::uint64_t seed) {
  return evaluate_policy(policy, environment, {.episodes = episodes, .seed = seed}).mean;
}

PolicyDescription described(const Policy& teacher) {
  PolicyDescription description = teacher.description();
  description.trunk.hidden = {student_units};
  return description;
}

double learn(Device& device, const Student& student, const Policy& teacher,
             const EnvironmentDescription& environment, const Options& options,
             std::uint64_t seed) {
  Policy policy(device, described(teacher), seed);
  BatchWorld world(device, environment, 10, seed);
  // For the targets `distribution` and `draws` the acting policy samples.
  PolicyExpert expert(teacher, student.learns == Learns::mode, ~seed);
  Dagger::Options how;
  how.schedule = BetaSchedule::constant;
  how.share = student.share;
  how.steps = options.states;
  how.training_steps = options.training_steps;
  how.deterministic = student.learns == Learns::mode;
  if (student.learns == Learns::distribution) how.teacher = &teacher;
  how.seed = seed;
  Dagger dagger(policy, world, expert, how);
  for (std::int64_t i = 0; i < options.rounds; ++i) {
    throw_if_interrupted();
    dagger.step();
  }
  return mean_return(policy, environment, seed);
}

void run(Reproduction& reproduction, const Options& options) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  CpuSession cpu(reproduction.common);
  Device& device = cpu.device();
  for (const std::string& name : {std::string("acrobot"), std::string("pendulum")}) {
    if (!options.environment.empty() && options.environment != name) continue;
    const EnvironmentDescription& environment = environment_named(name.c_str());
    std::vector<double> teachers, returns[std::size(students)], lost[std::size(students)];
    std::int64_t large = 0, small = 0;
    for (std::int64_t i = 0; i < seeds; ++i) {
      const std::uint64_t seed = reproduction.seed(i);
      const auto teacher = classic_expert(device, name, seed);
      teachers.push_back(mean_return(*teacher, environment, seed));
      large = teacher->parameters().elements();
      small = Policy(device, described(*teacher)).parameters().elements();
      for (std::size_t k = 0; k < std::size(students); ++k) {
        returns[k].push_back(learn(device, students[k], *teacher, environment, options, seed));
        lost[k].push_back(returns[k].back() - teachers.back());
      }
    }
    Table table;
    table.title = formatted("%s: students with %lld parameters, teachers with %lld", name.c_str(),
                            static_cast<long long>(small), static_cast<long long>(large));
    table.columns = {"states", "learns", "return", "beside its teacher"};
    table.rows.push_back({"", "(teachers)", shown(spread_of(teachers)), Json()});
    for (std::size_t k = 0; k < std::size(students); ++k)
      table.rows.push_back({students[k].states, students[k].what, shown(spread_of(returns[k])),
                            shown(spread_of(lost[k]))});
    table.note = formatted(
        "mean and half of a 95 %% interval over %lld seeds, a teacher each; %lld rounds of %lld "
        "states and %lld steps; %lld deterministic episodes",
        static_cast<long long>(seeds), static_cast<long long>(options.rounds),
        static_cast<long long>(options.states), static_cast<long long>(options.training_steps),
        static_cast<long long>(episodes));
    reproduction.tables.push_back(std::move(table));
  }
}

}  // namespace distillation

Experiment distillation_experiment() {
  return with_settings<distillation::Options>(
      "distillation", "How much small students keep of their teachers' return",
      "Rusu et al. 2016, section 5 (their games are Atari's)", distillation::run);
}

}  // namespace understudy::cli
