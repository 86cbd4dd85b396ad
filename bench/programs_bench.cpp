// Whole programs: training steps, Fisher-vector products and acting, as bench/marks.h has them.
//
// Operations are those that the mathematics needs: a product forward, two backward (one for the
// first layer, whose input wants no gradient); element-wise work is not counted.

#include <array>
#include <cstdio>
#include <map>
#include <memory>

#include "autograd/modules/modules.h"
#include "autograd/optimize/gauss_newton.h"
#include "autograd/optimize/optimizer.h"
#include "bench/bench.h"

namespace understudy::bench {
namespace {

constexpr std::int64_t states = 17, actions = 6, width = 100;

void write_numbers(Program& program, const std::string& input, std::int64_t count) {
  Array<float> numbers(static_cast<std::size_t>(count));
  program.write(input, numbers.data(), count);
}

// A model, its arrays and its program, alive as long as the benchmark runs it.
struct Model {
  explicit Model(int threads) : store(device(threads)), program(device(threads)) {}
  Parameters parameters{"bench"};
  Store store;
  Program program;

  void train(Tensor loss) {
    Adam adam(parameters, store, {.learning_rate = 1e-3});
    program.output("loss", loss);
    adam.record(program, loss);
  }
};

using Step = std::function<void()>;

// A benchmark whose work is prepared when it first runs, and kept: recording and planning take
// longer than many steps.
// A step counts as `count` of what the row is named for.
std::function<void(benchmark::State&)> prepared(std::function<Step()> prepare, int count = 1) {
  const auto step = std::make_shared<Step>();
  return [=](benchmark::State& state) {
    if (!*step) {
      *step = prepare();
      (*step)();
    }
    while (state.KeepRunningBatch(count)) (*step)();
  };
}

Step run(std::shared_ptr<Model> model) {
  return [model] {
    model->program.run();
    model->store.device().synchronize();
  };
}

// 1/2 (a - mean)^2 / sigma^2 + log sigma, summed over dimensions: the negative log-likelihood of a
// Gaussian policy, less a constant.
Tensor negative_log_likelihood(Tensor mean_action, Tensor log_std, Tensor action) {
  return mean(sum(square((action - mean_action) * exp(-log_std)) * 0.5, -1)) + sum(log_std);
}

const Mlp::Options policy = {.inputs = states, .hidden = {width, width}, .outputs = actions};
constexpr double products = states * width + width * width + width * actions;

void add_training_step(std::int64_t batch, int threads) {
  const double count = static_cast<double>(batch);
  add({.work = "training step, batch " + std::to_string(batch),
       .threads = threads,
       .operations = count * (6 * products - 2.0 * states * width),
       .ours = prepared([=] {
         const auto kept = std::make_shared<Model>(threads);
         Model& model = *kept;
         Mlp network(model.parameters, "policy", policy);
         const int log_std = model.parameters.declare("log_std", {actions}, zeros());
         model.parameters.create(model.store, 0);
         Program& program = model.program;
         Tensor s = program.input("s", {rows(batch), states});
         Tensor a = program.input("a", {rows(batch), actions});
         Tensor deviation = model.parameters.use(program, log_std);
         model.train(negative_log_likelihood(network(s), deviation, a));
         write_numbers(program, "s", batch * states);
         write_numbers(program, "a", batch * actions);
         return run(kept);
       })});
}

constexpr int chained_products = 11;

// Eleven products in a row, each of the one before, as conjugate gradient asks for them in a
// trust-region step: the forward pass runs once, and its share of the time counts. The operations
// are those of the products alone: tangents and gradients over kept activations (of six outputs
// GaussNewton keeps nothing else).
void add_fisher_vector_product(std::int64_t batch, int threads) {
  const double count = static_cast<double>(batch);
  const double tangent = 2 * (2 * products - states * width);
  add({.work = "Fisher-vector product, batch " + std::to_string(batch),
       .threads = threads,
       .operations = count * 2 * tangent,
       .ours = prepared(
           [=] {
             const auto kept = std::make_shared<Model>(threads);
             Model& model = *kept;
             Mlp network(model.parameters, "policy", policy);
             model.parameters.create(model.store, 0);
             Program& program = model.program;
             Tensor s = program.input("s", {rows(batch), states});
             Tensor direction = program.input("v", {model.parameters.elements()});
             const double scale =
                 1 / count;  // the metric of a Gaussian of deviation 1, mean over the batch
             const auto metric = [=](const std::vector<Tensor>& t) {
               return std::vector{t[0] * scale};
             };
             const Tensor out = network(s);
             const std::vector<Tensor> theta = model.parameters.use(program);
             const GaussNewton fisher(program, {out}, theta, {.products = chained_products});
             Tensor v = direction;
             for (int product = 0; product < chained_products; ++product)
               v = program.pack(fisher.product(metric, model.parameters.views(v)));
             program.output("product", v);
             write_numbers(program, "s", batch * states);
             write_numbers(program, "v", model.parameters.elements());
             return run(kept);
           },
           chained_products)});
}

void add_lstm(int threads) {
  constexpr std::int64_t batch = 32, steps = 50, hidden = 64;
  constexpr double cell = (states + hidden) * 4 * hidden + hidden * actions;
  add({.work = "LSTM(64), 50 steps, batch 32",
       .threads = threads,
       .operations = batch * steps * (6 * cell - 2.0 * states * 4 * hidden),
       .ours = prepared([=] {
         const auto kept = std::make_shared<Model>(threads);
         Model& model = *kept;
         Recurrent lstm(model.parameters, "lstm", {.inputs = states, .hidden = hidden});
         Linear head(model.parameters, "head", {.inputs = hidden, .outputs = actions});
         model.parameters.create(model.store, 0);
         Program& program = model.program;
         Tensor x = program.input("x", {rows(batch), steps, states});
         Tensor y = program.input("y", {rows(batch), steps, actions});
         model.train(mean(square(head(lstm(x).h) - y)));
         write_numbers(program, "x", batch * steps * states);
         write_numbers(program, "y", batch * steps * actions);
         return run(kept);
       })});
}

// A stack of convolutions and two linear layers on images of 3 x 64 x 64.
struct Network {
  std::vector<Conv::Options> convolutions;
  std::int64_t flat;
};

// Mnih et al. 2015's three layers; and four of 3 x 3 with stride 2.
const Network nature = {{{.in_channels = 3, .out_channels = 32, .kernel = 8, .stride = 4},
                         {.in_channels = 32, .out_channels = 64, .kernel = 4, .stride = 2},
                         {.in_channels = 64, .out_channels = 64, .kernel = 3}},
                        64 * 4 * 4};
const Network small = {{{.in_channels = 3, .out_channels = 32, .stride = 2, .pad = 1},
                        {.in_channels = 32, .out_channels = 64, .stride = 2, .pad = 1},
                        {.in_channels = 64, .out_channels = 64, .stride = 2, .pad = 1},
                        {.in_channels = 64, .out_channels = 64, .stride = 2, .pad = 1}},
                       64 * 4 * 4};
constexpr std::int64_t image = 64, features = 512;

// Multiplications of one image forward: in the first convolution, and in all layers.
std::pair<double, double> multiplications(const Network& network) {
  double first = 0, all = 0;
  std::int64_t side = image;
  for (const Conv::Options& c : network.convolutions) {
    side = (side + 2 * c.pad - c.kernel) / c.stride + 1;
    const double layer =
        static_cast<double>(side * side * c.out_channels * c.in_channels * c.kernel * c.kernel);
    if (first == 0) first = layer;
    all += layer;
  }
  return {first, all + static_cast<double>(network.flat * features + features * actions)};
}

// Records the network; parameters must be created between making it and calling it.
struct ConvolutionNetwork {
  ConvolutionNetwork(Parameters& parameters, const Network& network)
      : flat(network.flat),
        hidden(parameters, "hidden",
               {.inputs = network.flat, .outputs = features, .activation = Activation::relu}),
        head(parameters, "head", {.inputs = features, .outputs = actions}) {
    for (std::size_t i = 0; i < network.convolutions.size(); ++i)
      layers.emplace_back(parameters, "convolution" + std::to_string(i), network.convolutions[i]);
  }
  Tensor operator()(Tensor x, std::int64_t batch) const {
    for (const Conv& layer : layers) x = layer(x);
    return head(hidden(reshape(x, {rows(batch), flat})));
  }
  std::int64_t flat;
  std::vector<Conv> layers;
  Linear hidden, head;
};

void add_convolutions(const char* name, const Network& network, int threads) {
  constexpr std::int64_t batch = 32;
  const auto [first, all] = multiplications(network);
  add({.work = std::string(name) + ", 32 images",
       .threads = threads,
       .operations = batch * (6 * all - 2 * first),
       .ours = prepared([=] {
         const auto kept = std::make_shared<Model>(threads);
         Model& model = *kept;
         ConvolutionNetwork layers(model.parameters, network);
         model.parameters.create(model.store, 0);
         Program& program = model.program;
         Tensor x = program.input("x", {rows(batch), 3, image, image});
         Tensor y = program.input("y", {rows(batch), actions});
         model.train(mean(square(layers(x, batch) - y)));
         write_numbers(program, "x", batch * 3 * image * image);
         write_numbers(program, "y", batch * actions);
         return run(kept);
       })});
}

// What an actor pays a step: its observation in, its action out, on one thread.
template <class Record>
void add_acting(const char* name, double operations, const Shape& observation,
                const Record& record) {
  add({.work = name,
       .threads = 1,
       .operations = operations,
       .ours = prepared([=] {
         struct Actor : Model {
           explicit Actor(std::int64_t n) : Model(1), observation(static_cast<std::size_t>(n)) {}
           Array<float> observation;
           std::array<float, actions> action;
         };
         const std::int64_t n = observation.elements();
         const auto actor = std::make_shared<Actor>(n);
         record(*actor, [&] { return actor->program.input("x", observation); });
         return [=] {
           actor->program.write("x", actor->observation.data(), n);
           actor->program.run();
           actor->program.read("action", actor->action.data(), actions);
           benchmark::DoNotOptimize(actor->action);
         };
       })});
}

void add_acting_rows() {
  const Shape one = {rows(1), states};
  add_acting("act, MLP", 2 * products, one, [](Model& model, auto input) {
    Mlp network(model.parameters, "policy", policy);
    model.parameters.create(model.store, 0);
    model.program.output("action", network(input()));
  });
  add_acting("act, MLP with sampling", 2 * products, one, [](Model& model, auto input) {
    Mlp network(model.parameters, "policy", policy);
    const int log_std = model.parameters.declare("log_std", {actions}, zeros());
    model.parameters.create(model.store, 0);
    understudy::Array& counter = model.store.create("counter", {1}, Element::counter);
    Tensor deviation = exp(model.parameters.use(model.program, log_std));
    Tensor noise = random_normal(model.program, {.counter = &counter}, {rows(1), actions});
    model.program.output("action", network(input()) + deviation * noise);
    // With its log-probability, which algorithms keep.
    model.program.output("log_probability", sum(square(noise), -1) * -0.5);
  });
  constexpr std::int64_t hidden = 64;
  add_acting("act, LSTM step", 2.0 * (states + hidden) * 4 * hidden + 2.0 * hidden * actions,
             Shape{1, states}, [](Model& model, auto input) {
               Recurrent lstm(model.parameters, "lstm", {.inputs = states, .hidden = hidden});
               Linear head(model.parameters, "head", {.inputs = hidden, .outputs = actions});
               model.parameters.create(model.store, 0);
               understudy::Array& h = model.store.create("h", {1, hidden});
               understudy::Array& c = model.store.create("c", {1, hidden});
               Program& program = model.program;
               Tensor x = reshape(input(), {1, 1, states});
               const RecurrentResult next = lstm(x, {program.use(h), program.use(c)});
               program.output("action", head(next.h_last));
               program.assign(h, next.h_last);
               program.assign(c, next.c_last);
             });
  add_acting("act, Nature CNN", 2 * multiplications(nature).second, Shape{rows(1), 3, image, image},
             [](Model& model, auto input) {
               ConvolutionNetwork layers(model.parameters, nature);
               model.parameters.create(model.store, 0);
               model.program.output("action", layers(input(), 1));
             });
}

const bool added = [] {
  for (int threads : places()) {
    for (std::int64_t batch : {64, 256, 1024, 5000, 50000}) add_training_step(batch, threads);
    for (std::int64_t batch : {5000, 50000}) add_fisher_vector_product(batch, threads);
    add_lstm(threads);
    add_convolutions("Nature CNN", nature, threads);
    add_convolutions("3x3 CNN", small, threads);
  }
  add_acting_rows();
  return true;
}();

}  // namespace
}  // namespace understudy::bench
