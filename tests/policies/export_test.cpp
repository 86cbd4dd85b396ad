// A policy as C: a C compiler that knows nothing of us takes it without a warning, and it acts as
// the policy does.

#include "algorithms/policies/export_c.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
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

// Every warning that a project of one's own may be built with is an error.
const std::string c99 =
    " -std=c99 -pedantic -Wall -Wextra -Wmissing-prototypes -Wshadow -Wconversion -Werror";

void write_files(const Policy& policy, const std::string& folder, const std::string& name,
                 const CExportOptions& options = {}) {
  const CSource written = policy_as_c(policy, name, options);
  std::ofstream(folder + "/" + name + ".c") << written.source;
  std::ofstream(folder + "/" + name + ".h") << written.header;
}

// A program of these sources; what it prints for these numbers.
Vector printed(const Folder& folder, const std::string& sources, const Vector& numbers) {
  std::ofstream in(folder.path + "/in");
  in.precision(9);
  for (const double number : numbers) in << number << '\n';
  in.close();
  const std::string at = "cd '" + folder.path + "' && ";
  EXPECT_EQ(
      std::system(
          (at + compiler() + c99 + " " + sources + " -o act -lm && ./act < in > out").c_str()),
      0);
  Vector found;
  std::ifstream out(folder.path + "/out");
  for (std::string word; out >> word;) found.push_back(std::strtod(word.c_str(), nullptr));
  return found;
}

// What the exported policy does at each step, its memory empty at first: its status, where it acts
// by numbers, and the action.
Vector act_in_c(const Policy& policy, const Vector& observed, const CExportOptions& options = {}) {
  const PolicyDescription& is = policy.description();
  const Folder folder;
  write_files(policy, folder.path, "student", options);
  std::ofstream main(folder.path + "/main.c");
  main << "#include \"student.h\"\n#include <stdio.h>\n#include <stdlib.h>\n"
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
    main << "    float a[student_action_size];\n    printf(\"%d\\n\", student_act(" << memory
         << "o, a));\n"
            "    for (int i = 0; i < student_action_size; ++i) printf(\"%.9g\\n\", (double)a[i]);\n"
            "  }\n  return 0;\n}\n";
  }
  main.close();
  return printed(folder, "main.c student.c", observed);
}

// The same by the library.
Vector act_here(const Policy& policy, const Vector& observed) {
  Store store(policy.device());
  Actor actor(policy, store, {.rows = 1, .deterministic = true});
  Vector actions;
  const std::size_t width = observed.size() / steps;
  for (std::size_t t = 0; t < steps; ++t) {
    const Vector one = actor.act(Vector(observed.begin() + static_cast<long>(t * width),
                                        observed.begin() + static_cast<long>((t + 1) * width)));
    if (policy.description().action.kind != ActionKind::discrete) actions.push_back(0);
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
  if (description.normalize_actions) policy.action_normalizer()->set({3, -2e-5}, {0.5, 1e-5}, 9);
  const Vector observed = observations(description.observation);
  const Vector expected = act_here(policy, observed), found = act_in_c(policy, observed);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 2e-6) << i;
}

TEST(ExportC, heads_act_as_the_policy_does) {
  expect_same({.observation = {.shape = {3}},
               .action = {ActionKind::continuous, 2},
               .trunk = {.hidden = {8, 7}},
               .normalize_observations = true,
               .normalize_actions = true});
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

// A policy without bounds of its own weights: large actions, small bounds.
PolicyDescription bounded() {
  return {.observation = {.shape = {3}},
          .action = {ActionKind::continuous, 2, {-0.5, -INFINITY}, {0.25, 0.5}},
          .trunk = {.hidden = {}},
          .last_scale = 3,
          .clip_observations = 0};
}

TEST(ExportC, keeps_the_bounds_unless_it_is_raw) {
  const auto device = cpu_device();
  const Policy policy(*device, bounded(), 4);
  const Vector observed = observations(policy.description().observation);
  const Vector raw = act_here(policy, observed), found = act_in_c(policy, observed),
               raw_found = act_in_c(policy, observed, {.raw = true});
  int outside = 0;
  ASSERT_EQ(found.size(), raw.size());
  for (std::size_t i = 0; i < raw.size(); i += 3) {
    const double low = std::clamp(raw[i + 1], -0.5, 0.25), high = std::min(raw[i + 2], 0.5);
    outside += low != raw[i + 1] || high != raw[i + 2];
    EXPECT_NEAR(found[i + 1], low, 2e-6);
    EXPECT_NEAR(found[i + 2], high, 2e-6);
    EXPECT_NEAR(raw_found[i + 1], raw[i + 1], 2e-6);
    EXPECT_NEAR(raw_found[i + 2], raw[i + 2], 2e-6);
  }
  EXPECT_GT(outside, steps / 4);
}

// fminf(fmaxf(NaN, -10), 10) is -10: the policy used to act on it as if nothing were amiss.
TEST(ExportC, says_what_is_not_finite_and_acts_on_none_of_it) {
  const auto device = cpu_device();
  PolicyDescription description = bounded();
  description.clip_observations = 10;
  description.normalize_observations = true;
  const Policy numbers(*device, description, 4);
  Vector observed = observations(description.observation);
  observed[3] = NAN, observed[3 * 4 + 1] = INFINITY, observed[3 * 7 + 2] = -INFINITY;
  const Vector found = act_in_c(numbers, observed);
  ASSERT_EQ(found.size(), 3u * steps);
  for (std::size_t t = 0; t < steps; ++t) {
    EXPECT_EQ(found[3 * t], t == 1 ? 1 : t == 4 ? 2 : t == 7 ? 3 : 0) << t;
    EXPECT_EQ(std::isnan(found[3 * t + 1]), found[3 * t] != 0) << t;
    EXPECT_EQ(std::isnan(found[3 * t + 2]), found[3 * t] != 0) << t;
  }
  description.action = {ActionKind::discrete, 4};
  const Vector chosen = act_in_c(Policy(*device, description, 4), observed);
  ASSERT_EQ(chosen.size(), static_cast<std::size_t>(steps));
  for (std::size_t t = 0; t < steps; ++t)
    if (t == 1 || t == 4 || t == 7)
      EXPECT_EQ(chosen[t], t == 1 ? -1 : t == 4 ? -2 : -3);
    else
      EXPECT_GE(chosen[t], 0);
  // Of an index, one that there is not.
  description.observation = {.discrete = true, .shape = {6}};
  description.normalize_observations = false;
  Vector indices = observations(description.observation);
  indices[2] = -1, indices[5] = 6;
  const Vector of_indices = act_in_c(Policy(*device, description, 4), indices);
  ASSERT_EQ(of_indices.size(), static_cast<std::size_t>(steps));
  for (std::size_t t = 0; t < steps; ++t) EXPECT_EQ(of_indices[t] < 0, t == 2 || t == 5) << t;
}

TEST(ExportC, a_memory_goes_on_behind_what_is_not_finite) {
  const auto device = cpu_device();
  for (const char* trunk : {"rnn", "lstm", "gru"}) {
    const Policy policy(*device,
                        {.observation = {.shape = {3}},
                         .action = {ActionKind::continuous, 2},
                         .trunk = {.name = trunk, .hidden = {6, 5}},
                         .last_scale = 1},
                        4);
    // The steps without the fifth, which is not finite.
    Vector observed = observations(policy.description().observation);
    observed[3 * 4] = NAN;
    Vector found = act_in_c(policy, observed);
    ASSERT_EQ(found.size(), 3u * steps);
    EXPECT_EQ(found[3 * 4], 1);
    found.erase(found.begin() + 3 * 4, found.begin() + 3 * 5);
    Vector finite = observed;
    finite.erase(finite.begin() + 3 * 4, finite.begin() + 3 * 5);
    finite.insert(finite.end(), {0, 0, 0});
    const Vector expected = act_here(policy, finite);
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 2e-6) << i;
  }
}

// Both as sources that are linked, and as one source that includes both.
TEST(ExportC, several_policies_are_in_one_program) {
  const auto device = cpu_device();
  const PolicyDescription description = {.observation = {.shape = {1}},
                                         .action = {ActionKind::continuous, 1},
                                         .trunk = {.name = "lstm", .hidden = {4}},
                                         .last_scale = 1};
  const Policy one(*device, description, 1), other(*device, description, 2);
  const Folder folder;
  write_files(one, folder.path, "left");
  write_files(other, folder.path, "right");
  const std::string body =
      "#include <stdio.h>\n"
      "int main(void) {\n"
      "  const float o[1] = {0.5f};\n  float a[2];\n  left_memory l;\n  right_memory r;\n"
      "  left_forget(&l);\n  right_forget(&r);\n"
      "  if (left_act(&l, o, a) != 0 || right_act(&r, o, a + 1) != 0) return 1;\n"
      "  printf(\"%.9g %.9g\\n\", (double)a[0], (double)a[1]);\n  return 0;\n}\n";
  std::ofstream(folder.path + "/main.c") << "#include \"left.h\"\n#include \"right.h\"\n" << body;
  std::ofstream(folder.path + "/all.c") << "#include \"left.h\"\n#include \"left.c\"\n"
                                        << "#include \"right.c\"\n"
                                        << body;
  const Vector linked = printed(folder, "main.c left.c right.c", {}),
               included = printed(folder, "all.c", {});
  EXPECT_EQ(linked, included);
  ASSERT_EQ(linked.size(), 2u);
  for (const Policy* policy : {&one, &other}) {
    Store store(*device);
    Actor actor(*policy, store, {.rows = 1, .deterministic = true});
    EXPECT_NEAR(linked[policy == &one ? 0 : 1], actor.act(Vector{0.5})[0], 2e-6);
  }
}

TEST(ExportC, takes_a_files_name_for_its_own) {
  EXPECT_EQ(c_name_of("out/arm-2.policy.c"), "arm_2_policy");
  EXPECT_EQ(c_name_of("walk.c"), "walk");
  EXPECT_EQ(c_name_of("walk"), "walk");
  EXPECT_EQ(c_name_of("../2nd.c"), "policy_2nd");
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
