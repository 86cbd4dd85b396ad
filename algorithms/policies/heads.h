// Heads: each makes a distribution over actions from features, and is one row of a table.
//
//   for (const HeadRow& row : head_rows()) std::puts(row.name);
//   PolicyDescription policy = {.head = MixtureOptions{.components = 8}};   // or .head = "mixture"
//
// A head is a header and a source of its own, which has its distribution, its options and its row,
// and one line of the table in heads.cpp. A head of a program outside the library is a row that it
// registers (docs/extending.md). Policies, files, settings, the lists of the command, distillation
// and the export to C ask the row and know no head by name.

#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/policies/distribution.h"
#include "autograd/options/options.h"

namespace understudy {

class CWriter;

// A head's own options, whatever struct they are. A value: copies are apart.
class HeadOptions {
 public:
  HeadOptions() = default;  // of no struct
  template <class Struct>
  requires(!std::same_as<Struct, HeadOptions>) HeadOptions(Struct options)
      : held_(std::make_unique<Held<Struct>>(std::move(options))) {}
  HeadOptions(const HeadOptions& other) : held_(other.held_ ? other.held_->copy() : nullptr) {}
  HeadOptions(HeadOptions&&) = default;
  HeadOptions& operator=(HeadOptions other) {
    held_ = std::move(other.held_);
    return *this;
  }

  // The struct. REQUIRES: it is this one.
  template <class Struct>
  Struct& as() {
    UNDERSTUDY_CHECK(held_ != nullptr && held_->tag() == &tag<Struct>, "a head's other options");
    return static_cast<Held<Struct>&>(*held_).options;
  }
  template <class Struct>
  const Struct& as() const {
    return const_cast<HeadOptions*>(this)->as<Struct>();
  }
  // Its list, which reads and writes it.
  void list(OptionList& list) {
    if (held_) held_->list(list);
  }
  friend bool operator==(const HeadOptions& a, const HeadOptions& b);

 private:
  struct Holder {
    virtual ~Holder() = default;
    virtual std::unique_ptr<Holder> copy() const = 0;
    virtual void list(OptionList& list) = 0;
    virtual const void* tag() const = 0;
  };
  template <class Struct>
  static constexpr char tag = 0;  // its address tells structs apart
  template <class Struct>
  struct Held final : Holder {
    explicit Held(Struct given) : options(std::move(given)) {}
    std::unique_ptr<Holder> copy() const override { return std::make_unique<Held>(options); }
    void list(OptionList& list) override { list_options(list, options); }
    const void* tag() const override { return &HeadOptions::tag<Struct>; }
    Struct options;
  };

  std::unique_ptr<Holder> held_;
};

// What a head is made from: it declares its parameters as "<name>/...".
struct HeadSite {
  Parameters& parameters;
  std::string name;
  std::int64_t inputs = 0;  // features
  ActionSpace action = {};
  // How weights start, those of the last layer scaled so.
  InitializationKind initialization = InitializationKind::xavier_uniform;
  double last_scale = 0.1;

  Initialization last_weight() const { return {initialization, last_scale, 1}; }
};

// What a distribution knows of itself. tests/policies/heads_test.cpp holds every row to it.
struct HeadTraits {
  bool likelihood = false;  // log p(a | s) in closed form
  bool bound = false;       // a lower bound of it, from draws of a latent variable
  bool metric = false;      // entropy, KL divergence and Fisher metric: trust regions, distillation
  // mode() is the highest point of the density, or the likeliest action; of a squashed distribution
  // that of what is squashed.
  bool mode = false;
  bool latent = false;      // the loss draws latent variables: SequenceCloning trains it
  bool logits = false;      // the parameters are logits, which a temperature divides
  bool is_default = false;  // of its spaces
  // Its support is fitted to the actions as they are (edges of bins): it has no use for standard
  // units, and is never given any.
  bool own_units = false;
};

struct HeadRow {
  const char* name;
  std::vector<const char*> aliases = {};  // what others call it
  std::vector<ActionKind> spaces;         // the actions it is a distribution over
  HeadTraits traits = {};
  const char* summary;
  const char* source;  // paper and equation
  const char* header;
  HeadOptions options;  // the defaults
  std::unique_ptr<ActionHead> (*make)(const HeadSite& site, const HeadOptions& options);

  // ---- Null, or empty: nothing to do ----

  // Fits options to demonstrated actions [n, action.size], such as where bins lie.
  void (*prepare)(HeadOptions& options, const ActionSpace& action,
                  std::span<const float> actions) = nullptr;
  // Options that say what the parameters mean: student and teacher of a distillation must have the
  // same, and the same bounds of the actions.
  std::vector<const char*> support = {};
  // Writes the mode as C (export_c.h). Null: there is no such writer.
  void (*write_c)(CWriter& writer, const HeadOptions& options) = nullptr;
  // How many numbers the layer behind the trunk puts out, at least. A file with fewer weights than
  // that is refused before memory is asked for.
  double (*least_outputs)(const HeadOptions& options, const ActionSpace& action) = nullptr;

  bool acts_on(ActionKind kind) const;
  bool exports() const { return write_c != nullptr; }
};

// ---- For those who write rows ----

// HeadRow::make of a head that is constructed from (site, options), or from the site alone.
template <class Head, class Options = void>
std::unique_ptr<ActionHead> make_as(const HeadSite& site, const HeadOptions& options) {
  if constexpr (std::is_void_v<Options>)
    return std::make_unique<Head>(site);
  else
    return std::make_unique<Head>(site, options.as<Options>());
}
// HeadRow::least_outputs of action.size.
double one_an_action(const HeadOptions& options, const ActionSpace& action);
// The unit of a head's lengths: the action's, or, of a policy that normalizes its actions, theirs
// when normalized.
inline constexpr const char* action_unit = "of the (normalized) action";
// An option that is a bound of standard deviations.
Option std_bound(const char* name, double& value, const char* summary);
// What bounds of standard deviations must hold: 0 < min_std < max_std.
void require_std_bounds(OptionList& list, const double& min_std, const double& max_std);

// ---- The table ----

// Ours, then those that were registered.
std::span<const HeadRow* const> head_rows();
// By name or alias. An Error, which begins with `what`, lists the names.
const HeadRow& head_named(const std::string& name, const std::string& what = "head");
const HeadRow& default_head(ActionKind kind);
// Adds a row. Before the first policy is made, and from one thread: lookups take no lock. An Error
// where a name or alias is taken.
void register_head(HeadRow row);

// A struct of a head's options says which head: `static constexpr const char* head = "mixture"`.
template <class Struct>
concept NamesHead = requires {
  { Struct::head } -> std::convertible_to<const char*>;
};

// A head by name, with its options.
class HeadDescription {
 public:
  HeadDescription() = default;  // the default head of the action's space
  HeadDescription(const std::string& name);
  HeadDescription(const char* name) : HeadDescription(std::string(name)) {}
  template <NamesHead Struct>
  HeadDescription(Struct options) : name_(Struct::head), options_(std::move(options)) {}

  const std::string& name() const { return name_; }  // "" of the default
  const HeadRow& row() const { return head_named(name_); }
  HeadOptions& options() { return options_; }
  const HeadOptions& options() const { return options_; }
  // Sets the option of this name as a setting would; false where the head has none such.
  bool set(const std::string& option, const std::string& value);
  bool set(const std::string& option, bool value) { return set(option, value ? "true" : "false"); }
  bool set(const std::string& option, const char* value) { return set(option, std::string(value)); }
  bool set(const std::string& option, std::int64_t value) {
    return set(option, std::to_string(value));
  }
  bool set(const std::string& option, double value);
  bool set(const std::string& option, const std::vector<double>& values);
  std::string text(const std::string& option) const;  // "" where there is none
  friend bool operator==(const HeadDescription&, const HeadDescription&) = default;
  // "", the name; then its options. Another name brings that head's defaults.
  friend void list_options(OptionList& list, HeadDescription& head);

 private:
  std::string name_;
  HeadOptions options_;
};

}  // namespace understudy
