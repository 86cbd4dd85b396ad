// A policy as C: a C compiler that knows nothing of us takes it without a warning, and it acts as
// the policy does.

#include "algorithms/policies/export_c.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "algorithms/policies/actor.h"
#include "tests/files/files_test.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;
constexpr int steps = 12;

struct Folder {
  Folder() {
    std::string pattern = testing::TempDir() + "exportXXXXXX";
    path = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

std::string compiler() {
  const char* given = std::getenv("CC");
  return given == nullptr ? "cc" : given;
}

// Steps with numbers far from and near to zero; of an index, every value in turn.
Vector observations(const ObservationSpace& space) {
  std::mt19937 generator(3);
  std::normal_distribution<float> normal(0, 2);
  Vector all;
  for (int i = 0; i < steps * (space.discrete ? 1 : static_cast<int>(space.width())); ++i)
    all.push_back(space.discrete ? static_cast<double>(i % space.width())
                                 : static_cast<double>(normal(generator)));
  return all;
}

// What the exported policy does at each step, its memory empty at first.
Vector act_in_c(const Policy& policy, const Vector& observed) {
  const PolicyDescription& is = policy.description();
  const Folder folder;
  std::ofstream(folder.path + "/policy.c") << policy_as_c(policy, "student");
  std::ofstream main(folder.path + "/main.c");
  main << "#include \"policy.c\"\n#include <stdio.h>\n#include <stdlib.h>\n"
          "int main(void) {\n";
  const std::string memory = policy.has_memory() ? "&memory, " : "";
  if (policy.has_memory()) main << "  student_memory memory;\n  student_forget(&memory);\n";
  main << "  for (int t = 0; t < " << steps << "; ++t) {\n";
  if (is.observation.discrete) {
    main << "    int o;\n    if (scanf(\"%d\", &o) != 1) return 1;\n";
  } else {
    main << "    float o[student_observation_size];\n"
            "    for (int i = 0; i < student_observation_size; ++i)\n"
            "      if (scanf(\"%f\", o + i) != 1) return 1;\n";
  }
  if (is.action.kind == ActionKind::discrete) {
    main << "    printf(\"%d\\n\", student_act(" << memory << "o));\n  }\n  return 0;\n}\n";
  } else {
    main << "    float a[student_action_size];\n    student_act(" << memory
         << "o, a);\n"
            "    for (int i = 0; i < student_action_size; ++i) printf(\"%.9g\\n\", (double)a[i]);\n"
            "  }\n  return 0;\n}\n";
  }
  main.close();
  std::ofstream in(folder.path + "/in");
  in.precision(9);
  for (const double number : observed) in << number << '\n';
  in.close();
  const std::string at = "cd '" + folder.path + "' && ";
  EXPECT_EQ(std::system((at + compiler() + " -std=c99 -pedantic -Wall -Wextra -Werror main.c" +
                         " -o act -lm && ./act < in > out")
                            .c_str()),
            0);
  Vector actions;
  std::ifstream out(folder.path + "/out");
  for (double number = 0; out >> number;) actions.push_back(number);
  return actions;
}

Vector act_here(const Policy& policy, const Vector& observed) {
  Store store(policy.device());
  Actor actor(policy, store, {.rows = 1, .deterministic = true});
  Vector actions;
  const std::size_t width = observed.size() / steps;
  for (std::size_t t = 0; t < steps; ++t) {
    const Vector one = actor.act(Vector(observed.begin() + static_cast<long>(t * width),
                                        observed.begin() + static_cast<long>((t + 1) * width)));
    actions.insert(actions.end(), one.begin(), one.end());
  }
  return actions;
}

void expect_same(const PolicyDescription& description) {
  const auto device = cpu_device();
  Policy policy(*device, description, 4);
  // Biases begin at zero, where an exporter that forgot them would not be seen.
  std::mt19937 generator(5);
  std::normal_distribution<double> normal(0, 0.5);
  for (const auto& array : policy.store().arrays())
    if (array->name().find("bias") != std::string::npos) {
      Vector values = array->read();
      for (double& value : values) value = normal(generator);
      array->write(values);
    }
  if (description.normalize_observations) policy.normalizer()->set({1, -2, 0.5}, {2, 0, 0.01}, 9);
  const Vector observed = observations(description.observation);
  const Vector expected = act_here(policy, observed), found = act_in_c(policy, observed);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 2e-6) << i;
}

TEST(ExportC, heads_act_as_the_policy_does) {
  expect_same({.observation = {.shape = {3}},
               .action = {ActionKind::continuous, 2},
               .trunk = {.hidden = {8, 7}},
               .normalize_observations = true});
  expect_same({.observation = {.shape = {3}},
               .action = {ActionKind::discrete, 5},
               .trunk = {.hidden = {9}, .activation = Activation::relu},
               .head = {"categorical"},
               .last_scale = 1});
  expect_same({.observation = {.discrete = true, .shape = {6}},
               .action = {ActionKind::multi_binary, 4},
               .trunk = {.hidden = {}, .activation = Activation::sigmoid},
               .head = {"bernoulli"},
               .last_scale = 1});
  expect_same({.observation = {.shape = {4}},
               .action = {ActionKind::continuous, 3},
               .trunk = {.hidden = {5}, .activation = Activation::sigmoid},
               .head = {"full_gaussian"}});
}

TEST(ExportC, memories_go_on_from_step_to_step) {
  for (const char* trunk : {"rnn", "lstm", "gru"})
    expect_same({.observation = {.shape = {3}},
                 .action = {ActionKind::continuous, 2},
                 .trunk = {.name = trunk, .hidden = {6, 5}},
                 .last_scale = 1});
}

TEST(ExportC, refuses_what_c_would_not_say) {
  const auto device = cpu_device();
  PolicyDescription description = {
      .observation = {.shape = {3}}, .action = {ActionKind::continuous, 2}, .head = {"mixture"}};
  EXPECT_ERROR(policy_as_c(Policy(*device, description), "student"), "found mixture");
  description.head = "gaussian";
  PolicyDescription other = description;
  other.observation.vocabularies = {7};
  EXPECT_ERROR(policy_as_c(Policy(*device, other), "student"), "found embedded indices");
  other.observation = {.shape = {1, 4, 4}};
  other.trunk.convolutions = {2, 3, 1, 0};
  EXPECT_ERROR(policy_as_c(Policy(*device, other), "student"), "found convolutions");
  Policy policy(*device, description);
  EXPECT_ERROR(policy_as_c(policy, "my student"), "letters, digits and _");
  EXPECT_ERROR(policy_as_c(policy, "2nd"), "letters, digits and _");
  policy.store().at("policy/trunk/0/bias").fill(std::nan(""));
  EXPECT_ERROR(policy_as_c(policy, "student"), "trunk/0/bias");
}

}  // namespace
}  // namespace understudy
