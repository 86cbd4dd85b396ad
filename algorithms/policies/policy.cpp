#include "algorithms/policies/policy.h"

#include <cmath>

#include "algorithms/policies/standardized.h"
#include "autograd/files/checkpoint.h"
#include "autograd/files/safetensors.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// No policy of this description has fewer parameters: the weights of its layers, and of a head that
// is one layer.
double least_parameters(const PolicyDescription& d) {
  double total = 0, width = static_cast<double>(d.input_width());
  const auto layer = [&](double inputs, double outputs) {
    total += inputs * outputs;
    width = outputs;
  };
  if (!d.trunk.convolutions.empty()) width = 0;  // their own layers are small
  for (std::int64_t units : d.trunk.hidden) layer(width, static_cast<double>(units));
  if (const HeadRow& head = d.head.row(); head.least_outputs != nullptr)
    layer(width, head.least_outputs(d.head.options(), d.action));
  return total;
}

}  // namespace

Policy::Policy(Device& device, const PolicyDescription& description, std::uint64_t seed, Real real)
    : description_(description.resolved()), store_(device, real) {
  description_.check();
  const TrunkOptions& trunk = description_.trunk;
  std::int64_t width = description_.input_width();
  for (std::size_t i = 0; i < description_.observation.vocabularies.size(); ++i) {
    embeddings_.emplace_back(parameters_, "embedding/" + std::to_string(i),
                             Linear::Options{.inputs = description_.observation.vocabularies[i],
                                             .outputs = trunk.embedding,
                                             .bias = false,
                                             .weight = {InitializationKind::normal, 0.3, 1}});
    width += trunk.embedding - 1;
  }
  if (!trunk.convolutions.empty()) {
    const ImageShape image =
        image_shape(description_.observation.shape, trunk.image_layout, "policy");
    std::int64_t channels = image.channels, height = image.height, across = image.width;
    for (std::size_t i = 0; i < trunk.convolutions.size(); i += 4) {
      const std::int64_t* c = &trunk.convolutions[i];
      convolutions_.emplace_back(parameters_, "convolution/" + std::to_string(i / 4),
                                 Conv::Options{.in_channels = channels,
                                               .out_channels = c[0],
                                               .kernel = c[1],
                                               .stride = c[2],
                                               .pad = c[3]});
      channels = c[0];
      height = (height + 2 * c[3] - c[1]) / c[2] + 1;
      across = (across + 2 * c[3] - c[1]) / c[2] + 1;
    }
    width = channels * height * across;
  }
  trunk_ = trunk_named(trunk.name)
               .make({.parameters = parameters_,
                      .inputs = width,
                      .weight = {description_.initialization, 1.0, 1}},
                     trunk);
  head_ = make_head(parameters_, "head", description_, trunk_->outputs());
  parameters_.create(store_, seed);
  if (description_.normalize_observations) {
    const std::int64_t observed = description_.observation.width();
    normalizer_.emplace(store_, "normalizer", observed);
  }
  if (description_.standardizes_actions())
    action_normalizer_.emplace(store_, "action_normalizer", description_.action.size);
}

Tensor Policy::prepared(Tensor observation) const {
  const ObservationSpace& space = description_.observation;
  const bool index = observation.element() == Element::index;
  if (index != space.discrete ||
      (!index &&
       (observation.shape().rank() < 2 || observation.shape()[-1] != description_.input_width())))
    fail(ErrorKind::bad_shape, "policy: expected observations [rows..., %lld] (%s), found %s (%s)",
         static_cast<long long>(description_.input_width()),
         space.discrete ? "as indices below it" : "numbers", observation.shape().text().c_str(),
         index ? "indices" : "numbers");
  if (index) return one_hot(observation, space.width());
  if (!embeddings_.empty()) return embedded(observation);
  if (!normalizer_) return convolved(observation);
  const double clip = description_.clip_observations;
  if (!description_.codes.any()) return convolved(normalizer_->normalize(observation, clip));
  const std::int64_t seen = space.width();
  return concatenate({normalizer_->normalize(slice(observation, -1, 0, seen), clip),
                      slice(observation, -1, seen, description_.codes.width())},
                     -1);
}

// The table's row of each index, by a product with what is 1 at the index and 0 elsewhere: indices
// come as numbers, among others.
Tensor Policy::embedded(Tensor observation) const {
  Program& program = observation.program();
  const std::int64_t count = static_cast<std::int64_t>(embeddings_.size());
  std::vector<Tensor> parts;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t size = description_.observation.vocabularies[static_cast<std::size_t>(i)];
    std::vector<double> each(static_cast<std::size_t>(size));
    for (std::size_t k = 0; k < each.size(); ++k) each[k] = static_cast<double>(k);
    const Tensor is = equal(slice(observation, -1, i, 1), program.constant({size}, each));
    parts.push_back(embeddings_[static_cast<std::size_t>(i)](is));
  }
  const std::int64_t rest = description_.observation.width() - count;
  if (rest > 0) parts.push_back(slice(observation, -1, count, rest));
  return parts.size() == 1 ? parts[0] : concatenate(parts, -1);
}

// Images through the convolutions, flat again; of sequences step by step.
Tensor Policy::convolved(Tensor observation) const {
  if (convolutions_.empty()) return observation;
  const Shape& shape = observation.shape();
  const ImageShape image =
      image_shape(description_.observation.shape, description_.trunk.image_layout, "policy");
  const auto one = [&](Tensor flat) {
    const Shape leads = leading(flat.shape());
    Tensor x =
        image.channels_last
            ? permute(reshape(flat, behind(leads, {image.height, image.width, image.channels})),
                      {0, 3, 1, 2})
            : reshape(flat, behind(leads, {image.channels, image.height, image.width}));
    for (const Conv& layer : convolutions_) x = layer(x);
    const std::int64_t width = x.shape()[1] * x.shape()[2] * x.shape()[3];
    return reshape(x, behind(leading(flat.shape()), {width}));
  };
  if (shape.rank() == 2) return one(observation);
  std::vector<Tensor> steps;
  for (std::int64_t t = 0; t < shape[1]; ++t) {
    const Shape row = leading(shape, 2);
    const Tensor x = one(reshape(slice(observation, 1, t, 1), behind(row, {shape[2]})));
    steps.push_back(reshape(x, behind(row, {1, x.shape()[-1]})));
  }
  return steps.size() == 1 ? steps[0] : concatenate(steps, 1);
}

Tensor Policy::features(Tensor observation, Tensor mask) const {
  const Tensor x = prepared(observation);
  if (has_memory() && x.shape().rank() != 3)
    fail(ErrorKind::bad_shape,
         "policy with memory: expected sequences [rows, steps, %lld], found %s",
         static_cast<long long>(description_.observation.width()),
         observation.shape().text().c_str());
  return (*trunk_)(x, mask);
}

std::unique_ptr<ActionDistribution> Policy::distribution(Tensor observation, Tensor mask) const {
  return of_features(features(observation, mask));
}

std::unique_ptr<ActionDistribution> Policy::of_features(Tensor features) const {
  auto distribution = head_->distribution(features);
  if (!action_normalizer_) return distribution;
  const HeadTraits& traits = description_.head.row().traits;
  return std::make_unique<StandardizedDistribution>(std::move(distribution), *action_normalizer_,
                                                    traits.likelihood || traits.bound);
}

std::unique_ptr<ActionDistribution> Policy::step(Tensor observation, Tensor memory,
                                                 Tensor& next) const {
  UNDERSTUDY_CHECK(has_memory(), "a step of a policy without memory");
  if (memory.shape().rank() != 2 || memory.shape()[-1] != memory_width())
    fail(ErrorKind::bad_shape, "policy: expected a memory [rows, %lld], found %s",
         static_cast<long long>(memory_width()), memory.shape().text().c_str());
  return of_features(trunk_->step(prepared(observation), memory, next));
}

void Policy::save(const std::string& path,
                  const std::map<std::string, std::string>& metadata) const {
  std::map<std::string, std::string> all = description_.metadata();
  all.insert(metadata.begin(), metadata.end());
  write_checkpoint(path, {&store_}, all);
}

PolicyDescription Policy::describe(const std::string& path) {
  return PolicyDescription::from_metadata(files::read_safetensors(path).metadata,
                                          files::shown_path(path));
}

std::unique_ptr<Policy> Policy::load(Device& device, const std::string& path, Real real) {
  const files::Safetensors contents = files::read_safetensors(path);
  const PolicyDescription description =
      PolicyDescription::from_metadata(contents.metadata, files::shown_path(path));
  // Before memory is asked for: a few bytes can describe any size.
  std::int64_t found = 0;
  for (const auto& [name, array] : contents.arrays) found += array.count();
  if (least_parameters(description) > static_cast<double>(found))
    fail(ErrorKind::bad_file, "%s: expected %.0f numbers or more of the policy, found %lld",
         files::shown_path(path).c_str(), least_parameters(description),
         static_cast<long long>(found));
  auto policy = std::make_unique<Policy>(device, description, 0, real);
  read_checkpoint(path, {&policy->store_});
  return policy;
}

namespace {

// The actions that are learned.
std::vector<float> counted_actions(const Transitions& transitions) {
  if (transitions.counted.empty()) return transitions.actions.numbers;
  std::vector<float> counted;
  const std::int64_t width = transitions.actions.width();
  for (std::int64_t row = 0; row < transitions.rows(); ++row)
    if (transitions.counts(row))
      counted.insert(counted.end(), transitions.action(row), transitions.action(row) + width);
  return counted;
}

void fit_observations(Normalizer& normalizer, const Series& observations) {
  if (observations.in_bytes())
    normalizer.fit(observations.bytes);
  else
    normalizer.fit(observations.as_numbers());
}

}  // namespace

void fit_normalizer(Policy& policy, const Transitions& transitions) {
  if (transitions.rows() == 0) return;
  if (policy.normalizer() != nullptr)
    fit_observations(*policy.normalizer(), transitions.observations);
  if (policy.action_normalizer() == nullptr) return;
  const std::vector<float> actions = counted_actions(transitions);
  if (!actions.empty()) policy.action_normalizer()->fit(actions);
}

void freeze_normalizer(Policy& policy, const Transitions& transitions) {
  fit_normalizer(policy, transitions);
  for (Normalizer* normalizer : {policy.normalizer(), policy.action_normalizer()})
    if (normalizer != nullptr) normalizer->freeze();
}

void fit_actions_to_bounds(Policy& policy) {
  if (policy.action_normalizer() == nullptr) return;
  const ActionSpace& action = policy.description().action;
  std::vector<double> middle, half;
  for (std::size_t d = 0; d < action.low.size() && d < action.high.size(); ++d) {
    middle.push_back(0.5 * action.low[d] + 0.5 * action.high[d]);
    half.push_back(0.5 * action.high[d] - 0.5 * action.low[d]);
    if (!std::isfinite(half.back()) || !(half.back() > 0)) break;
  }
  if (static_cast<std::int64_t>(half.size()) != action.size || !std::isfinite(half.back()) ||
      !(half.back() > 0))
    fail(ErrorKind::bad_input,
         "normalize_actions: expected demonstrations, or finite bounds of every action, found "
         "neither");
  policy.action_normalizer()->set(middle, half, 0);
}

void fit_actions_like(Policy& policy, const Policy& other) {
  if (policy.action_normalizer() == nullptr) return;
  const std::size_t width = static_cast<std::size_t>(policy.description().action.size);
  if (const Normalizer* by = other.action_normalizer())
    policy.action_normalizer()->set(by->mean().read(), by->std().read(), by->count().read()[0]);
  else
    policy.action_normalizer()->set(std::vector<double>(width, 0), std::vector<double>(width, 1),
                                    0);
}

}  // namespace understudy
