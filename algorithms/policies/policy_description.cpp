#include "algorithms/policies/policy_description.h"

#include <algorithm>

#include "autograd/files/bytes.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

const std::string field_prefix = "policy.";

constexpr OptionChoice initializations[] = {
    choice(InitializationKind::normal, "normal"),
    choice(InitializationKind::xavier_uniform, "xavier"),
    choice(InitializationKind::he_normal, "he"),
    choice(InitializationKind::orthogonal, "orthogonal"),
    choice(InitializationKind::column_normalized, "column_normalized")};

void list_start(OptionList& list, PolicyDescription& policy) {
  list.add(option("initialization", policy.initialization, initializations,
                  "how weights of trunk and head start",
                  {.source = "the code of Ho & Ermon 2016"}));
  list.add(option("last_scale", policy.last_scale, "scale of the head's last layer at the start"));
  list.add(option("normalize_observations", policy.normalize_observations,
                  "by running mean and standard deviation, or the demonstrations'",
                  {.source = "Ho & Ermon 2016, section 6"}));
  list.add(option("clip_observations", policy.clip_observations,
                  "bound of normalized observations; 0: none", {.least = 0, .unit = "std"}));
  list.add(option("normalize_actions", policy.normalize_actions,
                  "the head learns in units of the demonstrated actions' mean and standard "
                  "deviation, or, without demonstrations, of the bounds"));
}

// All fields: "observation.shape" ... "trunk", "trunk.hidden" ... "head", "head.components" ...
OptionList fields_of(PolicyDescription& policy) {
  OptionList list;
  list.add(group("observation", policy.observation));
  list.add(group("action", policy.action));
  list.add(group("trunk", policy.trunk));
  list.add(group("head", policy.head));
  list.add(group("codes", policy.codes));
  list_start(list, policy);
  return list;
}

}  // namespace

void list_options(OptionList& list, PolicyDescription& policy) {
  static_assert(field_count<PolicyDescription> == 10,
                "each member is listed, but for the spaces and codes");
  OptionList trunk, head;
  trunk.add(group("trunk", policy.trunk));
  for (Option one : trunk.options()) {
    if (one.name == "trunk.embedding" && policy.observation.vocabularies.empty()) continue;
    if (one.name != "trunk") one.name.erase(0, std::string_view("trunk.").size());
    list.add(std::move(one));
  }
  list_start(list, policy);
  head.add(group("head", policy.head));
  for (Option one : head.options()) {
    const std::string own = one.name == "head" ? one.name : one.name.substr(5);
    if (list.find(own) == nullptr) one.name = own;
    list.add(std::move(one));
  }
}

PolicyDescription describe_policy(const Spaces& spaces) {
  return PolicyDescription{.observation = spaces.observation, .action = spaces.action}.resolved();
}

PolicyDescription describe_policy(const EnvironmentDescription& environment) {
  return describe_policy(spaces_of(environment));
}

PolicyDescription fitted(PolicyDescription description, std::span<const float> actions) {
  description = description.resolved();
  const HeadRow& row = description.head.row();
  if (row.prepare != nullptr && !actions.empty())
    row.prepare(description.head.options(), description.action, actions);
  return description;
}

PolicyDescription fitted(PolicyDescription description, const Demonstrations& demonstrations) {
  return fitted(std::move(description), demonstrations.actions.numbers);
}

PolicyDescription PolicyDescription::resolved() const {
  PolicyDescription result = *this;
  if (head.name().empty()) result.head = HeadDescription(default_head(action.kind).name);
  return result;
}

bool PolicyDescription::standardizes_actions() const {
  return normalize_actions && !resolved().head.row().traits.own_units;
}

void PolicyDescription::check() const {
  const auto bad = [](const char* what) { fail(ErrorKind::bad_input, "policy: %s", what); };
  PolicyDescription copy = *this;
  const OptionList list = fields_of(copy);
  for (const Option& one : list.options()) {
    // Says whose the option is.
    Option named = one;
    named.name = field_prefix + one.name;
    named.check();
  }
  list.check();  // what options ask of each other
  double observed = 1;
  for (std::int64_t size : observation.shape) observed *= static_cast<double>(size);
  if (observed > most_units)
    fail(ErrorKind::bad_input, "policy.observation.shape: expected at most %.0f numbers, found %g",
         most_units, observed);
  if (observation.discrete && observation.shape.size() != 1)
    bad("expected one size of an observed index");
  const std::size_t embedded = observation.vocabularies.size();
  if (embedded > 0 && (observation.discrete || observation.shape.size() != 1 ||
                       static_cast<std::int64_t>(embedded) > observation.shape[0]))
    bad("expected observations of the shape [n] with at most n indices to embed");
  if (embedded > 0 && normalize_observations) bad("indices to embed cannot be normalized");
  if (observation.discrete && normalize_observations) bad("an index cannot be normalized");
  if (codes.any() && (observation.discrete || embedded > 0 || observation.shape.size() != 1))
    bad("codes: expected observations of the shape [n] that are numbers");
  if (normalize_actions && action.kind != ActionKind::continuous)
    bad("normalize_actions: only actions that are numbers can be normalized");
  if (trunk.convolutions.size() % 4 != 0)
    bad("expected four numbers a convolution: channels, kernel, stride, padding");
  if (!trunk.convolutions.empty()) {
    if (observation.discrete) bad("expected images before convolutions, found an index");
    const ImageShape image = image_shape(observation.shape, trunk.image_layout, "policy");
    std::int64_t height = image.height, width = image.width;
    for (std::size_t i = 0; i < trunk.convolutions.size(); i += 4) {
      const std::int64_t* c = &trunk.convolutions[i];
      if (c[0] < 1 || c[1] < 1 || c[2] < 1)
        bad("expected convolutions of positive channels, kernel and stride");
      if (std::min(height, width) + 2 * c[3] < c[1])
        bad("expected an image that a convolution's kernel fits in");
      height = (height + 2 * c[3] - c[1]) / c[2] + 1;
      width = (width + 2 * c[3] - c[1]) / c[2] + 1;
    }
  }
  for (const std::vector<double>* bound : {&action.low, &action.high})
    if (!bound->empty() && static_cast<std::int64_t>(bound->size()) != action.size)
      bad("expected as many bounds as the actions have dimensions");
  if (trunk_named(trunk.name, "policy.trunk").has_memory && trunk.hidden.empty())
    bad("expected the size of the recurrent trunk as the last of trunk.hidden");
  if (const HeadRow& row = head_named(head.name(), "policy.head"); !row.acts_on(action.kind)) {
    std::string kinds;
    for (ActionKind kind : row.spaces)
      kinds += (kinds.empty() ? "" : " or ") + std::string(name_of(kind));
    fail(ErrorKind::bad_input, "policy: head '%s': expected %s actions, found %s ones", row.name,
         kinds.c_str(), name_of(action.kind));
  }
}

std::map<std::string, std::string> PolicyDescription::fields() const {
  PolicyDescription copy = resolved();
  const auto texts = fields_of(copy).texts();
  return {texts.begin(), texts.end()};
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
  for (const char* needed : {"observation.shape", "action.kind", "action.size"})
    if (fields.count(needed) == 0)
      fail(ErrorKind::bad_input, "%s: expected a field %s, found none", where.c_str(), needed);
  PolicyDescription result;
  // The spaces say which head is the default, the names of trunk and head which fields there are.
  const auto assign = [&](auto chosen) {
    const OptionList list = fields_of(result);
    for (const auto& [name, text] : fields) {
      if (!chosen(name)) continue;
      const Option* option = list.find(name);
      if (option == nullptr)
        fail(ErrorKind::bad_input, "%s: found a field '%s' that no such policy has", where.c_str(),
             files::shown(name).c_str());
      option->set(text, where);
      if (option->then) option->then();
    }
  };
  const auto of_spaces = [](const std::string& name) {
    return name.starts_with("observation.") || name.starts_with("action.");
  };
  const auto is_name = [](const std::string& name) { return name == "head" || name == "trunk"; };
  assign(of_spaces);
  result = result.resolved();
  assign(is_name);
  assign([&](const std::string& name) { return !of_spaces(name) && !is_name(name); });
  result.check();
  return result;
}

std::unique_ptr<ActionHead> make_head(Parameters& parameters, const std::string& name,
                                      const PolicyDescription& description, std::int64_t inputs) {
  const HeadSite site = {.parameters = parameters,
                         .name = name,
                         .inputs = inputs,
                         .action = description.action,
                         .initialization = description.initialization,
                         .last_scale = description.last_scale};
  return description.head.row().make(site, description.head.options());
}

}  // namespace understudy
