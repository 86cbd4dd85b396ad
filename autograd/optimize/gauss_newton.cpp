#include "autograd/optimize/gauss_newton.h"

#include "autograd/operations/operations.h"

namespace understudy {

std::vector<Tensor> gauss_newton_product(
    Program& program, const std::vector<Tensor>& outputs,
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& metric,
    const std::vector<Tensor>& with_respect_to, const std::vector<Tensor>& directions) {
  const std::vector<Tensor> tangents = program.tangents(outputs, with_respect_to, directions);
  return program.gradients(outputs, metric(tangents), with_respect_to);
}

namespace {

// Derivatives to keep take no more than this: beyond, reading them is all that a product would do.
constexpr double maximum_kept_bytes = 512 << 20;

// x [rows, ...] as [rows, 1, elements of a row].
Tensor flat_rows(Tensor x) {
  return reshape(x, {x.shape().dimension(0), 1, x.shape().row_elements()});
}

}  // namespace

GaussNewton::GaussNewton(Program& program, std::vector<Tensor> outputs,
                         std::vector<Tensor> with_respect_to, const Options& options)
    : program_(program),
      outputs_(std::move(outputs)),
      with_respect_to_(std::move(with_respect_to)) {
  const Choice choice = choose(options);
  reached_ = choice.reached;
  keep(choice.results);
}

// The operations z_l that parameters enter, in the order of recording, are candidates, up to the
// first that makes an output itself. Keeping the first c of them leaves tangents that begin behind
// them: so c = 0, 1, ... are compared. All counts are of all rows.
GaussNewton::Choice GaussNewton::choose(const Options& options) const {
  const std::vector<Program::Node>& nodes = program_.nodes();
  const std::vector<bool> depends = program_.depends_on(with_respect_to_);
  const std::vector<bool> needed = program_.needed_for(outputs_);
  const auto has_rows = [&](int tensor) { return program_.shape(tensor).has_rows(); };
  std::vector<int> live;
  std::vector<Tensor> candidates;
  bool more = true;
  for (int index = 0; index < program_.node_count(); ++index) {
    const Program::Node& node = nodes[static_cast<std::size_t>(index)];
    bool used = false, rowless = false, with_rows = false;
    for (int output : node.outputs) used = used || needed[output];
    for (int input : node.inputs)
      if (input >= 0 && depends[input]) (has_rows(input) ? with_rows : rowless) = true;
    if (!used || !(rowless || with_rows)) continue;
    live.push_back(index);
    if (node.use != RowUse::local) {
      if (with_rows) return {};
      continue;
    }
    if (!rowless) continue;
    more = more && node.outputs.size() == 1 && program_.element(node.outputs[0]) == Element::real;
    for (Tensor output : outputs_) more = more && output.id() != node.outputs[0];
    if (more) candidates.emplace_back(&program_, node.outputs[0]);
  }

  const auto shape_of = [&](int tensor) { return tensor < 0 ? Shape() : program_.shape(tensor); };
  const auto work = [&](const Program::Node& node) {
    std::vector<Shape> in, out;
    for (int input : node.inputs) in.push_back(shape_of(input));
    for (int output : node.outputs) out.push_back(shape_of(output));
    return node.operation->work(in.data(), out.data());
  };
  // Of the operations that tensors with rows carry on from `from`, past no tensor that is held.
  const auto work_behind = [&](const std::vector<Tensor>& from, const std::vector<Tensor>& held) {
    std::vector<bool> carries = program_.depends_on(from, held);
    for (Tensor tensor : held) carries[tensor.id()] = false;
    double sum = 0;
    for (int index : live) {
      const Program::Node& node = nodes[static_cast<std::size_t>(index)];
      bool carried = false;
      for (int input : node.inputs)
        carried = carried || (input >= 0 && carries[input] && has_rows(input));
      if (carried) sum += work(node);
    }
    return sum;
  };

  Choice best, tried;
  double best_cost = 2 * work_behind(with_respect_to_, {}), numbers = 0;
  for (Tensor candidate : candidates) {
    tried.results.push_back(candidate);
    numbers += static_cast<double>(candidate.shape().elements());
    const std::vector<bool> behind = program_.depends_on(tried.results);
    tried.reached.clear();
    double each = 0;
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (behind[outputs_[i].id()]) {
        tried.reached.push_back(static_cast<int>(i));
        each += static_cast<double>(outputs_[i].shape().row_elements());
      }
    const double cost =
        2 * work_behind(with_respect_to_, tried.results) +
        each * (numbers * options.read_cost + work_behind(tried.results, {}) / options.products);
    if (cost < best_cost &&
        each * numbers * static_cast<double>(size_of(program_.real())) <= maximum_kept_bytes) {
      best = tried;
      best_cost = cost;
    }
  }
  return best;
}

// A backward pass for each number of a row's outputs gives delta_l, row by row.
void GaussNewton::keep(const std::vector<Tensor>& results) {
  std::vector<std::vector<Tensor>> parts(results.size());
  for (int number : reached_) {
    const Tensor output = outputs_[static_cast<std::size_t>(number)];
    const std::int64_t size = output.shape().row_elements();
    const Tensor flat = reshape(output, {output.shape().dimension(0), size});
    for (std::int64_t k = 0; k < size; ++k) {
      std::vector<double> unit(static_cast<std::size_t>(size), 0);
      unit[static_cast<std::size_t>(k)] = 1;
      const Tensor along = expand(program_.constant({size}, unit), flat.shape());
      const std::vector<Tensor> found = program_.gradients({flat}, {along}, results);
      for (std::size_t l = 0; l < results.size(); ++l) {
        const int node = program_.producer(results[l]);
        const Activation f =
            program_.nodes()[static_cast<std::size_t>(node)].operation->activation();
        parts[l].push_back(flat_rows(activation_gradient(f, results[l], found[l])));
      }
    }
  }
  for (std::size_t l = 0; l < results.size(); ++l)
    factors_.push_back({results[l], program_.before_activation(results[l]),
                        parts[l].size() == 1 ? parts[l][0] : concatenate(parts[l], 1)});
}

std::vector<Tensor> GaussNewton::ends() const {
  std::vector<Tensor> all = outputs_;
  for (const Factor& factor : factors_) all.push_back(factor.z);
  return all;
}

std::vector<Tensor> GaussNewton::held() const {
  std::vector<Tensor> all;
  for (const Factor& factor : factors_) all.push_back(factor.result);
  return all;
}

std::vector<Tensor> GaussNewton::product(
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& metric,
    const std::vector<Tensor>& directions) const {
  std::vector<Tensor> tangents = program_.tangents(ends(), with_respect_to_, directions, held());

  // J v: delta_l z_l' beside what comes to the outputs from parameters behind the kept operations.
  Tensor through;  // [rows, 1, elements of all outputs that are reached]
  for (std::size_t l = 0; l < factors_.size(); ++l) {
    const Tensor part =
        batched_matmul(flat_rows(tangents[outputs_.size() + l]), factors_[l].jacobian, false, true);
    through = through.defined() ? through + part : part;
  }
  tangents.resize(outputs_.size());
  std::int64_t begin = 0;
  for (int number : reached_) {
    Tensor& tangent = tangents[static_cast<std::size_t>(number)];
    const std::int64_t size = tangent.shape().row_elements();
    tangent = tangent + reshape(slice(through, 2, begin, size), tangent.shape());
    begin += size;
  }

  // Jᵀ u: the cotangent of z_l is delta_lᵀ u.
  std::vector<Tensor> cotangents = metric(tangents);
  if (!factors_.empty()) {
    std::vector<Tensor> parts;
    for (int number : reached_)
      parts.push_back(flat_rows(cotangents[static_cast<std::size_t>(number)]));
    const Tensor u = parts.size() == 1 ? parts[0] : concatenate(parts, 2);
    for (const Factor& factor : factors_)
      cotangents.push_back(reshape(batched_matmul(u, factor.jacobian), factor.z.shape()));
  }
  return program_.gradients(ends(), cotangents, with_respect_to_, held());
}

ConjugateGradientResult record_conjugate_gradient(const std::function<Tensor(Tensor)>& product,
                                                  Tensor b,
                                                  const ConjugateGradientOptions& options) {
  Program& program = b.program();
  const Tensor zero = program.constant(0.0), one = program.constant(1.0);
  const Tensor tolerance = program.constant(options.tolerance);
  ConjugateGradientResult result;
  Tensor x = program.full(b.shape(), 0.0), ax = x;
  Tensor r = b, p = b, rr = sum(square(b));
  result.residuals.push_back(rr);
  for (int i = 0; i < options.iterations; ++i) {
    const Tensor z = product(p);
    // Once the residual is small enough the step is 0 and stays so: a program cannot leave a loop.
    const Tensor going = less(tolerance, rr);
    const Tensor curvature = sum(p * z);
    const Tensor step = select(going, rr / select(going, curvature, one), zero);
    const Tensor step_z = step * z;
    x = x + step * p;
    ax = ax + step_z;
    r = r - step_z;
    const Tensor rr_next = sum(square(r));
    p = r + select(going, rr_next / select(going, rr, one), zero) * p;
    rr = rr_next;
    result.residuals.push_back(rr);
  }
  result.x = x;
  result.product = ax;
  return result;
}

}  // namespace understudy
