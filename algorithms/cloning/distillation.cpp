#include "algorithms/cloning/distillation.h"

#include <cmath>

#include "algorithms/data/draws.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr std::uint64_t batch_stream = std::uint64_t{1} << 34;

}  // namespace

void list_options(OptionList& list, Distillation::Options& o) {
  list.fields(o, option("batch_size", o.batch_size, "rows a step", {.least = 1}),
              option("learning_rate", o.learning_rate, "Adam's", {.above = 0}),
              option("temperature", o.temperature,
                     "divides a categorical teacher's logits; below 1 it sharpens them",
                     {.above = 0, .source = "Rusu et al. 2016, section 4"}),
              option("gradient_norm", o.gradient_norm, "gradients are clipped to this norm; 0: not",
                     {.least = 0}),
              seed(o.seed));
}

bool Distillation::fits(const PolicyDescription& student, const PolicyDescription& teacher) {
  const HeadDescription ours = student.resolved().head, theirs = teacher.resolved().head;
  if (!(student.observation == teacher.observation) || student.observation.discrete ||
      student.action.kind != teacher.action.kind || student.action.size != teacher.action.size ||
      ours.name() != theirs.name() || trunk_named(student.trunk.name).has_memory ||
      trunk_named(teacher.trunk.name).has_memory || !ours.row().traits.metric ||
      (teacher.standardizes_actions() && !student.standardizes_actions()))
    return false;
  // What the parameters mean must be the same.
  for (const char* option : ours.row().support)
    if (ours.text(option) != theirs.text(option)) return false;
  return ours.row().support.empty() || student.action == teacher.action;
}

Distillation::Distillation(Policy& student, const Policy& teacher,
                           const std::vector<float>& observations, const Options& options)
    : student_(student),
      teacher_(teacher),
      options_(options),
      store_(student.device(), student.store().real()),
      data_(student.device(), student.store().real()),
      training_(student.device(), student.store().real()),
      comparing_(student.device(), student.store().real()) {
  const PolicyDescription &ours = student.description(), &theirs = teacher.description();
  const std::int64_t width = ours.observation.width();
  const std::int64_t n = static_cast<std::int64_t>(observations.size()) / width;
  if (!fits(ours, theirs) || &student.device() != &teacher.device())
    fail(ErrorKind::bad_input,
         "distillation: expected student and teacher of the same observations, actions and head of "
         "known divergence, of the same normalization, without memory, on one device; found heads "
         "%s and %s, trunks %s and %s",
         ours.head.name().c_str(), theirs.head.name().c_str(), ours.trunk.name.c_str(),
         theirs.trunk.name.c_str());
  check_options(options);
  if (n < 1 || n * width != static_cast<std::int64_t>(observations.size()))
    fail(ErrorKind::bad_input, "distillation: expected rows of %lld numbers, found %zu numbers",
         static_cast<long long>(width), observations.size());

  fit_actions_like(student_, teacher_);
  rows_ = n;
  batch_.resize(static_cast<std::size_t>(options_.batch_size));
  adam_ = std::make_unique<Adam>(student_.parameters(), store_,
                                 Adam::Options{.learning_rate = options_.learning_rate,
                                               .clipping = {.norm = options_.gradient_norm}});
  Array& all = data_.create("observations", {n, width});
  all.write(observations.data(), n * width);
  const Tensor index = training_.input("index", {rows(options_.batch_size)}, Element::index);
  const Tensor loss = mean(divergence(gather_rows(training_.use(all), index)));
  training_.output("divergence", loss);
  adam_->record(training_, loss);

  const Tensor seen = comparing_.use(rows_of(all));
  comparing_.output("divergence", mean(divergence(seen)));
  const Tensor own = student_.distribution(seen)->mode(),
               other = teacher_.distribution(seen)->mode();
  if (ours.action.kind == ActionKind::discrete) {
    const std::int64_t size = ours.action.size;
    comparing_.output("agreement", mean(sum(one_hot(own, size) * one_hot(other, size), -1)));
  } else {
    comparing_.output("agreement", mean(sum(square(own - other), -1)));
  }
}

Tensor Distillation::divergence(Tensor observation) const {
  std::vector<Tensor> teacher;
  for (Tensor parameter : teacher_.distribution(observation)->parameters())
    teacher.push_back(stop_gradient(parameter));
  if (teacher_.description().head.row().traits.logits)
    teacher[0] = teacher[0] / options_.temperature;
  return student_.distribution(observation)->divergence_from(teacher);  // (1), a row
}

Distillation::Metrics Distillation::step() {
  // A step's rows depend on its number alone, so that a resumed run draws the same.
  Draws draws(options_.seed, batch_stream + static_cast<std::uint64_t>(iteration_));
  for (std::int32_t& row : batch_) row = static_cast<std::int32_t>(draws.below(rows_));
  training_.write_indices("index", batch_.data(), options_.batch_size);
  training_.run();
  ++iteration_;
  const double loss = training_.value("divergence");
  if (!std::isfinite(loss))
    fail(ErrorKind::not_finite, "distillation: the divergence of step %lld is %g",
         static_cast<long long>(iteration_), loss);
  return {iteration_, loss};
}

Distillation::Comparison Distillation::compare() {
  comparing_.run();
  return {comparing_.value("divergence"), comparing_.value("agreement")};
}

void Distillation::restore() {
  iteration_ =
      static_cast<std::int64_t>(store_.at(student_.parameters().model() + "/adam/step").read()[0]);
}

}  // namespace understudy
