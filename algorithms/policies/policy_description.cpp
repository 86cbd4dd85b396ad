#include "algorithms/policies/policy_description.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "autograd/files/csv.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

const std::string field_prefix = "policy.";

template <class Kind>
struct Named {
  Kind kind;
  const char* name;
};

constexpr Named<TrunkKind> trunk_kinds[] = {{TrunkKind::mlp, "mlp"},
                                            {TrunkKind::rnn, "rnn"},
                                            {TrunkKind::lstm, "lstm"},
                                            {TrunkKind::gru, "gru"}};
constexpr Named<HeadKind> head_kinds[] = {{HeadKind::categorical, "categorical"},
                                          {HeadKind::gaussian, "gaussian"},
                                          {HeadKind::regression, "regression"},
                                          {HeadKind::mixture, "mixture"},
                                          {HeadKind::full_gaussian, "full_gaussian"},
                                          {HeadKind::full_mixture, "full_mixture"},
                                          {HeadKind::independent_bins, "independent_bins"},
                                          {HeadKind::joint_bins, "joint_bins"},
                                          {HeadKind::autoregressive, "autoregressive"},
                                          {HeadKind::recurrent_bins, "recurrent_bins"},
                                          {HeadKind::best_of, "best_of"},
                                          {HeadKind::variational, "variational"},
                                          {HeadKind::adversarial, "adversarial"},
                                          {HeadKind::bernoulli, "bernoulli"}};
constexpr Named<ActionKind> action_kinds[] = {{ActionKind::discrete, "discrete"},
                                              {ActionKind::continuous, "continuous"},
                                              {ActionKind::multi_binary, "multi_binary"}};
constexpr Named<Activation> activations[] = {{Activation::none, "none"},
                                             {Activation::tanh, "tanh"},
                                             {Activation::sigmoid, "sigmoid"},
                                             {Activation::relu, "relu"}};
constexpr Named<InitializationKind> initializations[] = {
    {InitializationKind::normal, "normal"},
    {InitializationKind::xavier_uniform, "xavier"},
    {InitializationKind::he_normal, "he"},
    {InitializationKind::orthogonal, "orthogonal"},
    {InitializationKind::column_normalized, "column_normalized"}};

template <class Kind, std::size_t n>
const char* find_name(const Named<Kind> (&all)[n], Kind kind) {
  for (const Named<Kind>& named : all)
    if (named.kind == kind) return named.name;
  return "?";
}

template <class Kind, std::size_t n>
Kind find_kind(const Named<Kind> (&all)[n], const std::string& name, const std::string& what) {
  std::string list;
  for (const Named<Kind>& named : all) {
    if (name == named.name) return named.kind;
    list += (list.empty() ? "" : ", ") + std::string(named.name);
  }
  fail(ErrorKind::bad_input, "%s: expected one of %s; found '%s'", what.c_str(), list.c_str(),
       files::shown(name).c_str());
}

// The shortest text that brings back the same number.
std::string text_of(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {digits, end};
}

template <class Number>
std::string text_of(const std::vector<Number>& values) {
  std::string text;
  for (Number value : values)
    text += (text.empty() ? "" : ",") + [&] {
      if constexpr (std::is_integral_v<Number>)
        return std::to_string(value);
      else
        return text_of(value);
    }();
  return text;
}

// Fields read one by one; `left` are those that nobody asked for yet.
struct Reader {
  std::map<std::string, std::string> left;
  std::string where;

  std::string what(const char* field) const { return where + ": field " + field; }
  [[noreturn]] void refuse(const char* field, const char* expected,
                           const std::string& found) const {
    fail(ErrorKind::bad_input, "%s: expected %s, found '%s'", what(field).c_str(), expected,
         files::shown(found).c_str());
  }
  // Whether the field is there; takes it out.
  bool take(const char* field, std::string& value) {
    const auto found = left.find(field);
    if (found == left.end()) return false;
    value = found->second;
    left.erase(found);
    return true;
  }
  std::string need(const char* field) {
    std::string value;
    if (!take(field, value))
      fail(ErrorKind::bad_input, "%s: expected a field %s, found none", where.c_str(), field);
    return value;
  }
  template <class Number>
  void number(const char* field, Number& value) {
    std::string text;
    if (!take(field, text)) return;
    if (!files::parse_number(text, value) || !std::isfinite(static_cast<double>(value)))
      refuse(field, std::is_integral_v<Number> ? "a whole number" : "a number", text);
  }
  template <class Number>
  void list(const char* field, std::vector<Number>& values) {
    std::string text;
    if (!take(field, text)) return;
    values.clear();
    for (std::size_t at = 0; !text.empty() && at <= text.size();) {
      const std::size_t comma = std::min(text.find(',', at), text.size());
      Number value;
      // Bounds may be infinite.
      if (!files::parse_number(std::string_view(text).substr(at, comma - at), value) ||
          !(value == value))
        refuse(field, "numbers with commas between", text);
      values.push_back(value);
      at = comma + 1;
    }
  }
  void truth(const char* field, bool& value) {
    std::string text;
    if (!take(field, text)) return;
    if (text != "true" && text != "false") refuse(field, "true or false", text);
    value = text == "true";
  }
};

}  // namespace

const char* name_of(TrunkKind kind) { return find_name(trunk_kinds, kind); }
const char* name_of(HeadKind kind) { return find_name(head_kinds, kind); }
const char* name_of(Activation activation) { return find_name(activations, activation); }
const char* name_of(InitializationKind kind) { return find_name(initializations, kind); }
TrunkKind trunk_kind_named(const std::string& name) {
  return find_kind(trunk_kinds, name, "trunk");
}
HeadKind head_kind_named(const std::string& name) { return find_kind(head_kinds, name, "policy"); }
Activation activation_named(const std::string& name) {
  return find_kind(activations, name, "activation");
}

std::vector<std::int64_t> nature_convolutions() { return {32, 8, 4, 0, 64, 4, 2, 0, 64, 3, 1, 0}; }

std::vector<std::int64_t> small_convolutions() {
  return {32, 3, 2, 1, 64, 3, 2, 1, 64, 3, 2, 1, 64, 3, 2, 1};
}

HeadKind PolicyDescription::default_head(const ActionSpace& action) {
  switch (action.kind) {
    case ActionKind::discrete: return HeadKind::categorical;
    case ActionKind::multi_binary: return HeadKind::bernoulli;
    case ActionKind::continuous: break;
  }
  return HeadKind::gaussian;
}

namespace {

// What is read from a file must not lead to sizes that cannot be counted: any two of these can be
// multiplied, and what they come to can be added up.
constexpr std::int64_t most_units = std::int64_t{1} << 24;  // whole numbers exact in a float
constexpr std::int64_t most_channels = 1 << 12;             // and sides of kernels
constexpr std::int64_t most_parts = 1 << 16;                // bins, components, draws

void require_at_most(const char* field, std::int64_t value, std::int64_t most) {
  if (value > most)
    fail(ErrorKind::bad_input, "policy: %s: expected at most %lld, found %lld", field,
         static_cast<long long>(most), static_cast<long long>(value));
}

void check_sizes(const PolicyDescription& d) {
  // The product grows by factors of at most 2^24 from below 2^24.
  std::int64_t width = 1;
  for (std::int64_t size : d.observation.shape) {
    require_at_most("observation.shape", size, most_units);
    if (size > 0) require_at_most("observation.shape", width *= size, most_units);
  }
  for (std::int64_t size : d.observation.vocabularies)
    require_at_most("observation.vocabularies", size, most_units);
  require_at_most("action.size", d.action.size, most_units);
  for (std::int64_t size : d.trunk.hidden) require_at_most("trunk.hidden", size, most_units);
  for (std::int64_t size : d.trunk.convolutions)
    require_at_most("trunk.convolutions", size, most_channels);
  for (std::int64_t size : d.head.hidden) require_at_most("head.hidden", size, most_units);
  require_at_most("trunk.embedding", d.trunk.embedding, most_parts);
  require_at_most("head.components", d.head.components, most_parts);
  require_at_most("head.bins", d.head.bins, most_parts);
  require_at_most("head.latent", d.head.latent, most_parts);
  require_at_most("head.draws", d.head.draws, most_parts);
}

}  // namespace

void PolicyDescription::check() const {
  const auto bad = [](const char* what) { fail(ErrorKind::bad_input, "policy: %s", what); };
  for (std::int64_t size : observation.shape)
    if (size < 1) bad("expected observations of at least one number in each dimension");
  check_sizes(*this);
  if (observation.discrete && observation.shape.size() != 1)
    bad("expected one size of an observed index");
  const std::size_t embedded = observation.vocabularies.size();
  if (embedded > 0 && (observation.discrete || observation.shape.size() != 1 ||
                       static_cast<std::int64_t>(embedded) > observation.shape[0]))
    bad("expected observations of the shape [n] with at most n indices to embed");
  for (std::int64_t size : observation.vocabularies)
    if (size < 1) bad("expected vocabularies of at least one index");
  if (embedded > 0 && normalize_observations) bad("indices to embed cannot be normalized");
  if (trunk.embedding < 1) bad("expected embeddings of at least one number");
  if (trunk.convolutions.size() % 4 != 0)
    bad("expected four numbers a convolution: channels, kernel, stride, padding");
  if (!trunk.convolutions.empty()) {
    if (observation.discrete || observation.shape.size() != 3)
      bad("expected images [channels, height, width] before convolutions");
    std::int64_t height = observation.shape[1], width = observation.shape[2];
    for (std::size_t i = 0; i < trunk.convolutions.size(); i += 4) {
      const std::int64_t* c = &trunk.convolutions[i];
      if (c[0] < 1 || c[1] < 1 || c[2] < 1 || c[3] < 0)
        bad("expected convolutions of positive channels, kernel and stride");
      if (std::min(height, width) + 2 * c[3] < c[1])
        bad("expected an image that a convolution's kernel fits in");
      height = (height + 2 * c[3] - c[1]) / c[2] + 1;
      width = (width + 2 * c[3] - c[1]) / c[2] + 1;
    }
  }
  if (action.size < 1) bad("expected actions of at least one dimension or choice");
  for (const std::vector<double>* bound : {&action.low, &action.high})
    if (!bound->empty() && static_cast<std::int64_t>(bound->size()) != action.size)
      bad("expected as many bounds as the actions have dimensions");
  for (std::int64_t width : trunk.hidden)
    if (width < 1) bad("expected layers of at least one unit");
  if (trunk.kind != TrunkKind::mlp && trunk.hidden.empty())
    bad("expected the size of the recurrent trunk as the last of trunk.hidden");
  if (head.components < 1) bad("expected at least one component");
  const ActionKind acts = head.kind == HeadKind::categorical ? ActionKind::discrete
                          : head.kind == HeadKind::bernoulli ? ActionKind::multi_binary
                                                             : ActionKind::continuous;
  if (acts != action.kind)
    fail(ErrorKind::bad_input, "policy: head '%s': expected %s actions, found %s ones",
         name_of(head.kind), name_of(acts), name_of(action.kind));
}

PolicyDescription describe_policy(const EnvironmentDescription& environment) {
  PolicyDescription description;
  const Spaces spaces = spaces_of(environment);
  description.observation = spaces.observation;
  description.action = spaces.action;
  description.head.kind = PolicyDescription::default_head(description.action);
  return description;
}

std::map<std::string, std::string> PolicyDescription::fields() const {
  const auto truth = [](bool value) { return std::string(value ? "true" : "false"); };
  return {{"observation.discrete", truth(observation.discrete)},
          {"observation.shape", text_of(observation.shape)},
          {"observation.vocabularies", text_of(observation.vocabularies)},
          {"action.kind", name_of(action.kind)},
          {"action.size", std::to_string(action.size)},
          {"action.low", text_of(action.low)},
          {"action.high", text_of(action.high)},
          {"trunk.kind", name_of(trunk.kind)},
          {"trunk.hidden", text_of(trunk.hidden)},
          {"trunk.activation", name_of(trunk.activation)},
          {"trunk.convolutions", text_of(trunk.convolutions)},
          {"trunk.embedding", std::to_string(trunk.embedding)},
          {"head.kind", name_of(head.kind)},
          {"head.state_dependent_std", truth(head.state_dependent_std)},
          {"head.initial_std", text_of(head.initial_std)},
          {"head.min_std", text_of(head.min_std)},
          {"head.max_std", text_of(head.max_std)},
          {"head.components", std::to_string(head.components)},
          {"head.bins", std::to_string(head.bins)},
          {"head.edges", text_of(head.edges)},
          {"head.order", text_of(head.order)},
          {"head.hidden", text_of(head.hidden)},
          {"head.latent", std::to_string(head.latent)},
          {"head.draws", std::to_string(head.draws)},
          {"initialization", name_of(initialization)},
          {"last_scale", text_of(last_scale)},
          {"normalize_observations", truth(normalize_observations)},
          {"clip_observations", text_of(clip_observations)}};
}

std::map<std::string, std::string> PolicyDescription::metadata() const {
  std::map<std::string, std::string> all;
  for (const auto& [key, value] : fields()) all[field_prefix + key] = value;
  return all;
}

PolicyDescription PolicyDescription::from_metadata(
    const std::map<std::string, std::string, std::less<>>& metadata, const std::string& where) {
  std::map<std::string, std::string> fields;
  for (const auto& [key, value] : metadata)
    if (key.starts_with(field_prefix)) fields[key.substr(field_prefix.size())] = value;
  if (fields.empty())
    fail(ErrorKind::bad_file, "%s: expected a policy, found no description of one in the metadata",
         where.c_str());
  return from_fields(fields, where);
}

PolicyDescription PolicyDescription::from_fields(const std::map<std::string, std::string>& fields,
                                                 const std::string& where) {
  Reader reader{fields, where};
  PolicyDescription result;
  std::string name;
  reader.truth("observation.discrete", result.observation.discrete);
  if (fields.count("observation.shape") == 0) reader.need("observation.shape");
  reader.list("observation.shape", result.observation.shape);
  reader.list("observation.vocabularies", result.observation.vocabularies);
  result.action.kind = find_kind(action_kinds, reader.need("action.kind"), where);
  if (fields.count("action.size") == 0) reader.need("action.size");
  reader.number("action.size", result.action.size);
  reader.list("action.low", result.action.low);
  reader.list("action.high", result.action.high);
  if (reader.take("trunk.kind", name))
    result.trunk.kind = find_kind(trunk_kinds, name, reader.what("trunk.kind"));
  reader.list("trunk.hidden", result.trunk.hidden);
  if (reader.take("trunk.activation", name))
    result.trunk.activation = find_kind(activations, name, reader.what("trunk.activation"));
  reader.list("trunk.convolutions", result.trunk.convolutions);
  reader.number("trunk.embedding", result.trunk.embedding);
  result.head.kind = default_head(result.action);
  if (reader.take("head.kind", name))
    result.head.kind = find_kind(head_kinds, name, reader.what("head.kind"));
  reader.truth("head.state_dependent_std", result.head.state_dependent_std);
  reader.number("head.initial_std", result.head.initial_std);
  reader.number("head.min_std", result.head.min_std);
  reader.number("head.max_std", result.head.max_std);
  reader.number("head.components", result.head.components);
  reader.number("head.bins", result.head.bins);
  reader.list("head.edges", result.head.edges);
  reader.list("head.order", result.head.order);
  reader.list("head.hidden", result.head.hidden);
  reader.number("head.latent", result.head.latent);
  reader.number("head.draws", result.head.draws);
  if (reader.take("initialization", name))
    result.initialization = find_kind(initializations, name, reader.what("initialization"));
  reader.number("last_scale", result.last_scale);
  reader.truth("normalize_observations", result.normalize_observations);
  reader.number("clip_observations", result.clip_observations);
  if (!reader.left.empty())
    fail(ErrorKind::bad_input, "%s: found a field '%s' that no policy has", where.c_str(),
         files::shown(reader.left.begin()->first).c_str());
  result.check();
  return result;
}

}  // namespace understudy
