// Policies: descriptions survive files, statistics of observations are those of all of them, and an
// actor resumed goes on as if it had never stopped.

#include "algorithms/policies/policy.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>

#include "algorithms/policies/actor.h"
#include "autograd/files/checkpoint.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

struct Path {
  explicit Path(const std::string& what)
      : name(testing::TempDir() + what + std::to_string(getpid()) + ".safetensors") {}
  std::string name;
  ~Path() { std::remove(name.c_str()); }
};

PolicyDescription gaussian() {
  return {.observation = {.shape = {3}},
          .action = {ActionKind::continuous, 2, {-1, -2.5}, {1, 1e-3}},
          .trunk = {.hidden = {8, 7}},
          .initialization = InitializationKind::column_normalized,
          .last_scale = 0.01,
          .normalize_observations = true};
}

PolicyDescription remembering(const char* trunk) {
  return {.observation = {.shape = {3}},
          .action = {ActionKind::discrete, 4},
          .trunk = {.name = trunk, .hidden = {6, 5}, .activation = Activation::relu},
          .head = {"categorical"}};
}

Vector random(std::int64_t n, std::uint64_t seed) {
  kernel_test::Random draw(seed);
  Vector values(static_cast<std::size_t>(n));
  for (double& value : values) value = draw.uniform(-2, 2);
  return values;
}

// The line of an Error.
template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(PolicyDescription, fields_bring_it_back) {
  for (const PolicyDescription& description :
       {gaussian(), remembering("gru"),
        PolicyDescription{.observation = {.discrete = true, .shape = {12}},
        .action = {ActionKind::multi_binary, 3},
        .trunk = {.hidden = {}},
        .head = {"bernoulli"}}})
    EXPECT_EQ(PolicyDescription::from_fields(description.fields(), "here"), description.resolved());
}

// Three channels of 12 x 12 through two convolutions.
PolicyDescription seeing(const char* trunk) {
  return {.observation = {.shape = {3, 12, 12}},
          .action = {ActionKind::discrete, 4},
          .trunk = {.name = trunk, .hidden = {6}, .convolutions = {4, 4, 2, 0, 5, 3, 1, 1}},
          .head = {"categorical"}};
}

// A word of seven, a place of three, and one number.
PolicyDescription reading() {
  return {.observation = {.shape = {3}, .vocabularies = {7, 3}},
          .action = {ActionKind::continuous, 2},
          .trunk = {.hidden = {}, .embedding = 4},
          .head = {"mixture"}};
}

TEST(PolicyDescription, of_images_and_indices_come_back_or_are_refused) {
  for (const PolicyDescription& description : {seeing("mlp"), seeing("lstm"), reading()})
    EXPECT_EQ(PolicyDescription::from_fields(description.fields(), "here"), description.resolved());
  const auto of = [](PolicyDescription description, auto change) {
    change(description);
    return refusal([&] { description.check(); });
  };
  using D = PolicyDescription;
  EXPECT_EQ(of(seeing("mlp"), [](D& d) { d.observation.shape = {432}; }),
            "policy: expected images [height, width, channels] or [channels, height, width] before "
            "convolutions, found observations of shape [432]");
  EXPECT_EQ(of(seeing("mlp"),
               [](D& d) {
                 d.observation.shape = {3, 3, 12};
               }),
            "policy: expected an image that a convolution's kernel fits in");
  EXPECT_EQ(of(seeing("mlp"), [](D& d) { d.trunk.convolutions.pop_back(); }),
            "policy: expected four numbers a convolution: channels, kernel, stride, padding");
  EXPECT_EQ(of(reading(),
               [](D& d) {
                 d.observation.vocabularies = {7, 3, 3, 3};
               }),
            "policy: expected observations of the shape [n] with at most n indices to embed");
  EXPECT_EQ(of(reading(), [](D& d) { d.normalize_observations = true; }),
            "policy: indices to embed cannot be normalized");
  // The trunks that are named are ones for their images.
  for (const auto& convolutions : {nature_convolutions(), small_convolutions()})
    EXPECT_EQ(of(seeing("mlp"),
                 [&](D& d) {
                   d.observation.shape = {3, 64, 64};
                   d.trunk.convolutions = convolutions;
                 }),
              "nothing was refused");
}

TEST(Policy, an_embedded_index_is_a_row_of_its_table) {
  const auto device = cpu_device();
  Policy policy(*device, reading(), 3, Real::f64);
  Program program(*device, Real::f64);
  program.output("x", policy.features(program.input("o", {rows(2), 3})));
  // The second row's index is in no vocabulary: nothing stands for it.
  program.write("o", Vector{5, 2, 0.25, 9, 0, -1});
  program.run();
  const Vector x = program.read("x");
  const Vector words = policy.store().at("policy/embedding/0/weight").read();
  const Vector places = policy.store().at("policy/embedding/1/weight").read();
  ASSERT_EQ(x.size(), 18u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(x[i], words[5 * 4 + i]);
    EXPECT_EQ(x[4 + i], places[2 * 4 + i]);
    EXPECT_EQ(x[9 + i], 0);
    EXPECT_EQ(x[13 + i], places[i]);
  }
  EXPECT_EQ(x[8], 0.25);
  EXPECT_EQ(x[17], -1);
}

TEST(PolicyDescription, refuses_what_it_does_not_know) {
  const auto changed = [](const std::string& field, const std::string& value) {
    std::map<std::string, std::string> fields = gaussian().fields();
    fields[field] = value;
    return refusal([&] { PolicyDescription::from_fields(fields, "p.json"); });
  };
  const std::string named = changed("head", "normal");
  EXPECT_EQ(named.find("head: expected one of categorical, "), 0u);
  EXPECT_NE(named.find("bernoulli, gaussian, "), std::string::npos);
  EXPECT_EQ(changed("head", "categorical").find("p.json: found a field 'head."), 0u);
  EXPECT_EQ(refusal([] {
              PolicyDescription description = gaussian();
              description.head = "categorical";
              description.check();
            }),
            "policy: head 'categorical': expected discrete actions, found continuous ones");
  EXPECT_EQ(
      changed("trunk.hidden", "8,x"),
      "p.json: trunk.hidden: expected whole numbers from 1 to 16777216, with commas between them, "
      "found '8,x'");
  EXPECT_EQ(changed("action.low", "1"),
            "policy: expected as many bounds as the actions have dimensions");
  EXPECT_EQ(
      changed("trunk.hidden", "8,16777217"),
      "p.json: trunk.hidden: expected whole numbers from 1 to 16777216, with commas between them, "
      "found '8,16777217'");
  EXPECT_EQ(changed("observation.shape", "4294967296,4294967296"),
            "p.json: observation.shape: expected whole numbers from 1 to 16777216, with commas "
            "between them, found '4294967296,4294967296'");
  EXPECT_EQ(changed("observation.shape", "65536,65536"),
            "policy.observation.shape: expected at most 16777216 numbers, found 4.29497e+09");
  EXPECT_EQ(changed("action.low", "1,nan"),
            "p.json: action.low: expected numbers, with commas between them, found '1,nan'");
  EXPECT_EQ(changed("trunk.depth", "3"),
            "p.json: found a field 'trunk.depth' that no such policy has");
  EXPECT_EQ(changed("last_scale", "nan"),
            "p.json: last_scale: expected a finite number, found 'nan'");
  EXPECT_EQ(changed("normalize_observations", "yes"),
            "p.json: normalize_observations: expected true or false, found 'yes'");
  // What is found may hold anything, and the error stays one line of text.
  EXPECT_EQ(changed("action.kind", "continu\x7f\n"),
            "p.json: action.kind: expected discrete, continuous or multi_binary, found "
            "'continu\\x7f\\x0a'");
  EXPECT_EQ(refusal([] { PolicyDescription::from_fields({}, "p.json"); }),
            "p.json: expected a field observation.shape, found none");
}

TEST(Policy, a_file_brings_it_back) {
  const Path path("policy");
  const auto device = cpu_device();
  Policy policy(*device, gaussian(), 3);
  policy.normalizer()->set({1, 2, 3}, {0.5, 1, 2}, 100);
  policy.save(path.name, {{"environment", "pendulum"}});
  const auto loaded = Policy::load(*device, path.name);
  EXPECT_EQ(loaded->description(), policy.description());
  ASSERT_EQ(loaded->store().arrays().size(), policy.store().arrays().size());
  for (std::size_t i = 0; i < policy.store().arrays().size(); ++i)
    EXPECT_EQ(loaded->store().arrays()[i]->read(), policy.store().arrays()[i]->read());
  EXPECT_EQ(Policy::describe(path.name), policy.description());
}

TEST(Policy, refuses_a_file_that_holds_none) {
  const Path path("none");
  const auto device = cpu_device();
  Store store(*device);
  store.create("x", {2});
  write_checkpoint(path.name, {&store});
  EXPECT_NE(refusal([&] { Policy::load(*device, path.name); }).find("expected a policy"),
            std::string::npos);
  // One of layers whose numbers are not there is refused before any memory is asked for.
  PolicyDescription large = gaussian();
  large.trunk.hidden = {1 << 24, 1 << 24};
  write_checkpoint(path.name, {&store}, large.metadata());
  EXPECT_NE(refusal([&] {
              Policy::load(*device, path.name);
            }).find("expected 281475060596736 numbers or more"),
            std::string::npos);
}

TEST(Policy, column_normalized_layers_have_columns_of_their_norm) {
  const auto device = cpu_device();
  Policy policy(*device, gaussian(), 3);
  for (const auto& [name, norm] :
       {std::pair{"policy/trunk/1/weight", 1.0}, std::pair{"policy/head/mean/weight", 0.01}}) {
    const Array& array = policy.store().at(name);
    const Vector w = array.read();
    const std::size_t out = static_cast<std::size_t>(array.shape()[1]);
    for (std::size_t o = 0; o < out; ++o) {
      double squares = 0;
      for (std::size_t i = o; i < w.size(); i += out) squares += w[i] * w[i];
      EXPECT_NEAR(std::sqrt(squares), norm, 1e-6) << name;
    }
  }
}

TEST(Policy, statistics_of_batches_are_those_of_all_rows) {
  const auto device = cpu_device();
  Policy policy(*device, gaussian(), 0, Real::f64);
  Vector all;
  for (const std::int64_t n : {5, 64, 1, 30}) {
    Program program(*device, Real::f64);
    policy.normalizer()->record_update(program.input("o", {rows(n), 3}));
    Vector batch = random(3 * n, static_cast<std::uint64_t>(n));
    for (std::size_t i = 0; i < batch.size(); i += 3) {
      batch[i + 1] = 100 + 10 * batch[i + 1];
      batch[i + 2] = 7;  // never varies
    }
    program.write("o", batch);
    program.run();
    all.insert(all.end(), batch.begin(), batch.end());
  }
  const Vector mean = policy.store().at("normalizer/mean").read();
  const Vector deviation = policy.store().at("normalizer/std").read();
  EXPECT_EQ(policy.store().at("normalizer/count").read()[0], 100);
  for (std::size_t d = 0; d < 3; ++d) {
    double expected = 0, squares = 0;
    for (std::size_t i = d; i < all.size(); i += 3) expected += all[i] / 100;
    for (std::size_t i = d; i < all.size(); i += 3)
      squares += (all[i] - expected) * (all[i] - expected) / 100;
    EXPECT_NEAR(mean[d], expected, 1e-12);
    EXPECT_NEAR(deviation[d], std::sqrt(squares), 1e-12);
  }
  // What never varied keeps its scale, and what is far out is clipped.
  Program program(*device, Real::f64);
  PolicyDescription plain = gaussian();
  plain.trunk.hidden = {};
  Policy linear(*device, plain, 0, Real::f64);
  linear.normalizer()->set(mean, deviation, 100);
  program.output("x", linear.features(program.input("o", {rows(1), 3})));
  program.write("o", Vector{mean[0] + 2 * deviation[0], 1e6, mean[2] + 0.5});
  program.run();
  const Vector x = program.read("x");
  EXPECT_NEAR(x[0], 2, 1e-9);
  EXPECT_EQ(x[1], 10);
  EXPECT_NEAR(x[2], 0.5, 1e-9);
}

TEST(Policy, a_step_at_a_time_is_the_sequence) {
  for (const PolicyDescription& description :
       {remembering("rnn"), remembering("lstm"), remembering("gru"), seeing("gru")}) {
    const auto device = cpu_device();
    Policy policy(*device, description, 5, Real::f64);
    const std::int64_t n = 3, steps = 4, width = description.observation.width();
    const Vector o = random(n * steps * width, 1);
    Program whole(*device, Real::f64);
    const auto sequence = policy.distribution(whole.input("o", {rows(n), steps, width}));
    whole.output("x", sequence->parameters()[0]);
    whole.write("o", o);
    whole.run();
    const Vector expected = whole.read("x");
    Program one(*device, Real::f64);
    Tensor next;
    const auto step = policy.step(one.input("o", {rows(n), width}),
                                  one.input("memory", {rows(n), policy.memory_width()}), next);
    one.output("x", step->parameters()[0]);
    one.output("next", next);
    Vector memory(static_cast<std::size_t>(n * policy.memory_width()), 0.0);
    for (std::int64_t t = 0; t < steps; ++t) {
      Vector now;
      for (std::int64_t row = 0; row < n; ++row)
        for (std::int64_t i = 0; i < width; ++i)
          now.push_back(o[static_cast<std::size_t>((row * steps + t) * width + i)]);
      one.write("o", now);
      one.write("memory", memory);
      one.run();
      memory = one.read("next");
      const Vector x = one.read("x");
      for (std::int64_t row = 0; row < n; ++row)
        for (std::int64_t i = 0; i < 4; ++i)
          EXPECT_NEAR(x[static_cast<std::size_t>(row * 4 + i)],
                      expected[static_cast<std::size_t>((row * steps + t) * 4 + i)], 1e-12);
    }
  }
}

TEST(Actor, resumed_goes_on_as_if_never_stopped) {
  for (const PolicyDescription& description : {gaussian(), remembering("lstm"), seeing("mlp")}) {
    const Path path("actor");
    const auto device = cpu_device();
    const Policy policy(*device, description, 2);
    Store store(*device), other(*device);
    Actor actor(policy, store, {.rows = 5, .seed = 4});
    Actor resumed(policy, other, {.rows = 5, .seed = 4});
    const Vector o = random(5 * description.observation.width(), 8);
    for (int i = 0; i < 3; ++i) actor.act(o);
    write_checkpoint(path.name, {&store});
    const Vector fourth = actor.act(o), fifth = actor.act(o), sixth = actor.act(o);
    EXPECT_FALSE(fourth == fifth && fifth == sixth);
    read_checkpoint(path.name, {&other});
    EXPECT_EQ(resumed.act(o), fourth);
    EXPECT_EQ(resumed.act(o), fifth);
  }
}

TEST(Actor, reads_device_memory_and_takes_the_mode_where_asked) {
  const auto device = cpu_device();
  const Policy policy(*device, gaussian(), 2);
  Store store(*device);
  Actor sure(policy, store, {.name = "sure", .rows = 2, .deterministic = true});
  Actor drawing(policy, store, {.name = "drawing", .rows = 2, .log_probability = true});
  const float o[] = {1, 2, 3, -1, 0, 1};
  const DataView view = DataView::borrowed(*device, "o", {rows(2), 3}, o, Element::real, Real::f32);
  sure.observe(view);
  sure.act();
  Program program(*device);
  const auto distribution = policy.distribution(program.input("o", {rows(2), 3}));
  program.output("mode", distribution->mode());
  const Tensor taken = program.input("a", {rows(2), 2});
  program.output("log", distribution->log_probability(taken));
  program.write("o", o, 6);
  drawing.observe(view);
  drawing.act();
  program.write("a", drawing.numbers(), 4);
  program.run();
  const Vector mode = program.read("mode"), log = program.read("log");
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(sure.numbers()[i], static_cast<float>(mode[i]));
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_EQ(static_cast<const float*>(drawing.log_probability())[i], static_cast<float>(log[i]));
}

TEST(Actor, forgets_the_rows_that_ended) {
  const auto device = cpu_device();
  const Policy policy(*device, remembering("gru"), 2);
  Store store(*device);
  Actor actor(policy, store, {.rows = 3});
  actor.act(random(9, 1));
  const Vector before = store.at("actor/memory").read();
  const float ended[] = {0, 1, 0};
  actor.reset_hidden_state(
      DataView::borrowed(*device, "ended", {rows(3)}, ended, Element::real, Real::f32));
  const Vector after = store.at("actor/memory").read();
  for (std::size_t i = 0; i < 15; ++i) {
    EXPECT_NE(before[i], 0);
    EXPECT_EQ(after[i], i / 5 == 1 ? 0 : before[i]);
  }
  actor.reset_hidden_state();
  EXPECT_EQ(store.at("actor/memory").read(), Vector(15, 0.0));
}

// The largest logit of NaN was choice 0, and the memory was NaN ever after.
TEST(Actor, refuses_what_is_not_finite_and_goes_on_as_if_it_had_not_been) {
  const auto device = cpu_device();
  const Policy policy(*device, remembering("lstm"), 2);
  Store store(*device), other(*device);
  Actor actor(policy, store, {.rows = 3}), spared(policy, other, {.rows = 3});
  for (std::uint64_t step = 0; step < 3; ++step) {
    const Vector seen = random(9, step);
    for (const double bad : {std::nan(""), double{INFINITY}}) {
      Vector wrong = seen;
      wrong[5] = bad;
      const std::string said = refusal([&] { actor.act(wrong); });
      EXPECT_NE(said.find("observations, row 1: expected a finite number"), std::string::npos)
          << said;
    }
    EXPECT_EQ(actor.act(seen), spared.act(seen));
  }
  EXPECT_EQ(store.at("actor/memory").read(), other.at("actor/memory").read());
}

TEST(Actor, threads_do_not_change_what_is_done) {
  Threads team(3);
  const auto alone = cpu_device(), together = cpu_device(&team);
  Vector actions[2];
  int i = 0;
  for (Device* device : {alone.get(), together.get()}) {
    const Policy policy(*device, gaussian(), 2);
    Store store(*device);
    Actor actor(policy, store, {.rows = 500});
    actor.act(random(1500, 3));
    actions[i++] = actor.act(random(1500, 4));
  }
  EXPECT_EQ(actions[0], actions[1]);
}

}  // namespace
}  // namespace understudy
