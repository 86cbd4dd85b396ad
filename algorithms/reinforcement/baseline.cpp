#include "algorithms/reinforcement/baseline.h"

#include <optional>

#include "algorithms/policies/gaussian.h"
#include "autograd/modules/modules.h"
#include "autograd/options/options.h"
#include "kernels/device/backend.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// The variance of equal floats, of their square: a mean is off by a rounding or two of 2^-24.
constexpr double rounding = 0x1p-44;

constexpr double clip = 10;            // of normalized observations, in standard deviations
constexpr double steps_in_unit = 100;  // of the time feature
constexpr std::uint64_t order_stream = (std::uint64_t{1} << 32) + 17;

class NoBaseline final : public Baseline {
 public:
  explicit NoBaseline(const Rollouts& rollouts) : rollouts_(rollouts) {}
  void evaluate(float* value, float* final_value) override {
    const std::size_t bytes = static_cast<std::size_t>(rollouts_.steps_per_iteration()) * 4;
    Device& device = rollouts_.device();
    device.fill_zero(value, bytes + static_cast<std::size_t>(rollouts_.num_envs()) * 4);
    if (final_value != nullptr) device.fill_zero(final_value, bytes);
  }
  BaselineMetrics fit(const Array&) override { return {}; }

 private:
  const Rollouts& rollouts_;
};

// What linear and network baselines share: v recorded for the rows of rollouts.
class Recorded : public Baseline {
 public:
  void evaluate(float* value, float* final_value) override {
    Device& device = rollouts_.device();
    values_.run();
    device.copy(value, values_.data("value"),
                bytes(rollouts_.steps_per_iteration() + rollouts_.num_envs()));
    if (final_value == nullptr) return;
    final_values_.run();
    device.copy(final_value, final_values_.data("value"), bytes(rollouts_.steps_per_iteration()));
  }

 protected:
  explicit Recorded(const Rollouts& rollouts)
      : rollouts_(rollouts), values_(rollouts.device()), final_values_(rollouts.device()) {}

  // v of [rows, width] and the steps since the episode began, [rows, 1]: [rows, 1].
  virtual Tensor value(Tensor observation, Tensor time) const = 0;

  // To be called when `value` can be.
  void record() {
    const std::int64_t n = rollouts_.steps_per_iteration();
    record_into(values_, n + rollouts_.num_envs(), rollouts_.observation(), 0);
    record_into(final_values_, n, rollouts_.final_observation(), 1);
  }

  std::int64_t width() const { return rollouts_.observation().shape()[1]; }
  const Rollouts& rollouts_;

 private:
  static std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count) * 4; }

  // A final observation comes one step after the row's own.
  void record_into(Program& program, std::int64_t count, const Array& observation, double later) {
    const Tensor o = program.use(rows_of(observation));
    const Tensor t = column(program.use(rows_of(rollouts_.time(), {.count = count})));
    program.output("value", value(o, t + later));
    program.plan();
  }

  Program values_, final_values_;
};

class LinearBaseline final : public Recorded {
 public:
  LinearBaseline(const Rollouts& rollouts, Store& store, const BaselineOptions& options)
      : Recorded(rollouts), program_(rollouts.device()) {
    const std::int64_t n = rollouts.steps_per_iteration(), count = 2 * width() + 3;
    mean_ = &store.create("value/feature_mean", {count});
    scale_ = &store.create("value/feature_scale", {count});
    weight_ = &store.create("value/weight", {count, 1});
    constant_ = &store.create("value/constant", {1});
    record();

    // With features of mean 0 and variance 1 and targets of mean 0 the constant drops out of the
    // normal equations (2), and single precision is enough for them.
    Program& program = program_;
    const Tensor o = program.use(rows_of(rollouts.observation(), {.count = n}));
    const Tensor t = column(program.use(rows_of(rollouts.time(), {.count = n})));
    const Tensor y = column(program.input("target", {rows(n)}));
    const Tensor before = value(o, t);
    const Tensor x = features(o, t);
    const Tensor middle = mean(x, 0), target_mean = mean(y, 0);
    const Tensor variance = mean(square(x - middle), 0);
    // A feature that never varies gets scale 0 and with the ridge weight 0.
    const Tensor one = program.constant(1.0), zero = program.constant(0.0);
    const Tensor varies = less(rounding * square(middle), variance);
    const Tensor scale = select(varies, reciprocal(sqrt(select(varies, variance, one))), zero);
    const Tensor z = (x - middle) * scale, r = y - target_mean;
    const double share = 1.0 / static_cast<double>(n);
    std::vector<double> diagonal(static_cast<std::size_t>(count * count), 0);
    for (std::int64_t i = 0; i < count; ++i)
      diagonal[static_cast<std::size_t>(i * count + i)] = options.ridge;
    const Tensor a = matmul(z, z, true) * share + program.constant({count, count}, diagonal);
    // (2)
    const Tensor l = cholesky(a);
    const Tensor w = triangular_solve(l, triangular_solve(l, matmul(z, r, true) * share), true);
    const Tensor spread = mean(square(r));
    program.output("loss", mean(square(y - before)) / select(is_positive(spread), spread, one));
    program.assign(*mean_, middle);
    program.assign(*scale_, scale);
    program.assign(*weight_, w);
    program.assign(*constant_, target_mean);
  }

  BaselineMetrics fit(const Array& target) override {
    program_.bind("target", rows_of(target));
    program_.run();
    return {.loss = program_.value("loss")};
  }

 private:
  static Tensor features(Tensor observation, Tensor time) {
    const Tensor o = clamp(observation, -clip, clip), t = time / steps_in_unit;
    return concatenate({o, square(o), t, square(t), t * square(t)}, -1);
  }
  Tensor value(Tensor observation, Tensor time) const override {
    Program& program = observation.program();
    // (1)
    const Tensor z = (features(observation, time) - program.use(*mean_)) * program.use(*scale_);
    return matmul(z, program.use(*weight_)) + program.use(*constant_);
  }

  Program program_;
  Array *mean_, *scale_, *weight_, *constant_;
};

class NetworkBaseline final : public Recorded {
 public:
  NetworkBaseline(const Rollouts& rollouts, Store& store, const BaselineOptions& options)
      : Recorded(rollouts),
        options_(options),
        parameters_("value"),
        network_(parameters_, "network",
                 {.inputs = width() + (options.time_feature ? 1 : 0),
                  .hidden = options.hidden,
                  .outputs = 1,
                  .last_weight = {InitializationKind::xavier_uniform, 0.1, 1}}),
        statistics_(rollouts.device()),
        fitting_(rollouts.device()) {
    parameters_.create(store, options.seed);
    observed_.emplace(store, "value/observation", width());
    returned_.emplace(store, "value/return", 1);
    target_ = &buffers(store).create("target", {rollouts.steps_per_iteration()});
    record();

    const std::int64_t n = rollouts.steps_per_iteration();
    const DataView observation = rows_of(rollouts.observation(), {.count = n});
    returned_->record_update(column(statistics_.use(rows_of(*target_))));
    observed_->record_update(statistics_.use(observation));

    if (options.kind == BaselineKind::trust_region) {
      fit_by_trust_region(n);
    } else {
      const std::int64_t batch = options.batch_size > 0 ? options.batch_size : n;
      batches_.emplace(store, "value", n, batch, options.seed);
      const auto shuffled = [&](const DataView& view) { return fitting_.use(batches_->add(view)); };
      const Tensor o = shuffled(observation);
      const Tensor t = column(shuffled(rows_of(rollouts.time(), {.count = n})));
      const Tensor target = column(shuffled(rows_of(*target_)));
      const Tensor loss = mean(square(output(o, t) - returned_->normalize(target)));  // (3)
      fitting_.output("loss", loss);
      adam_.emplace(parameters_, store, Adam::Options{.learning_rate = options.learning_rate});
      adam_->record(fitting_, loss);
    }
  }

  BaselineMetrics fit(const Array& target) override {
    rollouts_.device().copy(target_->data(), target.data(), target_->bytes());
    statistics_.run();
    BaselineMetrics metrics;
    if (region_ != nullptr) {
      metrics.trust_region = region_->step();
      metrics.loss = -2 * metrics.trust_region.objective;
      return metrics;
    }
    double sum = 0;
    for (int epoch = 0; epoch < options_.epochs; ++epoch) {
      batches_->shuffle();
      for (std::int64_t i = 0; i < batches_->batches(); ++i) {
        batches_->load(i);
        fitting_.run();
        if (epoch == 0) sum += fitting_.value("loss");
      }
    }
    metrics.loss = sum / static_cast<double>(batches_->batches());
    return metrics;
  }

 private:
  Store& buffers(const Store& store) {
    buffers_ = std::make_unique<Store>(store.device());
    return *buffers_;
  }

  void fit_by_trust_region(std::int64_t n) {
    const auto model = [this, n](Program& program, std::int64_t stride) {
      const auto every = [&](const Array& array) {
        return program.use(rows_of(array, {.count = n}).rows({.stride = stride}));
      };
      const Tensor o = every(rollouts_.observation());
      const Tensor t = options_.time_feature ? column(every(rollouts_.time())) : Tensor();
      return std::make_unique<DiagonalGaussian>(output(o, t), program.constant(0.0), true);
    };
    const auto objective = [this](Program& program, const ActionDistribution& now) {
      const Tensor y = column(program.use(rows_of(*target_)));
      return -0.5 * mean(square(now.mode() - returned_->normalize(y)));  // (4)
    };
    region_ = std::make_unique<TrustRegion>(parameters_, model, objective, options_.trust_region);
  }

  // In units of normalized returns.
  Tensor output(Tensor observation, Tensor time) const {
    const Tensor o = observed_->normalize(observation, clip);
    return network_(options_.time_feature ? concatenate({o, time / steps_in_unit}, -1) : o);
  }
  Tensor value(Tensor observation, Tensor time) const override {
    return returned_->restore(output(observation, time));  // (5)
  }

  BaselineOptions options_;
  std::unique_ptr<Store> buffers_;
  Parameters parameters_;
  Mlp network_;
  std::optional<Normalizer> observed_, returned_;
  Array* target_;
  Program statistics_, fitting_;
  std::optional<ShuffledBatches> batches_;
  std::optional<Adam> adam_;
  std::unique_ptr<TrustRegion> region_;
};

constexpr OptionChoice kinds[] = {choice(BaselineKind::none, "none"),
                                  choice(BaselineKind::linear, "linear"),
                                  choice(BaselineKind::regression, "regression"),
                                  choice(BaselineKind::trust_region, "trust_region")};

}  // namespace

std::unique_ptr<Baseline> make_baseline(const Rollouts& rollouts, Store& store,
                                        const BaselineOptions& options) {
  switch (options.kind) {
    case BaselineKind::none: return std::make_unique<NoBaseline>(rollouts);
    case BaselineKind::linear: return std::make_unique<LinearBaseline>(rollouts, store, options);
    default: return std::make_unique<NetworkBaseline>(rollouts, store, options);
  }
}

const char* name_of(BaselineKind kind) { return choice_name(kinds, kind); }
BaselineKind baseline_kind_named(const std::string& name) {
  return static_cast<BaselineKind>(choice_named(kinds, name, "baseline"));
}

void list_options(OptionList& list, BaselineOptions& o) {
  list.fields(
      o, option("", o.kind, kinds, "what estimates the return to come"),
      option("hidden", o.hidden, "units of the network's layers",
             {.least = 1, .source = "Ho & Ermon 2016, section 6"}),
      option("time_feature", o.time_feature, "the network sees the episode's steps too"),
      option("ridge", o.ridge, "linear: ridge, as a share of the features' variance",
             {.least = 0, .source = "Duan et al. 2016 (rllab)"}),
      option("learning_rate", o.learning_rate, "regression: Adam's", {.above = 0}),
      option("epochs", o.epochs, "regression: passes over the transitions", {.least = 1}),
      option("batch_size", o.batch_size,
             "regression: rows a step, a divisor of steps_per_iteration; 0: all", {.least = 0}),
      group("", o.trust_region), seed(o.seed));
}

ShuffledBatches::ShuffledBatches(Store& store, const std::string& name, std::int64_t rows,
                                 std::int64_t batch, std::uint64_t seed)
    : rows_(rows), batch_(batch), buffers_(store.device()), order_(store.device()) {
  if (batch < 1 || rows % batch != 0)
    fail(ErrorKind::bad_input, "%s: expected a batch that divides %lld rows, found %lld",
         name.c_str(), static_cast<long long>(rows), static_cast<long long>(batch));
  Array& counter = store.create(name + "/order", {1}, Element::counter);
  order_.output("order", random_permutation(order_, {&counter, seed, order_stream}, rows));
}

DataView ShuffledBatches::add(const DataView& source) {
  Shape shape = {batch_};
  for (int axis = 1; axis < source.shape().rank(); ++axis)
    shape.append(source.shape().dimension(axis));
  Array& here = buffers_.create(source.name(), shape, source.element());
  columns_.push_back({source, &here});
  return rows_of(here);
}

void ShuffledBatches::shuffle() { order_.run(); }

void ShuffledBatches::load(std::int64_t batch) {
  Device& device = buffers_.device();
  const auto* order = static_cast<const std::int32_t*>(order_.data("order")) + batch * batch_;
  // Indices move as what they are, 4 bytes: gathering does no arithmetic.
  for (const Column& column : columns_)
    device.kernels<float>().gather.gather_rows(device.stream(), batch_,
                                               column.source.shape().row_elements(), rows_,
                                               static_cast<const float*>(column.source.data()),
                                               order, static_cast<float*>(column.batch->data()));
}

}  // namespace understudy
