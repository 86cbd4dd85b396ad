#include "algorithms/policies/dueling.h"

#include "algorithms/policies/export_c.h"

namespace understudy {

namespace {

Mlp::Options stream(const HeadSite& site, const DuelingOptions& options, std::int64_t outputs) {
  Mlp::Options made{.inputs = site.inputs,
                    .hidden = {},
                    .outputs = outputs,
                    .activation = Activation::relu,
                    .weight = {site.initialization, 1.0, 1},
                    .last_weight = site.last_weight()};
  if (options.units > 0) made.hidden = {options.units};
  return made;
}

const DuelingOptions& checked(const DuelingOptions& options) {
  check_options(options);
  return options;
}

// A stream of the exported policy, from the features.
std::string write_stream(CWriter& c, const char* name, std::int64_t units, std::int64_t outputs) {
  const std::string base = std::string("head/") + name + "/";
  if (units > 0) {
    c.linear(base + "0", units);
    c.activate(Activation::relu);
  }
  c.linear(base + (units > 0 ? "1" : "0"), outputs);
  return c.newest();
}

}  // namespace

void list_options(OptionList& list, DuelingOptions& o) {
  list.fields(o, option("units", o.units, "of a hidden layer in each stream; 0: none",
                        {.least = 0, .most = most_units, .source = "Wang et al. 2016"}));
}

DuelingHead::DuelingHead(const HeadSite& site, const DuelingOptions& options)
    : value_(site.parameters, site.name + "/value", stream(site, checked(options), 1)),
      advantage_(site.parameters, site.name + "/advantage",
                 stream(site, options, site.action.size)) {}

std::unique_ptr<ActionDistribution> DuelingHead::distribution(Tensor features) const {
  const Tensor a = advantage_(features), v = value_(features);
  const Tensor middle = reshape(mean(a, -1), v.shape());
  return std::make_unique<Categorical>(a + (v - middle));
}

HeadRow dueling_row() {
  return {.name = DuelingOptions::head,
          .spaces = {ActionKind::discrete},
          .traits = {.likelihood = true, .metric = true, .mode = true, .logits = true},
          .summary = "softmax over choices, of a value and advantages in two streams",
          .source = "Wang et al. 2016",
          .header = "algorithms/policies/dueling.h",
          .options = DuelingOptions{},
          .make = make_as<DuelingHead, DuelingOptions>,
          .write_c =
              [](CWriter& c, const HeadOptions& options) {
                // The value is the same for all choices: the largest is that of the advantages.
                write_stream(c, "advantage", options.as<DuelingOptions>().units, c.action().size);
                c.act_by_largest();
              },
          .least_outputs = one_an_action};
}

}  // namespace understudy
