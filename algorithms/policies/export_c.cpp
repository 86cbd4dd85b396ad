#include "algorithms/policies/export_c.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "kernels/device/error.h"

namespace understudy {

namespace {

// The file as it grows.
class Source {
 public:
  __attribute__((format(printf, 2, 3))) void line(const char* format, ...) {
    char buffer[512];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    text += buffer;
    text += '\n';
  }
  // Nine digits are what a float needs to be read back as itself.
  void constants(const std::string& name, const std::vector<double>& values) {
    line("static const float %s[%zu] = {", name.c_str(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      char number[32];
      std::snprintf(number, sizeof number, "%.8ef,", values[i]);
      text += i % 6 == 0 ? "  " : " ";
      text += number;
      if (i % 6 == 5 || i + 1 == values.size()) text += '\n';
    }
    line("};");
  }

  std::string text;
};

const char* const helpers = R"(
static void linear(const float *x, int inputs, const float *weight, const float *bias, int outputs,
                   float *y) {
  for (int j = 0; j < outputs; ++j) y[j] = bias[j];
  for (int i = 0; i < inputs; ++i)
    for (int j = 0; j < outputs; ++j) y[j] += x[i] * weight[i * outputs + j];
}
)";

const char* const rnn_step =
    R"(  for (int j = 0; j < memory_size; ++j) memory->h[j] = tanhf(u[j] + v[j]);
)";
const char* const lstm_step = R"(  for (int j = 0; j < memory_size; ++j) {
    const float i = sigmoid(u[j] + v[j]);
    const float f = sigmoid(u[memory_size + j] + v[memory_size + j]);
    const float g = tanhf(u[2 * memory_size + j] + v[2 * memory_size + j]);
    const float o = sigmoid(u[3 * memory_size + j] + v[3 * memory_size + j]);
    memory->c[j] = f * memory->c[j] + i * g;
    memory->h[j] = o * tanhf(memory->c[j]);
  }
)";
const char* const gru_step = R"(  for (int j = 0; j < memory_size; ++j) {
    const float r = sigmoid(u[j] + v[j]);
    const float z = sigmoid(u[memory_size + j] + v[memory_size + j]);
    const float n = tanhf(u[2 * memory_size + j] + r * v[2 * memory_size + j]);
    memory->h[j] = (1 - z) * n + z * memory->h[j];
  }
)";

class Exporter {
 public:
  Exporter(const Policy& policy, const std::string& name)
      : policy_(policy), description_(policy.description()), name_(name) {
    check();
  }

  std::string write() {
    begin();
    declare_memory();
    begin_act();
    prepare();
    const std::size_t layers = description_.trunk.hidden.size() - (recurrent() ? 1 : 0);
    for (std::size_t i = 0; i < layers; ++i) {
      layer("trunk/" + std::to_string(i), description_.trunk.hidden[i]);
      activate(description_.trunk.activation);
    }
    if (recurrent()) remember();
    act();
    return head_.text + body_.text;
  }

 private:
  bool recurrent() const { return description_.trunk.kind != TrunkKind::mlp; }
  bool index() const { return description_.action.kind == ActionKind::discrete; }

  void check() const {
    bool identifier = !name_.empty() && !std::isdigit(static_cast<unsigned char>(name_[0]));
    for (const char c : name_)
      identifier = identifier && (std::isalnum(static_cast<unsigned char>(c)) || c == '_');
    if (!identifier)
      fail(ErrorKind::bad_input, "export: expected a name of letters, digits and _, found '%s'",
           name_.c_str());
    const TrunkKind trunk = description_.trunk.kind;
    if (!description_.trunk.convolutions.empty() || !description_.observation.vocabularies.empty())
      fail(ErrorKind::not_available, "export: expected a trunk of numbers, found %s",
           description_.trunk.convolutions.empty() ? "embedded indices" : "convolutions");
    if (trunk != TrunkKind::mlp && trunk != TrunkKind::rnn && trunk != TrunkKind::lstm &&
        trunk != TrunkKind::gru)
      fail(ErrorKind::not_available,
           "export: expected a trunk of mlp, rnn, lstm or gru, found one of %s", name_of(trunk));
    if (layer_of_mode() == nullptr)
      fail(ErrorKind::not_available,
           "export: expected a head of categorical, bernoulli, gaussian, regression or "
           "full_gaussian, found %s",
           name_of(description_.head.kind));
  }

  // The layer whose result has the mode.
  const char* layer_of_mode() const {
    switch (description_.head.kind) {
      case HeadKind::categorical:
      case HeadKind::bernoulli: return "head/logits";
      case HeadKind::gaussian:
      case HeadKind::regression:
      case HeadKind::full_gaussian: return "head/mean";
      default: return nullptr;
    }
  }

  std::vector<double> numbers(const std::string& parameter) const {
    std::vector<double> values = policy_.store().at(parameter).read();
    for (const double value : values)
      if (!std::isfinite(value))
        fail(ErrorKind::not_finite, "export: %s has a %g", parameter.c_str(), value);
    return values;
  }

  // A parameter becomes a constant whose name it returns.
  std::string constant(const std::string& parameter) {
    const std::size_t model = parameter.starts_with("policy/") ? 7 : 0;
    std::string name = name_ + "_" + parameter.substr(model);
    for (char& c : name)
      if (c == '/') c = '_';
    head_.constants(name, numbers(parameter));
    return name;
  }

  void begin() {
    head_.line("/* %s: a policy, %s over %s, written by understudy. C99; link with -lm. */",
               name_.c_str(), name_of(description_.head.kind), name_of(description_.trunk.kind));
    head_.line("#include <math.h>\n");
    head_.line("enum { %s_observation_size = %lld, %s_action_size = %lld };\n", name_.c_str(),
               static_cast<long long>(description_.observation.width()), name_.c_str(),
               static_cast<long long>(description_.action.size));
  }

  void declare_memory() {
    body_.text += helpers;
    if (!recurrent()) return;
    const bool cell = description_.trunk.kind == TrunkKind::lstm;
    const auto size = static_cast<long long>(description_.trunk.hidden.back());
    if (description_.trunk.kind != TrunkKind::rnn)
      body_.line("static float sigmoid(float x) { return 1 / (1 + expf(-x)); }");
    body_.line("enum { memory_size = %lld };", size);
    body_.line("typedef struct { float h[memory_size]%s; } %s_memory;\n",
               cell ? ", c[memory_size]" : "", name_.c_str());
    body_.line("void %s_forget(%s_memory *memory) {", name_.c_str(), name_.c_str());
    body_.line("  for (int j = 0; j < memory_size; ++j) memory->h[j] = 0;");
    if (cell) body_.line("  for (int j = 0; j < memory_size; ++j) memory->c[j] = 0;");
    body_.line("}");
  }

  void begin_act() {
    std::string arguments = recurrent() ? name_ + "_memory *memory, " : "";
    arguments += description_.observation.discrete ? "int observation" : "const float *observation";
    if (!index()) arguments += ", float *action";
    body_.line("\n%s %s_act(%s) {", index() ? "int" : "void", name_.c_str(), arguments.c_str());
  }

  // The observation as the first layer takes it, in x0.
  void prepare() {
    width_ = description_.observation.width();
    const auto n = static_cast<long long>(width_);
    body_.line("  float x0[%lld];", n);
    if (description_.observation.discrete) {
      body_.line("  for (int i = 0; i < %lld; ++i) x0[i] = i == observation ? 1.0f : 0.0f;", n);
    } else if (!description_.normalize_observations) {
      body_.line("  for (int i = 0; i < %lld; ++i) x0[i] = observation[i];", n);
    } else {
      normalize(n);
    }
  }

  // As the policy does: a feature that hardly varied keeps its scale.
  void normalize(long long n) {
    const std::vector<double> mean = numbers("normalizer/mean");
    std::vector<double> scale = numbers("normalizer/std");
    for (std::size_t i = 0; i < scale.size(); ++i)
      if (!(scale[i] > 1e-6 * std::max(std::abs(mean[i]), 1.0))) scale[i] = 1;
    const std::string center = constant("normalizer/mean"), unit = name_ + "_normalizer_scale";
    head_.constants(unit, scale);
    body_.line("  for (int i = 0; i < %lld; ++i) {", n);
    body_.line("    x0[i] = (observation[i] - %s[i]) / %s[i];", center.c_str(), unit.c_str());
    const double limit = description_.clip_observations;
    if (limit > 0) body_.line("    x0[i] = fminf(fmaxf(x0[i], -%.8ef), %.8ef);", limit, limit);
    body_.line("  }");
  }

  // x1 = x0 W + b, and so on; the newest is called by its number.
  void layer(const std::string& parameters, std::int64_t outputs) {
    const std::string weight = constant("policy/" + parameters + "/weight");
    const std::string bias = constant("policy/" + parameters + "/bias");
    body_.line("  float x%d[%lld];", newest_ + 1, static_cast<long long>(outputs));
    body_.line("  linear(x%d, %lld, %s, %s, %lld, x%d);", newest_, static_cast<long long>(width_),
               weight.c_str(), bias.c_str(), static_cast<long long>(outputs), newest_ + 1);
    ++newest_;
    width_ = outputs;
  }

  void activate(Activation activation) {
    if (activation == Activation::none) return;
    const char* shape = activation == Activation::tanh      ? "tanhf(x%d[i])"
                        : activation == Activation::sigmoid ? "1 / (1 + expf(-x%d[i]))"
                                                            : "x%d[i] > 0 ? x%d[i] : 0";
    char function[64];
    std::snprintf(function, sizeof function, shape, newest_, newest_);
    body_.line("  for (int i = 0; i < %lld; ++i) x%d[i] = %s;", static_cast<long long>(width_),
               newest_, function);
  }

  // The memory's step; what it puts out is the newest.
  void remember() {
    const TrunkKind kind = description_.trunk.kind;
    const std::string input = constant("policy/memory/input_weight");
    const std::string bias = constant("policy/memory/bias");
    const std::string weight = constant("policy/memory/weight");
    const int gates = kind == TrunkKind::rnn ? 1 : kind == TrunkKind::lstm ? 4 : 3;
    const auto size = static_cast<std::size_t>(description_.trunk.hidden.back());
    std::vector<double> shift(static_cast<std::size_t>(gates) * size);
    // The forget gate, the second, is open by a constant; a gru's candidate, its third part, has a
    // bias inside the recurrent product.
    if (kind == TrunkKind::lstm)
      std::fill_n(shift.begin() + static_cast<long>(size), size, Recurrent::Options{}.forget_bias);
    if (kind == TrunkKind::gru) {
      const std::vector<double> own = numbers("policy/memory/bias_n");
      std::copy(own.begin(), own.end(), shift.end() - static_cast<long>(size));
    }
    const std::string recurrent_bias = name_ + "_recurrent_bias";
    head_.constants(recurrent_bias, shift);
    body_.line("  float u[%d * memory_size], v[%d * memory_size];", gates, gates);
    body_.line("  linear(x%d, %lld, %s, %s, %d * memory_size, u);", newest_,
               static_cast<long long>(width_), input.c_str(), bias.c_str(), gates);
    body_.line("  linear(memory->h, memory_size, %s, %s, %d * memory_size, v);", weight.c_str(),
               recurrent_bias.c_str(), gates);
    body_.text += kind == TrunkKind::rnn    ? rnn_step
                  : kind == TrunkKind::lstm ? lstm_step
                                            : gru_step;
    width_ = description_.trunk.hidden.back();
    ++newest_;
    body_.line("  const float *x%d = memory->h;", newest_);
  }

  void act() {
    layer(layer_of_mode(), description_.action.size);
    const auto n = static_cast<long long>(width_);
    switch (description_.action.kind) {
      case ActionKind::discrete:
        body_.line("  int best = 0;");
        body_.line("  for (int i = 1; i < %lld; ++i)", n);
        body_.line("    if (x%d[i] > x%d[best]) best = i;", newest_, newest_);
        body_.line("  return best;");
        break;
      case ActionKind::multi_binary:
        body_.line("  for (int i = 0; i < %lld; ++i) action[i] = x%d[i] > 0;", n, newest_);
        break;
      case ActionKind::continuous:
        body_.line("  for (int i = 0; i < %lld; ++i) action[i] = x%d[i];", n, newest_);
        break;
    }
    body_.line("}");
  }

  const Policy& policy_;
  const PolicyDescription& description_;
  std::string name_;
  Source head_, body_;  // constants; functions
  int newest_ = 0;
  std::int64_t width_ = 0;
};

}  // namespace

std::string policy_as_c(const Policy& policy, const std::string& name) {
  return Exporter(policy, name).write();
}

}  // namespace understudy
