#include "algorithms/policies/export_c.h"

#include <algorithm>
#include <cctype>
#include <cfloat>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "kernels/device/error.h"

namespace understudy {

namespace {

__attribute__((format(printf, 1, 0))) std::string formatted(const char* format, va_list arguments) {
  char buffer[512];
  std::vsnprintf(buffer, sizeof buffer, format, arguments);
  return buffer;
}

__attribute__((format(printf, 2, 3))) void add_line(std::string& to, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  to += formatted(format, arguments) + '\n';
  va_end(arguments);
}

// Nine digits are what a float needs to be read back as itself.
void add_constants(std::string& to, const std::string& name, const std::vector<double>& values) {
  add_line(to, "static const float %s[%zu] = {", name.c_str(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    char number[32];
    std::snprintf(number, sizeof number, "%.8ef,", values[i]);
    to += i % 6 == 0 ? "  " : " ";
    to += number;
    if (i % 6 == 5 || i + 1 == values.size()) to += '\n';
  }
  add_line(to, "};");
}

const char* const helpers = R"(
static void $linear(const float *x, int inputs, const float *weight, const float *bias, int outputs,
                   float *y) {
  for (int j = 0; j < outputs; ++j) y[j] = bias[j];
  for (int i = 0; i < inputs; ++i)
    for (int j = 0; j < outputs; ++j) y[j] += x[i] * weight[i * outputs + j];
}
)";

void check(const PolicyDescription& description, const std::string& name) {
  bool identifier = !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0]));
  for (const char c : name)
    identifier = identifier && (std::isalnum(static_cast<unsigned char>(c)) || c == '_');
  if (!identifier)
    fail(ErrorKind::bad_input, "export: expected a name of letters, digits and _, found '%s'",
         name.c_str());
  const auto refuse = [](const char* what, const std::vector<const char*>& names,
                         const std::string& found) {
    std::string all;
    for (std::size_t i = 0; i < names.size(); ++i)
      all += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + std::string(names[i]);
    fail(ErrorKind::not_available, "export: expected a %s of %s, found %s", what, all.c_str(),
         found.c_str());
  };
  if (!description.trunk.convolutions.empty() || !description.observation.vocabularies.empty())
    refuse("trunk", {"numbers"},
           description.trunk.convolutions.empty() ? "embedded indices" : "convolutions");
  std::vector<const char*> names;
  if (trunk_named(description.trunk.name).write_c == nullptr) {
    for (const TrunkRow* row : trunk_rows())
      if (row->write_c != nullptr) names.push_back(row->name);
    refuse("trunk", names, description.trunk.name);
  }
  if (description.head.row().write_c == nullptr) {
    for (const HeadRow* row : head_rows())
      if (row->write_c != nullptr) names.push_back(row->name);
    refuse("head", names, description.head.name());
  }
}

}  // namespace

CWriter::CWriter(const Policy& policy, const std::string& name)
    : policy_(policy), description_(policy.description()), name_(name), functions_(helpers) {}

const ActionSpace& CWriter::action() const { return description_.action; }

void CWriter::line(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  body_ += formatted(format, arguments) + '\n';
  va_end(arguments);
}

void CWriter::text(const std::string& lines) { body_ += lines; }
void CWriter::function(const std::string& lines) { functions_ += lines; }

std::string CWriter::prefixed(const std::string& lines) const {
  std::string all;
  for (const char c : lines)
    if (c == '$')
      all += name_ + "_";
    else
      all += c;
  return all;
}

namespace {

void require_finite(const std::string& name, const std::vector<double>& values) {
  for (const double value : values)
    if (!std::isfinite(value))
      fail(ErrorKind::not_finite, "export: %s has a %g", name.c_str(), value);
}

}  // namespace

std::vector<double> CWriter::numbers(const std::string& parameter) const {
  std::vector<double> values = policy_.store().at(parameter).read();
  require_finite(parameter, values);
  return values;
}

std::string CWriter::constant(const std::string& name, const std::vector<double>& values) {
  require_finite(name, values);
  std::string whole = name_ + "_" + name;
  add_constants(constants_, whole, values);
  return whole;
}

std::string CWriter::constant(const std::string& parameter) {
  std::string name = parameter.substr(parameter.starts_with("policy/") ? 7 : 0);
  std::replace(name.begin(), name.end(), '/', '_');
  return constant(name, numbers(parameter));
}

void CWriter::memory(std::int64_t size, const std::vector<const char*>& arrays) {
  has_memory_ = true;
  add_line(declarations_, "enum { $memory_size = %lld };", static_cast<long long>(size));
  std::string members;
  for (const char* array : arrays)
    members += (members.empty() ? "" : ", ") + std::string(array) + "[$memory_size]";
  add_line(declarations_, "typedef struct { float %s; } $memory;", members.c_str());
  add_line(declarations_, "void $forget($memory *memory);");
  add_line(functions_, "\nvoid $forget($memory *memory) {");
  for (const char* array : arrays)
    add_line(functions_, "  for (int j = 0; j < $memory_size; ++j) memory->%s[j] = 0;", array);
  add_line(functions_, "}");
}

void CWriter::next(const std::string& array, std::int64_t width) {
  newest_ = array;
  width_ = width;
}

void CWriter::linear(const std::string& parameters, std::int64_t outputs) {
  const std::string weight = constant("policy/" + parameters + "/weight");
  const std::string bias = constant("policy/" + parameters + "/bias");
  const std::string y = "x" + std::to_string(++layers_);
  line("  float %s[%lld];", y.c_str(), static_cast<long long>(outputs));
  line("  $linear(%s, %lld, %s, %s, %lld, %s);", newest_.c_str(), static_cast<long long>(width_),
       weight.c_str(), bias.c_str(), static_cast<long long>(outputs), y.c_str());
  next(y, outputs);
}

void CWriter::activate(Activation activation) {
  if (activation == Activation::none) return;
  const std::string x = newest_ + "[i]";
  const std::string y = activation == Activation::tanh      ? "tanhf(" + x + ")"
                        : activation == Activation::sigmoid ? "1 / (1 + expf(-" + x + "))"
                                                            : x + " < 0 ? 0 : " + x;
  line("  for (int i = 0; i < %lld; ++i) %s = %s;", static_cast<long long>(width_), x.c_str(),
       y.c_str());
}

void CWriter::act_by_largest() {
  const char* x = newest_.c_str();
  line("  int best = 0;");
  line("  for (int i = 1; i < %lld; ++i)", static_cast<long long>(width_));
  line("    if (%s[i] > %s[best]) best = i;", x, x);
  line("  return best;");
}

void CWriter::act_by_sign() {
  line("  for (int i = 0; i < %lld; ++i) action[i] = %s[i] > 0;", static_cast<long long>(width_),
       newest_.c_str());
}

void CWriter::act_by_value() {
  line("  for (int i = 0; i < %lld; ++i) action[i] = %s[i];", static_cast<long long>(width_),
       newest_.c_str());
}

// Before anything is computed, so that a memory keeps clear of it.
void CWriter::refuse_what_is_not_finite() {
  const auto n = static_cast<long long>(description_.input_width());
  const auto size = static_cast<long long>(description_.action.size);
  const bool of_index = description_.observation.discrete;
  if (of_index)
    line("  if (observation < 0 || observation >= %lld) {", n);
  else
    line("  for (int i = 0; i < %lld; ++i) {\n    if (isfinite(observation[i])) continue;", n);
  if (!acts_by_index()) line("    for (int j = 0; j < %lld; ++j) action[j] = NAN;", size);
  line("    return %s%s;\n  }", acts_by_index() ? "-1" : "1",
       of_index          ? ""
       : acts_by_index() ? " - i"
                         : " + i");
}

// The observation as the first layer takes it, in x0.
void CWriter::prepare() {
  width_ = description_.input_width();
  const auto n = static_cast<long long>(width_);
  line("  float x0[%lld];", n);
  if (description_.observation.discrete) {
    line("  for (int i = 0; i < %lld; ++i) x0[i] = i == observation ? 1.0f : 0.0f;", n);
  } else if (!description_.normalize_observations) {
    line("  for (int i = 0; i < %lld; ++i) x0[i] = observation[i];", n);
  } else {
    normalize();
  }
}

void CWriter::normalize() {
  const std::string center = constant("normalizer/mean");
  const std::string unit = constant("normalizer_scale", policy_.normalizer()->scale());
  const auto n = static_cast<long long>(description_.observation.width());
  line("  for (int i = 0; i < %lld; ++i) {", n);
  line("    x0[i] = (observation[i] - %s[i]) / %s[i];", center.c_str(), unit.c_str());
  const double limit = description_.clip_observations;
  if (limit > 0)
    line("    x0[i] = x0[i] < -%.8ef ? -%.8ef : x0[i] > %.8ef ? %.8ef : x0[i];", limit, limit,
         limit, limit);
  line("  }");
  if (description_.codes.any())
    line("  for (int i = %lld; i < %lld; ++i) x0[i] = observation[i];", n,
         static_cast<long long>(width_));
}

// The head's action in the action's own units.
void CWriter::restore_action() {
  const Normalizer* by = policy_.action_normalizer();
  if (by == nullptr) return;
  const std::string center = constant("action_normalizer/mean");
  const std::string unit = constant("action_normalizer_scale", by->scale());
  line("  for (int i = 0; i < %lld; ++i) action[i] = %s[i] + %s[i] * action[i];",
       static_cast<long long>(description_.action.size), center.c_str(), unit.c_str());
}

// To the bounds there are; NaN stays.
void CWriter::clip_action() {
  const ActionSpace& action = description_.action;
  for (const bool low : {true, false}) {
    const std::vector<double>& bounds = low ? action.low : action.high;
    std::vector<double> known;
    for (const double bound : bounds)  // of those that are none the largest float
      known.push_back(
          std::clamp(bound, -static_cast<double>(FLT_MAX), static_cast<double>(FLT_MAX)));
    if (known.empty()) continue;
    const std::string bound = constant(low ? "action_low" : "action_high", known);
    line("  for (int i = 0; i < %lld; ++i)\n    if (action[i] %c %s[i]) action[i] = %s[i];",
         static_cast<long long>(action.size), low ? '<' : '>', bound.c_str(), bound.c_str());
  }
}

std::string CWriter::signature() const {
  std::string arguments = has_memory_ ? "$memory *memory, " : "";
  arguments += description_.observation.discrete ? "int observation" : "const float *observation";
  if (!acts_by_index()) arguments += ", float *action";
  return "int $act(" + arguments + ")";
}

// What a program needs to know, once in each of its sources.
std::string CWriter::declarations() const {
  std::string guard = "understudy_" + name_ + "_h", all;
  for (char& c : guard) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  add_line(all, "#ifndef %s\n#define %s\n#ifdef __cplusplus\nextern \"C\" {\n#endif", guard.c_str(),
           guard.c_str());
  add_line(all, "enum { $observation_size = %lld, $action_size = %lld };",
           static_cast<long long>(description_.input_width()),
           static_cast<long long>(description_.action.size));
  all += declarations_;
  all += acts_by_index()
             ? "/* The action; -1 - i: observation i is not finite. */\n"
             : "/* 0; 1 + i: observation i is not finite, and the action is not a number. */\n";
  all += signature() + ";\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
  return prefixed(all);
}

CSource CWriter::file() const {
  std::string title;
  add_line(title, "/* %s: a policy, %s over %s, written by understudy. C99; link with -lm. */",
           name_.c_str(), description_.head.name().c_str(), description_.trunk.name.c_str());
  const std::string declared = declarations();
  return {.source = title + "#include <math.h>\n\n" + declared + "\n" + constants_ +
                    prefixed(functions_ + "\n" + signature() + " {\n" + body_ + "}\n"),
          .header = title + declared};
}

std::string c_name_of(const std::string& path) {
  const std::size_t folder = path.find_last_of('/');
  std::string name = folder == std::string::npos ? path : path.substr(folder + 1);
  name = name.substr(0, name.find_last_of('.'));
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) name = "policy_" + name;
  return name;
}

CSource policy_as_c(const Policy& policy, const std::string& name, const CExportOptions& options) {
  const PolicyDescription& description = policy.description();
  check(description, name);
  CWriter writer(policy, name);
  writer.refuse_what_is_not_finite();
  writer.prepare();
  trunk_named(description.trunk.name).write_c(writer, description.trunk);
  description.head.row().write_c(writer, description.head.options());
  if (!writer.acts_by_index()) {
    writer.restore_action();
    if (!options.raw) writer.clip_action();
    writer.line("  return 0;");
  }
  return writer.file();
}

}  // namespace understudy
