#include "algorithms/policies/trunks.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "algorithms/policies/distribution.h"
#include "algorithms/policies/export_c.h"
#include "autograd/files/bytes.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr OptionChoice activations[] = {
    choice(Activation::none, "none"), choice(Activation::tanh, "tanh"),
    choice(Activation::sigmoid, "sigmoid"), choice(Activation::relu, "relu")};

// ---- mlp ----

class DenseTrunk final : public Trunk {
 public:
  DenseTrunk(const TrunkSite& site, const std::vector<std::int64_t>& hidden, Activation activation)
      : outputs_(hidden.empty() ? site.inputs : hidden.back()) {
    if (!hidden.empty())
      layers_.emplace(site.parameters, "trunk",
                      Mlp::Options{.inputs = site.inputs,
                                   .hidden = hidden,
                                   .outputs = 0,
                                   .activation = activation,
                                   .weight = site.weight});
  }
  std::int64_t outputs() const override { return outputs_; }
  Tensor operator()(Tensor x, Tensor) const override { return layers_ ? (*layers_)(x) : x; }

 private:
  std::int64_t outputs_;
  std::optional<Mlp> layers_;
};

void write_dense_in_c(CWriter& c, const std::vector<std::int64_t>& hidden, Activation activation) {
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    c.linear("trunk/" + std::to_string(i), hidden[i]);
    c.activate(activation);
  }
}

// ---- rnn, lstm, gru ----

std::vector<std::int64_t> all_but_last(std::vector<std::int64_t> hidden) {
  if (hidden.empty())
    fail(ErrorKind::bad_input,
         "policy: expected the size of the recurrent trunk as the last of trunk.hidden");
  hidden.pop_back();
  return hidden;
}

class RecurrentTrunk final : public Trunk {
 public:
  RecurrentTrunk(const TrunkSite& site, Cell cell, const TrunkOptions& options)
      : dense_(site, all_but_last(options.hidden), options.activation),
        recurrent_(site.parameters, "memory",
                   Recurrent::Options{
                       .cell = cell, .inputs = dense_.outputs(), .hidden = options.hidden.back()}) {
  }
  std::int64_t outputs() const override { return recurrent_.hidden(); }
  std::int64_t memory_width() const override {
    return recurrent_.hidden() * (recurrent_.cell() == Cell::lstm ? 2 : 1);
  }

  Tensor operator()(Tensor x, Tensor mask) const override {
    return recurrent_(dense_(x, {}), {}, mask).h;
  }

  Tensor step(Tensor x, Tensor memory, Tensor& next) const override {
    x = dense_(x, {});
    x = reshape(x, behind(leading(x.shape()), {1, x.shape()[-1]}));
    const std::int64_t hidden = recurrent_.hidden();
    const bool cell = recurrent_.cell() == Cell::lstm;
    Recurrent::State start = {slice(memory, -1, 0, hidden), {}};
    if (cell) start.c = slice(memory, -1, hidden, hidden);
    const RecurrentResult result = recurrent_(x, start);
    next = cell ? concatenate({result.h_last, result.c_last}, -1) : result.h_last;
    return result.h_last;
  }

 private:
  DenseTrunk dense_;
  Recurrent recurrent_;
};

// A cell's step in C: u = W x + b, v = U h + b', gate by gate.
struct CellInC {
  Cell cell;
  int gates;
  const char* step;
};
constexpr CellInC rnn_in_c = {
    Cell::rnn, 1, R"(  for (int j = 0; j < $memory_size; ++j) memory->h[j] = tanhf(u[j] + v[j]);
)"};
constexpr CellInC lstm_in_c = {Cell::lstm, 4, R"(  for (int j = 0; j < $memory_size; ++j) {
    const float i = $sigmoid(u[j] + v[j]);
    const float f = $sigmoid(u[$memory_size + j] + v[$memory_size + j]);
    const float g = tanhf(u[2 * $memory_size + j] + v[2 * $memory_size + j]);
    const float o = $sigmoid(u[3 * $memory_size + j] + v[3 * $memory_size + j]);
    memory->c[j] = f * memory->c[j] + i * g;
    memory->h[j] = o * tanhf(memory->c[j]);
  }
)"};
constexpr CellInC gru_in_c = {Cell::gru, 3, R"(  for (int j = 0; j < $memory_size; ++j) {
    const float r = $sigmoid(u[j] + v[j]);
    const float z = $sigmoid(u[$memory_size + j] + v[$memory_size + j]);
    const float n = tanhf(u[2 * $memory_size + j] + r * v[2 * $memory_size + j]);
    memory->h[j] = (1 - z) * n + z * memory->h[j];
  }
)"};

void write_recurrent_in_c(CWriter& c, const TrunkOptions& options, const CellInC& cell) {
  write_dense_in_c(c, all_but_last(options.hidden), options.activation);
  const std::int64_t hidden = options.hidden.back();
  const auto size = static_cast<std::size_t>(hidden);
  if (cell.cell != Cell::rnn)
    c.function("static float $sigmoid(float x) { return 1 / (1 + expf(-x)); }\n");
  c.memory(hidden, cell.cell == Cell::lstm ? std::vector<const char*>{"h", "c"}
                                           : std::vector<const char*>{"h"});
  const std::string input = c.constant("policy/memory/input_weight");
  const std::string bias = c.constant("policy/memory/bias");
  const std::string weight = c.constant("policy/memory/weight");
  std::vector<double> shift(static_cast<std::size_t>(cell.gates) * size);
  // The forget gate, the second, is open by a constant; a gru's candidate, its third part, has a
  // bias inside the recurrent product.
  if (cell.cell == Cell::lstm)
    std::fill_n(shift.begin() + static_cast<long>(size), size, Recurrent::Options{}.forget_bias);
  if (cell.cell == Cell::gru) {
    const std::vector<double> own = c.numbers("policy/memory/bias_n");
    std::copy(own.begin(), own.end(), shift.end() - static_cast<long>(size));
  }
  const std::string recurrent_bias = c.constant("recurrent_bias", shift);
  c.line("  float u[%d * $memory_size], v[%d * $memory_size];", cell.gates, cell.gates);
  c.line("  $linear(%s, %lld, %s, %s, %d * $memory_size, u);", c.newest().c_str(),
         static_cast<long long>(c.width()), input.c_str(), bias.c_str(), cell.gates);
  c.line("  $linear(memory->h, $memory_size, %s, %s, %d * $memory_size, v);", weight.c_str(),
         recurrent_bias.c_str(), cell.gates);
  c.text(cell.step);
  c.next("memory->h", hidden);
}

template <const CellInC& in_c>
TrunkRow recurrent_row(const char* name, const char* summary, const char* source) {
  return {.name = name,
          .summary = summary,
          .source = source,
          .header = "algorithms/policies/trunks.h",
          .has_memory = true,
          .hidden = {64},
          .make = [](const TrunkSite& site, const TrunkOptions& o) -> std::unique_ptr<Trunk> {
            return std::make_unique<RecurrentTrunk>(site, in_c.cell, o);
          },
          .write_c = [](CWriter& c, const TrunkOptions& o) { write_recurrent_in_c(c, o, in_c); }};
}

// ---- The table ----

struct Table {
  std::deque<TrunkRow> rows;
  std::vector<const TrunkRow*> listed;

  void add(TrunkRow row) {
    rows.push_back(std::move(row));
    listed.push_back(&rows.back());
  }
};

Table& table() {
  static Table made = [] {
    Table all;
    all.add(
        {.name = "mlp",
         .summary = "dense layers",
         .source = "Ho & Ermon 2016, section 6",
         .header = "algorithms/policies/trunks.h",
         .hidden = TrunkOptions{}.hidden,
         .make = [](const TrunkSite& site, const TrunkOptions& o) -> std::unique_ptr<Trunk> {
           return std::make_unique<DenseTrunk>(site, o.hidden, o.activation);
         },
         .write_c = [](CWriter& c,
                       const TrunkOptions& o) { write_dense_in_c(c, o.hidden, o.activation); }});
    all.add(recurrent_row<rnn_in_c>("rnn", "a recurrent network over time", "Elman 1990"));
    all.add(recurrent_row<lstm_in_c>("lstm", "long short-term memory",
                                     "Hochreiter & Schmidhuber 1997"));
    all.add(recurrent_row<gru_in_c>("gru", "gated recurrent units", "Cho et al. 2014"));
    return all;
  }();
  return made;
}

const TrunkRow* find(const std::string& name) {
  for (const TrunkRow* row : table().listed)
    if (name == row->name) return row;
  return nullptr;
}

}  // namespace

std::vector<std::int64_t> nature_convolutions() { return {32, 8, 4, 0, 64, 4, 2, 0, 64, 3, 1, 0}; }

std::vector<std::int64_t> small_convolutions() {
  return {32, 3, 2, 1, 64, 3, 2, 1, 64, 3, 2, 1, 64, 3, 2, 1};
}

std::vector<std::int64_t> convolutions_for(const ImageShape& image) {
  const std::int64_t side = std::min(image.height, image.width);
  if (side >= 36) return nature_convolutions();
  return side >= 8 ? small_convolutions() : std::vector<std::int64_t>{};
}

Tensor Trunk::step(Tensor, Tensor, Tensor&) const {
  UNDERSTUDY_CHECK(false, "a step of a policy without memory");
}

std::span<const TrunkRow* const> trunk_rows() { return table().listed; }

const TrunkRow& trunk_named(const std::string& name, const std::string& what) {
  if (const TrunkRow* row = find(name)) return *row;
  std::string names;
  for (const TrunkRow* row : table().listed)
    names += (names.empty() ? "" : ", ") + std::string(row->name);
  fail(ErrorKind::bad_input, "%s: expected one of %s; found '%s'", what.c_str(), names.c_str(),
       files::shown(name).c_str());
}

void register_trunk(TrunkRow row) {
  if (*row.name == '\0' || find(row.name) != nullptr || row.make == nullptr)
    fail(ErrorKind::bad_input,
         "register_trunk: expected a maker and a name that no trunk has, "
         "found '%s'",
         row.name);
  table().add(std::move(row));
}

void list_options(OptionList& list, TrunkOptions& trunk) {
  constexpr double most_channels = 1 << 12;  // and sides of kernels
  static constexpr OptionChoice image_layouts[] = {
      choice(ImageLayout::automatic, "automatic"),
      choice(ImageLayout::channels_first, "channels_first"),
      choice(ImageLayout::channels_last, "channels_last")};
  Option name = option("", trunk.name, "the layers: mlp, rnn, lstm, gru");
  name.then = [&trunk, was = trunk.name] {
    const TrunkRow& row = trunk_named(trunk.name);
    if (trunk.name != was) trunk.hidden = row.hidden;
  };
  list.fields(
      trunk, name,
      option("hidden", trunk.hidden,
             "units of each layer; of rnn, lstm and gru the cell's own last (64)",
             {.least = 1, .most = most_units, .source = "Ho & Ermon 2016, section 6"}),
      option("activation", trunk.activation, activations, "of the layers"),
      option("convolutions", trunk.convolutions,
             "before the layers, of images: channels, kernel, stride, padding of each; images "
             "of bytes begin with three from 36 pixels a side, with four from 8",
             {.least = 0, .most = most_channels, .source = "Mnih et al. 2015"}),
      option("image_layout", trunk.image_layout, image_layouts,
             "whether images are [channels, height, width] or [height, width, channels]; "
             "automatic: 1, 3 or 4 at one end counts channels"),
      option("embedding", trunk.embedding, "numbers that an embedded index becomes",
             {.least = 1, .most = most_parts}));
}

}  // namespace understudy
