// Omniglot's pen strokes: how likely is the next offset of the pen, given the drawing so far?
//
// A drawing is one sequence: the offsets of all its strokes, resampled every 3 canvas units. A
// policy sees the offset before (zeros at a stroke's start), where the pen is, and how it jumped
// to the stroke's start; where it begins a stroke, and how long one is, are given. Drawers 1-13
// train, 14-16 are held out, the data's own split. All numbers are of the last pass over the data:
// nothing is chosen by what is held out.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <memory>

#include "algorithms/cloning/linear_gaussian.h"
#include "algorithms/policies/actor.h"
#include "cli/demo/strokes.h"
#include "cli/reproduce/reproduce.h"
#include "cli/reproduce/train_cloning.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace omniglot {

constexpr std::int64_t last_training_drawer = 13;
constexpr std::int64_t plain_width = 7;
constexpr double canvas = 105;

struct Settings {
  std::int64_t epochs = 30, hidden = 64, components = 20, batch = 32, steps = 96;
  double rate = 3e-3;
  double floor = 0.1;  // of learned deviations, in canvas units
};
void list_options(OptionList& list, Settings& o) {
  list.fields(
      o, option("epochs", o.epochs, "passes over the drawings", {.least = 1}),
      option("hidden", o.hidden, "units of the LSTM", {.least = 1}),
      option("components", o.components, "of the mixture", {.least = 1}),
      option("batch_size", o.batch, "windows a step", {.least = 1}),
      option("window", o.steps, "length of a window", {.least = 1, .unit = "steps"}),
      option("learning_rate", o.rate, "Adam's", {.above = 0}),
      option("floor", o.floor, "of learned standard deviations, in canvas units", {.above = 0}));
}

struct Model {
  std::string name;
  const char* trunk;
  const char* head;
  bool conditioned;  // sees which character it is
};
const Model models[] = {{"Gaussian, no memory", "mlp", "gaussian", false},
                        {"mixture, no memory", "mlp", "mixture", false},
                        {"Gaussian LSTM", "lstm", "gaussian", false},
                        {"mixture LSTM", "lstm", "mixture", false},
                        {"mixture LSTM, conditioned on the character", "lstm", "mixture", true}};

// What is seen before the offset from `pen`.
std::vector<float> observation(const Point& before, bool starts, const Point& jump,
                               const Point& pen, std::int64_t character, std::int64_t characters) {
  std::vector<float> o = {static_cast<float>(before.x / arc_length),
                          static_cast<float>(before.y / arc_length),
                          starts ? 1.0f : 0.0f,
                          static_cast<float>(jump.x / canvas),
                          static_cast<float>(jump.y / canvas),
                          static_cast<float>(2 * pen.x / canvas - 1),
                          static_cast<float>(2 * pen.y / canvas + 1)};
  for (std::int64_t c = 0; c < characters; ++c) o.push_back(c == character ? 1.0f : 0.0f);
  return o;
}

Point difference(const Point& a, const Point& b) { return {a.x - b.x, a.y - b.y}; }

// Where a drawing has the pen go, and what leads there, whoever draws.
struct Pen {
  Point end = {0, 0};  // of the stroke before
  Point pen, before, jump;
  bool starts = false;
  void begin(const Point& at, bool first) {
    jump = first ? Point{} : difference(at, end);
    pen = at;
    before = {};
    starts = true;
  }
  void move(const Point& offset) {
    pen = {pen.x + offset.x, pen.y + offset.y};
    before = offset;
    jump = {};
    starts = false;
    end = pen;
  }
  std::vector<float> seen(std::int64_t character, std::int64_t characters) const {
    return observation(before, starts, jump, pen, character, characters);
  }
};

void append(Transitions& sequences, const Drawing& drawing, std::int64_t characters) {
  Pen pen;
  for (const Path& stroke : drawing.strokes) {
    pen.begin(stroke[0], &stroke == &drawing.strokes[0]);
    for (std::size_t i = 1; i < stroke.size(); ++i) {
      const Point offset = difference(stroke[i], stroke[i - 1]);
      sequences.append(
          pen.seen(drawing.character, characters),
          {static_cast<float>(offset.x / arc_length), static_cast<float>(offset.y / arc_length)});
      pen.move(offset);
    }
  }
  sequences.end_sequence();
}

struct Data {
  Drawings drawings;
  Transitions train[2], held_out[2];        // without and with the character
  Transitions train_pairs, held_out_pairs;  // an offset and the one before it, of one stroke
};

Data read(const std::string& folder) {
  Data data;
  data.drawings = read_drawings(folder);
  for (int told = 0; told < 2; ++told) {
    const std::int64_t characters = told ? data.drawings.characters : 0;
    data.train[told] = data.held_out[told] = Transitions::of_numbers(plain_width + characters, 2);
    for (const Drawing& drawing : data.drawings.all)
      append(drawing.drawer <= last_training_drawer ? data.train[told] : data.held_out[told],
             drawing, characters);
  }
  for (Transitions* pairs : {&data.train_pairs, &data.held_out_pairs}) {
    const Transitions& from = pairs == &data.train_pairs ? data.train[0] : data.held_out[0];
    *pairs = Transitions::of_numbers(2, 2);
    for (std::int64_t row = 0; row < from.rows(); ++row) {
      const float *o = from.observation(row), *a = from.action(row);
      if (o[2] == 0) pairs->append({o[0], o[1]}, {a[0], a[1]});
    }
  }
  if (data.train[0].rows() == 0 || data.held_out[0].rows() == 0)
    fail(ErrorKind::bad_file, "%s: no strokes to train on, or none held out", folder.c_str());
  return data;
}

// Mean -log p in nats of offsets in canvas units: of those with one before them, and of all.
struct Nats {
  double paired = 0, all = 0;
};
Nats nats(const Transitions& sequences, const std::vector<double>& log_probability) {
  Nats result;
  double paired = 0;
  for (std::int64_t row = 0; row < sequences.rows(); ++row) {
    const double cost = 2 * std::log(arc_length) - log_probability[static_cast<std::size_t>(row)];
    result.all += cost / static_cast<double>(sequences.rows());
    if (sequences.observation(row)[2] != 0) continue;
    result.paired += cost;
    ++paired;
  }
  result.paired /= paired;
  return result;
}

double nats(const std::vector<double>& log_probability) {
  return nats_of(log_probability) + 2 * std::log(arc_length);
}

// A drawing sampled from a policy, conditioned on where strokes begin and how long they are.
std::vector<std::vector<Path>> drawn_by(Policy& policy, const std::vector<const Drawing*>& models,
                                        std::int64_t characters, std::uint64_t seed) {
  Store store(policy.device());
  const std::int64_t rows = static_cast<std::int64_t>(models.size());
  Actor actor(policy, store, {.rows = rows, .seed = seed});
  struct Hand {
    Pen pen;
    std::size_t stroke = 0, done = 0;  // points of it
  };
  std::vector<Hand> hands(models.size());
  std::vector<std::vector<Path>> result(models.size());
  for (bool going = true; going;) {
    going = false;
    std::vector<double> seen;
    for (std::size_t i = 0; i < models.size(); ++i) {
      Hand& hand = hands[i];
      const std::vector<Path>& strokes = models[i]->strokes;
      if (hand.stroke < strokes.size() && hand.done == 0) {
        hand.pen.begin(strokes[hand.stroke][0], hand.stroke == 0);
        result[i].push_back({hand.pen.pen});
        hand.done = 1;
      }
      const std::vector<float> o = hand.pen.seen(models[i]->character, characters);
      seen.insert(seen.end(), o.begin(), o.end());
    }
    const std::vector<double> offset = actor.act(seen);
    for (std::size_t i = 0; i < models.size(); ++i) {
      Hand& hand = hands[i];
      if (hand.stroke >= models[i]->strokes.size()) continue;
      going = true;
      hand.pen.move({arc_length * offset[2 * i], arc_length * offset[2 * i + 1]});
      result[i].back().push_back(hand.pen.pen);
      if (++hand.done >= models[i]->strokes[hand.stroke].size()) {
        ++hand.stroke;
        hand.done = 0;
      }
    }
  }
  return result;
}

// A page of held-out drawings, each with three by the policy beside it.
void write_page(const std::string& name, Policy& policy, const Data& data, std::uint64_t seed) {
  constexpr std::size_t shown = 24, each = 3;
  std::vector<const Drawing*> held_out, asked;
  for (const Drawing& drawing : data.drawings.all)
    if (drawing.drawer > last_training_drawer && !drawing.strokes.empty())
      held_out.push_back(&drawing);
  for (std::size_t i = 0; i < shown; ++i)
    for (std::size_t k = 0; k < each; ++k) asked.push_back(held_out[i * held_out.size() / shown]);
  const auto drawn = drawn_by(policy, asked, data.drawings.characters, seed);
  std::string page =
      "<!doctype html><meta charset=utf-8><title>Characters drawn</title><style>"
      "body{font:15px sans-serif;margin:2em}svg{border:1px solid #ccc;margin:2px}"
      "path{fill:none;stroke-width:2}.person{stroke:#222}.policy{stroke:#1668b0}</style>"
      "<h1>A person, then the mixture LSTM three times</h1><p>The policy is conditioned on the "
      "character, "
      "where each stroke begins and how long it is. Neither the person nor the drawing was "
      "trained on.</p>";
  const auto picture = [&](const std::vector<Path>& strokes, const char* who) {
    Svg svg(110, 110, 0, canvas, -canvas, 0);
    for (const Path& stroke : strokes) svg.path(stroke, who);
    page += svg.finish();
  };
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (i % each == 0) {
      if (i % (2 * each) == 0) page += "<br>";
      picture(asked[i]->strokes, "person");
    }
    picture(drawn[i], "policy");
  }
  std::ofstream(name) << page;
}

void run(Reproduction& reproduction, const Settings& settings) {
  const Data data = read(reproduction.data_folder("omniglot_strokes"));
  Session session(reproduction.common);
  const std::int64_t seeds = reproduction.seeds_or(3);
  const std::int64_t updates =
      settings.epochs *
      ((data.train[0].rows() / settings.steps + data.train[0].sequences()) / settings.batch);
  Progress progress(seeds * static_cast<std::int64_t>(std::size(models)) * updates,
                    reproduction.common.quiet);

  Table table{
      "Nats an offset on unseen drawers (" + std::to_string(data.held_out_pairs.rows()) +
          " offsets with one before them)",
      {"model", "nats", "below AR(1)", "all offsets", "training", "parameters", "seconds an epoch"},
      {},
      ""};
  const auto closed_form = [&](const char* name, std::int64_t inputs) {
    const LinearGaussian model(data.train_pairs, inputs);
    const double found = nats(model.log_probabilities(data.held_out_pairs));
    table.rows.push_back({name, formatted("%.3f", found), nullptr, nullptr,
                          formatted("%.3f", nats(model.log_probabilities(data.train_pairs))),
                          nullptr, nullptr});
    return found;
  };
  closed_form("iid Gaussian (reference: 4.027)", 0);
  const double autoregression = closed_form("AR(1), linear Gaussian (reference: 2.110)", 2);

  for (const Model& model : models) {
    std::vector<double> paired, below, all, training;
    double seconds = 0;
    std::int64_t parameters = 0;
    for (std::int64_t seed = 0; seed < seeds; ++seed) {
      const Transitions& train = data.train[model.conditioned];
      SequenceCloning::Options options;
      options.policy.trunk = {.name = model.trunk, .hidden = {settings.hidden}};
      if (!trunk_named(model.trunk).has_memory)
        options.policy.trunk.hidden.push_back(settings.hidden);
      HeadDescription& head = options.policy.head = model.head;
      head.set("state_dependent_std", true);
      head.set("min_std", settings.floor / arc_length);
      head.set("max_std", 10.0);
      head.set("components", settings.components);
      options.batch_size = settings.batch;
      options.steps = settings.steps;
      options.learning_rate = settings.rate;
      options.seed = reproduction.seed(seed);
      SequenceCloning cloning(session.device(), train, options);
      const auto begin = std::chrono::steady_clock::now();
      const std::int64_t steps = settings.epochs * cloning.windows() / settings.batch;
      train_cloning(cloning, steps, [&](std::int64_t i, double loss) {
        progress.step(model.name, i, steps,
                      formatted("%.3f nats", loss + 2 * std::log(arc_length)));
      });
      seconds += seconds_since(begin);
      parameters = cloning.policy().parameters().elements();
      const Transitions& held_out = data.held_out[model.conditioned];
      const Nats found = nats(held_out, cloning.log_probabilities(held_out));
      paired.push_back(found.paired);
      all.push_back(found.all);
      below.push_back(autoregression - found.paired);
      training.push_back(nats(train, cloning.log_probabilities(train)).paired);
      if (model.conditioned && seed == 0 && !reproduction.out.empty())
        write_page(reproduction.out + "/drawings.html", cloning.policy(), data,
                   reproduction.common.seed);
    }
    table.rows.push_back(
        {model.name, shown(spread_of(paired)), shown(spread_of(below)), shown(spread_of(all)),
         shown(spread_of(training)), parameters,
         formatted("%.2f", seconds / static_cast<double>(seeds * settings.epochs))});
  }
  table.note = formatted(
      "drawers 1-%lld train; %lld epochs, %lld seeds, learned deviations above %g canvas units "
      "(many "
      "strokes run exactly along an axis, where a density could rise without bound); a reference "
      "is "
      "fitted to all data",
      static_cast<long long>(last_training_drawer), static_cast<long long>(settings.epochs),
      static_cast<long long>(seeds), settings.floor);
  reproduction.tables.push_back(table);
}

}  // namespace omniglot

Experiment omniglot_experiment() {
  return with_settings<omniglot::Settings>(
      "omniglot", "Mixture LSTM on pen strokes: nats an offset on unseen drawers",
      "Lake, Salakhutdinov & Tenenbaum 2015 (data); Ha & Eck 2018 (model)", omniglot::run);
}

}  // namespace understudy::cli
