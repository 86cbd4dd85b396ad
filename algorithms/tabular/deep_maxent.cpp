#include "algorithms/tabular/deep_maxent.h"

#include <algorithm>
#include <cmath>

#include "autograd/operations/operations.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

std::int64_t row_count(const Problem& p, FeatureOwner owner) {
  switch (owner) {
    case FeatureOwner::state: return p.n_states;
    case FeatureOwner::pair: return p.n_pairs();
    case FeatureOwner::transition: return p.n_transitions();
    case FeatureOwner::none: break;
  }
  fail(ErrorKind::bad_input, "reward network: the features belong to nothing");
}

void check_features(const Problem& p, const RewardFeatures& f) {
  const std::int64_t rows = row_count(p, f.owner);
  if (f.width < 1 || static_cast<std::int64_t>(f.values.size()) != rows * f.width)
    fail(ErrorKind::bad_shape, "reward network: expected [%lld, %lld] features, found %zu numbers",
         static_cast<long long>(rows), static_cast<long long>(f.width), f.values.size());
  if (!f.offset.empty() && static_cast<std::int64_t>(f.offset.size()) != rows)
    fail(ErrorKind::bad_shape, "reward network: expected %lld offsets, found %zu",
         static_cast<long long>(rows), f.offset.size());
}

// visit(i, row, weight): r(i) is the sum of weight times the reward of row, where i counts
// transitions or pairs. Both directions of this linear map follow from it.
template <class Visit>
void each_share(const Problem& p, FeatureOwner owner, bool by_transition, const Visit& visit) {
  if (by_transition) {
    for (std::int64_t j = 0; j < p.n_transitions(); ++j) {
      const std::int32_t k = p.transition_pair[j];
      visit(j,
            owner == FeatureOwner::state  ? p.pair_state[k]
            : owner == FeatureOwner::pair ? k
                                          : static_cast<std::int32_t>(j),
            1.0);
    }
    return;
  }
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    if (owner == FeatureOwner::state)
      visit(k, p.pair_state[k], 1.0);
    else if (owner == FeatureOwner::pair)
      visit(k, static_cast<std::int32_t>(k), 1.0);
    else
      for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
        visit(k, j, p.probability[j]);
  }
}

std::vector<double> spread_over(const Problem& p, const RewardFeatures& f, bool by_transition,
                                const std::vector<double>& rows) {
  std::vector<double> reward(by_transition ? p.n_transitions() : p.n_pairs(), 0.0);
  if (!f.fixed.empty() && f.fixed.size() != reward.size())
    fail(ErrorKind::bad_shape, "reward network: expected a fixed part of %zu, found %zu",
         reward.size(), f.fixed.size());
  if (!f.fixed.empty()) reward = f.fixed;
  each_share(p, f.owner, by_transition, [&](std::int64_t i, std::int32_t row, double weight) {
    reward[i] += weight * (rows[row] + (f.offset.empty() ? 0.0 : f.offset[row]));
  });
  return reward;
}

double length(const std::vector<double>& x) {
  double sum = 0.0;
  for (double v : x) sum += v * v;
  return std::sqrt(sum);
}

}  // namespace

RewardFeatures reward_features(const Problem& p) {
  RewardFeatures f{
      p.feature_owner, p.n_features,
      p.feature_owner == FeatureOwner::transition ? p.transition_features : p.features};
  check_features(p, f);
  return f;
}

DeepMaxEnt::DeepMaxEnt(Store& store, const Problem& problem, MaxEntModel& model,
                       const RewardFeatures& features, const DeepMaxEntOptions& options)
    : DeepMaxEnt(
          store, problem, &model,
          [&model](const std::vector<double>& r, std::vector<double>* g) {
            return model.value(r, g);
          },
          model.episodes(), features, options) {}

DeepMaxEnt::DeepMaxEnt(Store& store, const Problem& problem, GoalFamily& family,
                       const GoalDemonstrations& demonstrations, const RewardFeatures& features,
                       const DeepMaxEntOptions& options)
    : DeepMaxEnt(
          store, problem, nullptr,
          [&family, demonstrations](const std::vector<double>& r, std::vector<double>* g) {
            return family.log_likelihood(demonstrations, r, g);
          },
          demonstrations.episodes, features, options) {}

DeepMaxEnt::DeepMaxEnt(Store& store, const Problem& problem, MaxEntModel* model,
                       Objective objective, double episodes, const RewardFeatures& features,
                       const DeepMaxEntOptions& options)
    : store_(store),
      problem_(problem),
      model_(model),
      objective_(std::move(objective)),
      episodes_(episodes),
      options_(options),
      features_(features),
      parameters_(options.name),
      forward_(store.device(), store.real()),
      training_(store.device(), store.real()),
      checking_(store.device(), store.real()) {
  check_features(problem, features_);
  const RewardNetworkOptions& o = options_.network;
  const Initialization last{InitializationKind::xavier_uniform, o.last_scale, 1};
  if (o.kind == RewardNetworkOptions::Kind::mlp) {
    mlp_ = std::make_unique<Mlp>(parameters_, "network",
                                 Mlp::Options{.inputs = features_.width,
                                              .hidden = o.hidden,
                                              .outputs = 1,
                                              .activation = o.activation,
                                              .last_weight = last});
  } else {
    std::int64_t channels = features_.width;
    for (std::size_t i = 0; i <= o.hidden.size(); ++i) {
      const bool is_last = i == o.hidden.size();
      const std::int64_t window = i < o.windows.size() ? o.windows[i] : 1;
      if (window < 1 || window % 2 == 0)
        fail(ErrorKind::bad_input, "reward network: expected windows of odd width, found %lld",
             static_cast<long long>(window));
      Conv::Options layer{.in_channels = channels,
                          .out_channels = is_last ? 1 : o.hidden[i],
                          .kernel = window,
                          .pad = window / 2,
                          .activation = is_last ? Activation::none : o.activation};
      if (is_last) layer.weight = last;
      layers_.emplace_back(parameters_, "network/" + std::to_string(i), layer);
      channels = layer.out_channels;
    }
  }
  parameters_.create(store_, options_.seed);
  const Clipping clipping{.norm = options_.gradient_norm, .l2 = options_.l2};
  if (options_.method == DeepMaxEntOptions::Method::adam)
    optimizer_ = std::make_unique<Adam>(
        parameters_, store_,
        Adam::Options{.learning_rate = options_.learning_rate, .clipping = clipping});
  else
    optimizer_ = std::make_unique<AdaGrad>(
        parameters_, store_,
        AdaGrad::Options{.learning_rate = options_.learning_rate, .clipping = clipping});
  accepted_ = &store_.create(options_.name + "/accepted", {parameters_.elements()});
  iteration_ = &store_.create(options_.name + "/iteration", {1}, Element::counter);
  // The model's last values start the next evaluation. They pass through the store, so that a
  // resumed run has the same bits as an unbroken one.
  if (model_ != nullptr && problem.horizon == 0)
    values_ = &store_.create(options_.name + "/values", {problem.n_states});

  forward_.output("reward", network(forward_, problem_, features_));
  for (Program* program : {&training_, &checking_}) {
    const Tensor reward = network(*program, problem_, features_);
    // dL/dr, with a minus where it is trained on: optimizers go down. (1) is its backward pass.
    const Tensor cotangent = program->input("cotangent", reward.shape());
    const Tensor gradient =
        program->pack(program->gradients({reward}, {cotangent}, parameters_.use(*program)));
    if (program == &training_) {
      program->output("norm", norm(gradient));
      optimizer_->record_update(*program, gradient);
    } else {
      program->output("gradient", identity(gradient));
    }
  }
}

Tensor DeepMaxEnt::network(Program& program, const Problem& p, const RewardFeatures& f) const {
  const std::int64_t rows = row_count(p, f.owner);
  if (mlp_ != nullptr) {
    const Tensor x = program.input("features", {understudy::rows(rows), f.width});
    program.write("features", f.values);
    return (*mlp_)(x);
  }
  if (f.owner != FeatureOwner::state || p.shape.size() != 2 || p.shape[0] * p.shape[1] != rows)
    fail(ErrorKind::bad_input,
         "reward network: a convolutional one needs features of states and a problem with a shape "
         "(height, width)");
  // Row-major states are an image already; channels come first.
  std::vector<double> image(f.values.size());
  for (std::int64_t s = 0; s < rows; ++s)
    for (std::int64_t c = 0; c < f.width; ++c) image[c * rows + s] = f.values[s * f.width + c];
  Tensor x = program.input("features", {1, f.width, p.shape[0], p.shape[1]});
  program.write("features", image);
  for (const Conv& layer : layers_) x = layer(x);
  return x;
}

std::vector<double> DeepMaxEnt::reward() {
  forward_.run();
  return spread_over(problem_, features_, model_ == nullptr, forward_.read("reward"));
}

std::vector<double> DeepMaxEnt::reward_on(const Problem& p, const RewardFeatures& f) const {
  check_features(p, f);
  if (f.width != features_.width)
    fail(ErrorKind::bad_shape, "reward network: trained on %lld features, found %lld",
         static_cast<long long>(features_.width), static_cast<long long>(f.width));
  Program program(store_.device(), store_.real());
  program.output("reward", network(program, p, f));
  program.run();
  return spread_over(p, f, model_ == nullptr, program.read("reward"));
}

// The objective at the parameters of now, dL/dr by reward and by row.
double DeepMaxEnt::evaluate() {
  const double value = objective_(reward(), &by_reward_);
  if (!std::isfinite(value)) return value;
  by_row_.assign(row_count(problem_, features_.owner), 0.0);
  each_share(problem_, features_.owner, model_ == nullptr,
             [&](std::int64_t i, std::int32_t row, double weight) {
               by_row_[row] += weight * by_reward_[i];
             });
  return value;
}

double DeepMaxEnt::gradient(std::vector<double>* by_parameters) {
  const double value = evaluate();
  if (by_parameters == nullptr || !std::isfinite(value)) return value / episodes_;
  std::vector<double> cotangent = by_row_;
  for (double& g : cotangent) g /= episodes_;
  checking_.write("cotangent", cotangent);
  checking_.run();
  *by_parameters = checking_.read("gradient");
  return value / episodes_;
}

DeepMaxEntMetrics DeepMaxEnt::step() {
  const double done = iteration_->read()[0];
  if (values_ != nullptr) {
    model_->set_start(done > 0 ? values_->read() : std::vector<double>{});
  }
  DeepMaxEntMetrics metrics;
  double value = evaluate();
  while (!std::isfinite(value)) {
    // Sixty halvings leave nothing of an update: the trouble is elsewhere.
    if (done == 0 || metrics.shortened == 60)
      fail(ErrorKind::not_finite,
           done == 0 ? "deep maximum entropy: the partition function diverges at the first reward: "
                       "give the features an offset where it exists"
                     : "deep maximum entropy: no part of the last update stays in the domain");
    std::vector<double> theta = parameters_.flat().read();
    const std::vector<double> accepted = accepted_->read();
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] = 0.5 * (theta[i] + accepted[i]);
    parameters_.flat().write(theta);
    ++metrics.shortened;
    value = evaluate();
  }
  if (values_ != nullptr && !model_->start().empty()) values_->write(model_->start());
  accepted_->write(parameters_.flat().read());

  std::vector<double> cotangent = by_row_, gap(features_.width, 0.0);
  for (std::size_t row = 0; row < cotangent.size(); ++row) {
    cotangent[row] *= -1.0 / episodes_;
    if (cotangent[row] == 0.0) continue;
    for (std::int64_t c = 0; c < features_.width; ++c)
      gap[c] += cotangent[row] * features_.values[row * features_.width + c];
  }
  training_.write("cotangent", cotangent);
  training_.run();
  iteration_->write({done + 1});
  metrics.iteration = static_cast<std::int64_t>(done) + 1;
  metrics.log_likelihood = value / episodes_;
  metrics.gradient_norm = training_.value("norm");
  metrics.feature_gap = length(gap);
  return metrics;
}

}  // namespace understudy
