// Every row of the table of heads is held to what it says: its traits to its distribution, its
// options to their list, its name to files. A head of one's own is one more row.

#include "algorithms/policies/heads.h"

#include <gtest/gtest.h>

#include <cmath>

#include "algorithms/policies/bins.h"
#include "algorithms/policies/mixture.h"
#include "algorithms/policies/policy.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

// A policy with this head over actions of two numbers in a box, three choices, or three bits.
PolicyDescription small(const HeadRow& row) {
  PolicyDescription description;
  description.observation.shape = {3};
  description.trunk.hidden = {5};
  description.action = {row.spaces[0], 3};
  if (row.acts_on(ActionKind::continuous))
    description.action = {ActionKind::continuous, 2, {-1, -2}, {1, 2}};
  description.head = row.name;
  description.last_scale = 1;
  return description;
}

// Whether a call is an Error of the kind `not_available`; any other is passed on.
template <class Call>
bool is_available(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_available) throw;
    return false;
  }
  return true;
}

TEST(HeadRows, know_what_their_traits_say) {
  for (const HeadRow* row : head_rows()) {
    SCOPED_TRACE(row->name);
    const auto device = cpu_device();
    const PolicyDescription description = small(*row);
    const Policy policy(*device, description, 1);
    Store store(*device);
    Array& counter = store.create("counter", {1}, Element::counter);
    Program program(*device);
    const auto distribution = policy.distribution(program.input("o", {rows(4), 3}));
    const bool discrete = description.action.kind == ActionKind::discrete;
    const Tensor action = discrete ? program.input("a", {rows(4)}, Element::index)
                                   : program.input("a", {rows(4), description.action.size});
    const HeadTraits& traits = row->traits;
    EXPECT_EQ(is_available([&] { distribution->log_probability(action); }), traits.likelihood);
    EXPECT_EQ(distribution->log_probability_is_a_bound(), traits.bound);
    EXPECT_EQ(is_available([&] {
                distribution->log_probability_bound(action, {&counter, 0, 0}, 2);
              }),
              traits.likelihood || traits.bound);
    EXPECT_EQ(is_available([&] { distribution->entropy(); }), traits.metric);
    const auto tangents = [&] {
      const std::vector<Tensor> x = distribution->parameters();
      distribution->metric(x);
      distribution->divergence_from(x);
    };
    EXPECT_EQ(is_available(tangents), traits.metric);
    // All of them draw, and have an action to take when asked for one.
    EXPECT_EQ(distribution->sample({&counter, 0, 1}).shape(), action.shape());
    EXPECT_EQ(distribution->mode().shape(), action.shape());
    EXPECT_FALSE(traits.likelihood && traits.bound);
    EXPECT_FALSE(traits.metric && !traits.likelihood);
    EXPECT_FALSE(traits.latent && traits.likelihood);
    // The C of an exported policy takes the mode.
    EXPECT_TRUE(traits.mode || row->write_c == nullptr);
  }
}

TEST(HeadRows, round_trip_with_other_options_through_fields) {
  for (const HeadRow* row : head_rows()) {
    SCOPED_TRACE(row->name);
    PolicyDescription description = small(*row);
    OptionList list;
    description.head.options().list(list);
    for (const Option& one : list.options())  // another value wherever there is another
      if (one.kind == OptionKind::integer) one.set("3", "test");
    EXPECT_EQ(PolicyDescription::from_fields(description.fields(), "here"), description);
    PolicyDescription other = description;
    other.head = row->name;
    EXPECT_EQ(other == description, description.fields() == other.fields());
  }
}

TEST(HeadRows, options_of_copies_are_apart) {
  HeadDescription one = MixtureOptions{.components = 3}, other = one;
  EXPECT_TRUE(other.set("components", "4"));
  EXPECT_EQ(one.options().as<MixtureOptions>().components, 3);
  EXPECT_EQ(other.options().as<MixtureOptions>().components, 4);
  EXPECT_FALSE(one == other);
  EXPECT_FALSE(other.set("bins", "4"));
  EXPECT_THROW(other.set("components", "0"), Error);
}

TEST(HeadRows, are_called_by_what_others_call_them) {
  EXPECT_STREQ(head_named("gmm").name, "mixture");
  EXPECT_STREQ(head_named("cvae").name, "variational");
  EXPECT_EQ(HeadDescription("made").name(), "autoregressive");
  EXPECT_THROW(head_named("normal"), Error);
}

TEST(HeadRows, have_one_default_for_each_kind_of_action) {
  for (const ActionKind kind :
       {ActionKind::discrete, ActionKind::continuous, ActionKind::multi_binary}) {
    int defaults = 0;
    for (const HeadRow* row : head_rows()) defaults += row->traits.is_default && row->acts_on(kind);
    EXPECT_EQ(defaults, 1) << name_of(kind);
    EXPECT_TRUE(default_head(kind).acts_on(kind));
  }
}

TEST(HeadRows, settings_name_the_head_first_and_keep_what_was_set_of_it) {
  PolicyDescription description = small(head_named("gaussian"));
  const auto list = [&] { return OptionList(description); };
  assign_options(list, {{"components", "7", "--set"},
                        {"hidden", "9,8", "--set"},
                        {"head", "gmm", "--set"},
                        {"trunk", "lstm", "--set"}});
  EXPECT_EQ(description.head, HeadDescription(MixtureOptions{.components = 7}));
  EXPECT_EQ(description.trunk.hidden, (std::vector<std::int64_t>{9, 8}));
  // The name of the head that it has is no reason to lose its options.
  assign_options(list, {{"head", "mixture", "--set"}});
  EXPECT_EQ(description.head.options().as<MixtureOptions>().components, 7);
  // The head's own layers have a name of their own beside the trunk's.
  assign_options(list, {{"head", "best_of", "--set"}, {"head.hidden", "6", "--set"}});
  EXPECT_EQ(description.head.text("hidden"), "6");
  EXPECT_EQ(description.trunk.hidden.size(), 2u);
}

TEST(HeadRows, of_bins_are_placed_by_what_was_demonstrated) {
  std::vector<float> actions;
  for (int i = 0; i < 100; ++i) actions.push_back(i < 50 ? 0.01f * static_cast<float>(i) : 3.0f);
  PolicyDescription description;
  description.action = {ActionKind::continuous, 1};
  description.head = IndependentBinsOptions{.binning = {.bins = 4}};
  const auto edges = [&](const PolicyDescription& of) {
    return fitted(of, actions).head.options().as<IndependentBinsOptions>().binning.edges;
  };
  EXPECT_EQ(edges(description), Bins::quantile(actions, 1, 4));  // no bounds are known
  description.head.set("bin_placement", "uniform");
  EXPECT_EQ(edges(description), Bins::uniform({0}, {3}, 4));
  // Between known bounds there is nothing to fit, and edges that are given stay.
  description.action = {ActionKind::continuous, 1, {-1}, {5}};
  EXPECT_EQ(edges(description), std::vector<double>{});
  description.head.set("edges", "0,1,2,3,4");
  description.head.set("bin_placement", "quantile");
  EXPECT_EQ(edges(description), (std::vector<double>{0, 1, 2, 3, 4}));
}

// ---- A row from outside ----

// p(a | s) = 1/2 exp(-|a - mu(s)|), dimension by dimension.
class Laplace final : public ActionDistribution {
 public:
  explicit Laplace(Tensor mean) : mean_(mean) {}
  const char* name() const override { return "Laplace"; }
  Tensor log_probability(Tensor action) const override {
    return sum(-abs(action - mean_), -1) - std::log(2.0) * static_cast<double>(mean_.shape()[-1]);
  }
  Tensor sample(const RandomSource& source) const override {
    const Tensor u = random_uniform(mean_.program(), source, mean_.shape()) - 0.5;
    return mean_ - (2.0 * is_positive(u) - 1.0) * log(1.0 - 2.0 * abs(u));
  }
  Tensor mode() const override { return mean_; }

 private:
  Tensor mean_;
};

class LaplaceHead final : public ActionHead {
 public:
  explicit LaplaceHead(const HeadSite& site)
      : mean_(site.parameters, site.name + "/mean",
              Linear::Options{.inputs = site.inputs, .outputs = site.action.size}) {}
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override {
    return std::make_unique<Laplace>(mean_(features));
  }

 private:
  Linear mean_;
};

TEST(HeadRows, refuse_names_that_are_taken) {
  const HeadRow row = {.name = "mdn",  // the mixture's other name
                       .spaces = {ActionKind::continuous},
                       .summary = "",
                       .source = "",
                       .header = "",
                       .options = {},
                       .make = make_as<LaplaceHead>};
  EXPECT_THROW(register_head(row), Error);
}

TEST(HeadRows, of_ones_own_make_policies) {
  const std::size_t before = head_rows().size();
  register_head({.name = "laplace",
                 .spaces = {ActionKind::continuous},
                 .traits = {.likelihood = true, .mode = true},
                 .summary = "independent Laplace distributions of scale 1",
                 .source = "",
                 .header = "",
                 .options = {},
                 .make = make_as<LaplaceHead>});
  ASSERT_EQ(head_rows().size(), before + 1);
  const auto device = cpu_device();
  PolicyDescription description;
  description.observation.shape = {3};
  description.action = {ActionKind::continuous, 2};
  description.head = "laplace";
  const PolicyDescription again = PolicyDescription::from_fields(description.fields(), "here");
  EXPECT_EQ(again, description);
  const Policy policy(*device, again, 1);
  Program program(*device);
  const auto distribution = policy.distribution(program.full({rows(2), 3}, 0.5));
  program.output("log", distribution->log_probability(distribution->mode()));
  program.run();
  EXPECT_NEAR(program.read("log")[0], -2 * std::log(2.0), 1e-6);
}

}  // namespace
}  // namespace understudy
