#include "autograd/optimize/optimizer.h"

#include <functional>

#include "autograd/operations/operations.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// An update as an operation. Inputs: the flat gradient, the clipping factor and the rate's factor;
// the last two may be left out. It writes persistent arrays and has no result.
class Update final : public Operation {
 public:
  // kernel(call, zero of the type, transform, gradient)
  using Kernel32 = std::function<void(const Call&, const GradientTransform<float>&, const float*)>;
  using Kernel64 =
      std::function<void(const Call&, const GradientTransform<double>&, const double*)>;

  Update(const char* name, const Clipping& clipping, Kernel32 f32, Kernel64 f64)
      : name_(name), clipping_(clipping), f32_(std::move(f32)), f64_(std::move(f64)) {}
  const char* name() const override { return name_; }
  void run(const Call& call) const override {
    if (call.real == Real::f32)
      f32_(call, transform<float>(call), call.in<float>(0));
    else
      f64_(call, transform<double>(call), call.in<double>(0));
  }

 private:
  template <class T>
  GradientTransform<T> transform(const Call& call) const {
    GradientTransform<T> transform;
    transform.scale = call.in<T>(1);
    transform.clip = static_cast<T>(clipping_.value);
    transform.l2 = static_cast<T>(clipping_.l2);
    transform.rate = call.in<T>(2);
    return transform;
  }

  const char* name_;
  Clipping clipping_;
  Kernel32 f32_;
  Kernel64 f64_;
};

// min(1, maximum / |g|) from |g|^2.
class ClipScale final : public Operation {
 public:
  explicit ClipScale(double maximum) : maximum_(maximum) {}
  const char* name() const override { return "clip_scale"; }
  void run(const Call& call) const override {
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().optimizer.clip_scale(call.stream, static_cast<T>(maximum_), call.in<T>(0),
                                             call.out<T>());
    });
  }

 private:
  double maximum_;
};

// The rate's factor after *step updates.
class LinearDecay final : public Operation {
 public:
  LinearDecay(Array& step, std::int64_t steps, double last)
      : step_(step), steps_(steps), last_(last) {}
  const char* name() const override { return "linear_decay"; }
  std::string detail() const override { return step_.name() + " of " + std::to_string(steps_); }
  void run(const Call& call) const override {
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().optimizer.linear_decay(call.stream, steps_, last_,
                                               static_cast<const std::int64_t*>(step_.data()),
                                               call.out<T>());
    });
  }

 private:
  Array& step_;
  std::int64_t steps_;
  double last_;
};

// *step += 1
class Count final : public Operation {
 public:
  explicit Count(Array& step) : step_(step) {}
  const char* name() const override { return "count"; }
  std::string detail() const override { return step_.name(); }
  void run(const Call& call) const override {
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().optimizer.count(call.stream, static_cast<std::int64_t*>(step_.data()));
    });
  }

 private:
  Array& step_;
};

// Records an update given as one generic function of the element type.
template <class Kernel>
void append(Program& program, const char* name, const Clipping& clipping, Tensor flat, Tensor scale,
            Tensor rate, const Effects& effects, const Kernel& kernel) {
  program.append(std::make_unique<Update>(name, clipping, kernel, kernel), {flat, scale, rate}, {},
                 effects);
}

template <class T>
T* data(Array* array) {
  return array == nullptr ? nullptr : static_cast<T*>(array->data());
}

void require_positive(const char* optimizer, const char* option, double value) {
  if (!(value > 0))
    fail(ErrorKind::bad_input, "%s: %s must be above 0, found %g", optimizer, option, value);
}

}  // namespace

void list_options(OptionList& list, Schedule& o) {
  list.fields(o,
              option("steps", o.steps,
                     "updates over which the learning rate falls in a straight line; 0: constant",
                     {.least = 0, .source = "Schulman et al. 2017, table 3"}),
              option("last", o.last, "the share of the learning rate that is left then",
                     {.least = 0, .most = 1}),
              fixed("factor", o.factor, "an array of the caller's"));
}

Optimizer::Optimizer(const Parameters& parameters, Store& store, const Clipping& clipping,
                     const Schedule& schedule)
    : parameters_(parameters), clipping_(clipping), schedule_(schedule) {
  if (schedule.steps < 0 || (schedule.steps > 0 && schedule.factor != nullptr))
    fail(ErrorKind::bad_input,
         "optimizer of %s: a schedule has a number of steps, from 0, or a factor: found %lld "
         "steps%s",
         parameters.model().c_str(), static_cast<long long>(schedule.steps),
         schedule.factor != nullptr ? " and a factor" : "");
  if (schedule.factor != nullptr && schedule.factor->elements() != 1)
    fail(ErrorKind::bad_shape, "optimizer of %s: a factor of the learning rate of shape %s",
         parameters.model().c_str(), schedule.factor->shape().text().c_str());
  if (schedule.steps > 0)
    schedule_step_ = &store.create(parameters.model() + "/schedule/step", {1}, Element::counter);
}

void Optimizer::record(Program& program, Tensor loss) {
  record_update(program, program.pack(program.gradients(loss, parameters_.use(program))));
}

void Optimizer::record_update(Program& program, Tensor gradient) {
  if (gradient.shape().elements() != parameters_.elements())
    fail(ErrorKind::bad_shape, "optimizer of %s: a gradient of %lld elements for %lld parameters",
         parameters_.model().c_str(), static_cast<long long>(gradient.shape().elements()),
         static_cast<long long>(parameters_.elements()));
  Tensor scale;
  if (clipping_.norm > 0)
    scale = program.append(std::make_unique<ClipScale>(clipping_.norm), {sum(square(gradient))},
                           {{Shape{}}})[0];
  Tensor rate;
  if (schedule_.factor != nullptr) rate = program.use(*schedule_.factor);
  if (schedule_step_ != nullptr) {
    rate = program.append(
        std::make_unique<LinearDecay>(*schedule_step_, schedule_.steps, schedule_.last), {},
        {{Shape{}}}, Effects{{schedule_step_}, {}})[0];
    program.append(std::make_unique<Count>(*schedule_step_), {}, {}, Effects{{}, {schedule_step_}});
  }
  append_update(program, {gradient, scale, rate});
}

Sgd::Sgd(const Parameters& parameters, Store& store, const Options& options)
    : Optimizer(parameters, store, options.clipping, options.schedule), options_(options) {
  require_positive("sgd", "the learning rate", options.learning_rate);
  if (options.momentum != 0)
    velocity_ = &store.create(parameters.model() + "/sgd/velocity", {parameters.elements()});
}

void Sgd::append_update(Program& program, const Gradient& gradient) {
  Array *p = &parameters_.flat(), *velocity = velocity_;
  std::vector<Array*> writes{p};
  if (velocity != nullptr) writes.push_back(velocity);
  append(program, "sgd", clipping_, gradient.flat, gradient.scale, gradient.rate,
         Effects{{}, writes},
         [o = options_, p, velocity]<class T>(const Call& call,
                                              const GradientTransform<T>& transform, const T* g) {
           call.kernels<T>().optimizer.sgd(
               call.stream, p->elements(), transform, static_cast<T>(o.learning_rate),
               static_cast<T>(o.momentum), o.nesterov, g, data<T>(velocity), data<T>(p));
         });
}

RmsProp::RmsProp(const Parameters& parameters, Store& store, const Options& options)
    : Optimizer(parameters, store, options.clipping, options.schedule), options_(options) {
  require_positive("rmsprop", "the learning rate", options.learning_rate);
  mean_square_ =
      &store.create(parameters.model() + "/rmsprop/mean_square", {parameters.elements()});
}

void RmsProp::append_update(Program& program, const Gradient& gradient) {
  Array *p = &parameters_.flat(), *s = mean_square_;
  append(program, "rmsprop", clipping_, gradient.flat, gradient.scale, gradient.rate,
         Effects{{}, {p, s}},
         [o = options_, p, s]<class T>(const Call& call, const GradientTransform<T>& transform,
                                       const T* g) {
           call.kernels<T>().optimizer.rmsprop(
               call.stream, p->elements(), transform, static_cast<T>(o.learning_rate),
               static_cast<T>(o.decay), static_cast<T>(o.epsilon), g, data<T>(s), data<T>(p));
         });
}

AdaGrad::AdaGrad(const Parameters& parameters, Store& store, const Options& options)
    : Optimizer(parameters, store, options.clipping, options.schedule), options_(options) {
  require_positive("adagrad", "the learning rate", options.learning_rate);
  sum_of_squares_ =
      &store.create(parameters.model() + "/adagrad/sum_of_squares", {parameters.elements()});
}

void AdaGrad::append_update(Program& program, const Gradient& gradient) {
  Array *p = &parameters_.flat(), *s = sum_of_squares_;
  append(program, "adagrad", clipping_, gradient.flat, gradient.scale, gradient.rate,
         Effects{{}, {p, s}},
         [o = options_, p, s]<class T>(const Call& call, const GradientTransform<T>& transform,
                                       const T* g) {
           call.kernels<T>().optimizer.adagrad(
               call.stream, p->elements(), transform, static_cast<T>(o.learning_rate),
               static_cast<T>(o.epsilon), g, data<T>(s), data<T>(p));
         });
}

Adam::Adam(const Parameters& parameters, Store& store, const Options& options)
    : Optimizer(parameters, store, options.clipping, options.schedule), options_(options) {
  require_positive("adam", "the learning rate", options.learning_rate);
  const std::string base = parameters.model() + "/adam/";
  m_ = &store.create(base + "m", {parameters.elements()});
  v_ = &store.create(base + "v", {parameters.elements()});
  step_ = &store.create(base + "step", {1}, Element::counter);
}

void Adam::append_update(Program& program, const Gradient& gradient) {
  Array *p = &parameters_.flat(), *m = m_, *v = v_, *step = step_;
  program.append(std::make_unique<Count>(*step), {}, {}, Effects{{}, {step}});
  append(program, "adam", clipping_, gradient.flat, gradient.scale, gradient.rate,
         Effects{{step}, {p, m, v}},
         [o = options_, p, m, v, step]<class T>(const Call& call,
                                                const GradientTransform<T>& transform, const T* g) {
           call.kernels<T>().optimizer.adam(
               call.stream, p->elements(), transform, static_cast<T>(o.learning_rate),
               static_cast<T>(o.beta1), static_cast<T>(o.beta2), static_cast<T>(o.epsilon),
               static_cast<T>(o.weight_decay), static_cast<const std::int64_t*>(step->data()), g,
               data<T>(m), data<T>(v), data<T>(p));
         });
}

ExponentiatedGradient::ExponentiatedGradient(const Parameters& parameters, Store& store,
                                             const Options& options)
    : Optimizer(parameters, store, options.clipping, options.schedule), options_(options) {
  require_positive("exponentiated gradient", "the learning rate", options.learning_rate);
}

void ExponentiatedGradient::append_update(Program& program, const Gradient& gradient) {
  Array* p = &parameters_.flat();
  append(program, "exponentiated_gradient", clipping_, gradient.flat, gradient.scale, gradient.rate,
         Effects{{}, {p}},
         [o = options_, p]<class T>(const Call& call, const GradientTransform<T>& transform,
                                    const T* g) {
           call.kernels<T>().optimizer.exponentiated(call.stream, p->elements(), transform,
                                                     static_cast<T>(o.learning_rate), o.normalize,
                                                     g, data<T>(p));
         });
}

}  // namespace understudy
