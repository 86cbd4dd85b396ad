#include "algorithms/reinforcement/trust_region.h"

#include <cmath>
#include <string>

#include "autograd/optimize/gauss_newton.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// One number in a tensor of one dimension, as `pack` takes them.
Tensor number(Tensor x) { return reshape(x, {1}); }

std::string old_name(std::size_t i) { return "old parameter " + std::to_string(i); }

}  // namespace

void list_options(OptionList& list, TrustRegionOptions& o) {
  list.fields(
      o,
      option("max_kl", o.max_kl, "bound on the mean KL divergence of a step",
             {.above = 0, .unit = "nats", .source = "Ho & Ermon 2016, section 6"}),
      option("cg_damping", o.cg_damping, "multiple of I that is added to the Fisher information",
             {.least = 0, .source = "Ho & Ermon 2016, section 6"}),
      option("cg_iterations", o.cg_iterations, "of conjugate gradient, at most",
             {.least = 1, .source = "Schulman et al. 2015, appendix C"}),
      option("cg_tolerance", o.cg_tolerance, "squared residual at which conjugate gradient ends",
             {.least = 0, .source = "the code of Schulman et al. 2015"}),
      option("backtrack_ratio", o.backtrack_ratio,
             "factor of the step from try to try of the line search",
             {.above = 0, .below = 1, .source = "SB3-contrib"}),
      option("max_backtracks", o.max_backtracks, "tries of the line search, at most",
             {.least = 1, .source = "SB3-contrib"}),
      option("fisher_stride", o.fisher_stride,
             "every n-th row makes the Fisher-vector products; a divisor of the rows",
             {.least = 1, .source = "Schulman et al. 2015, appendix C"}));
}

TrustRegion::TrustRegion(const Parameters& parameters, const Model& model,
                         const Objective& objective, const TrustRegionOptions& options)
    : parameters_(parameters),
      options_(options),
      store_(parameters.flat().device(), parameters.flat().real()),
      old_(&store_.create("old", {parameters.elements()})),
      full_step_(&store_.create("full step", {parameters.elements()})),
      direction_(store_.device(), store_.real()),
      trial_(store_.device(), store_.real()) {
  check_options(options);

  // Steps 1 and 2.
  {
    Program& program = direction_;
    const std::unique_ptr<ActionDistribution> now = model(program, 1);
    const Tensor value = objective(program, *now);
    const std::vector<Tensor> theta = parameters.use(program);
    const Tensor g = program.pack(program.gradients(value, theta));

    std::unique_ptr<ActionDistribution> sampled;
    if (options.fisher_stride > 1) sampled = model(program, options.fisher_stride);
    const ActionDistribution& measured = sampled ? *sampled : *now;
    const std::vector<Tensor> outputs = measured.coordinates();
    const double share = 1.0 / static_cast<double>(outputs[0].shape()[0]);
    const auto metric = [&](const std::vector<Tensor>& tangents) {
      std::vector<Tensor> result = measured.coordinate_metric(tangents);
      for (Tensor& t : result) t = t * share;  // the mean over rows
      return result;
    };
    const GaussNewton fisher(program, outputs, theta, {.products = options.cg_iterations});
    const auto product = [&](Tensor v) {
      return program.pack(fisher.product(metric, parameters.views(v))) + options.cg_damping * v;
    };
    // Step 1: x.
    const ConjugateGradientResult solved = record_conjugate_gradient(
        product, g, {.iterations = options.cg_iterations, .tolerance = options.cg_tolerance});

    // Step 2: s. A gradient of 0 has no direction: its step is 0.
    const Tensor zero = program.constant(0.0), one = program.constant(1.0);
    const Tensor curvature = sum(solved.x * solved.product);
    const Tensor some = less(zero, curvature);
    const Tensor scale =
        select(some, sqrt(2 * options.max_kl * reciprocal(select(some, curvature, one))), zero);
    const Tensor s = scale * solved.x;
    program.assign(*full_step_, s);
    program.assign(*old_, program.use(parameters.flat()));
    std::vector<Tensor> report = {number(value),     number(sum(g * s)),
                                  number(norm(g)),   number(norm(s)),
                                  number(curvature), number(mean(now->entropy()))};
    for (Tensor residual : solved.residuals) report.push_back(number(residual));
    program.output("report", program.pack(report));
    const std::vector<Tensor> kept = now->parameters();
    for (std::size_t i = 0; i < kept.size(); ++i) program.output(old_name(i), kept[i]);
    program.plan();
  }

  // A try of step 3.
  {
    Program& program = trial_;
    const Tensor fraction = program.input("fraction", {1});
    program.assign(parameters.flat(), program.use(*old_) + fraction * program.use(*full_step_));
    const std::unique_ptr<ActionDistribution> now = model(program, 1);
    std::vector<Tensor> before;
    const std::vector<Tensor> after = now->parameters();
    for (std::size_t i = 0; i < after.size(); ++i)
      before.push_back(program.use(direction_.output_view(old_name(i))));
    program.output("report", program.pack({number(objective(program, *now)),
                                           number(mean(now->divergence_from(before)))}));
    program.plan();
  }
}

TrustRegionMetrics TrustRegion::step() {
  direction_.run();
  const std::vector<double> report = direction_.read("report");
  TrustRegionMetrics metrics;
  metrics.objective = report[0];
  const double predicted = report[1];
  metrics.gradient_norm = report[2];
  metrics.step_norm = report[3];
  metrics.curvature = report[4];
  metrics.entropy = report[5];
  metrics.residuals.assign(report.begin() + 6, report.end());
  if (!std::isfinite(metrics.objective) || !std::isfinite(metrics.step_norm)) {
    const std::string where = direction_.first_not_finite();
    fail(ErrorKind::not_finite, "trust region: objective %g, step of norm %g%s%s",
         metrics.objective, metrics.step_norm, where.empty() ? "" : "; first in ", where.c_str());
  }

  double fraction = 1;
  for (metrics.line_search_steps = 1; metrics.step_norm > 0;
       ++metrics.line_search_steps, fraction *= options_.backtrack_ratio) {
    if (metrics.line_search_steps > options_.max_backtracks) {
      metrics.line_search_steps = options_.max_backtracks;
      break;
    }
    trial_.write("fraction", {fraction});
    trial_.run();
    const std::vector<double> found = trial_.read("report");
    const double improvement = found[0] - metrics.objective;
    metrics.tried.push_back({fraction, improvement, found[1]});
    // Step 3's test, written so that a try that is not finite fails.
    if (improvement > 0 && found[1] <= options_.max_kl) {
      metrics.improvement = improvement;
      metrics.predicted = fraction * predicted;
      metrics.divergence = found[1];
      metrics.fraction = fraction;
      return metrics;
    }
  }
  store_.device().copy(parameters_.flat().data(), old_->data(), old_->bytes());
  return metrics;
}

}  // namespace understudy
