#include "algorithms/policies/heads.h"

#include <algorithm>
#include <charconv>
#include <deque>

#include "algorithms/policies/autoregressive.h"
#include "algorithms/policies/bernoulli.h"
#include "algorithms/policies/bins.h"
#include "algorithms/policies/categorical.h"
#include "algorithms/policies/dueling.h"
#include "algorithms/policies/full_covariance.h"
#include "algorithms/policies/gaussian.h"
#include "algorithms/policies/latent.h"
#include "algorithms/policies/mixture.h"
#include "algorithms/policies/squashed_gaussian.h"
#include "autograd/files/bytes.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Rows keep their addresses when others are added.
struct Table {
  std::deque<HeadRow> rows;
  std::vector<const HeadRow*> listed;

  void add(HeadRow row) {
    rows.push_back(std::move(row));
    listed.push_back(&rows.back());
  }
};

Table& table() {
  static Table made = [] {
    Table all;
    for (auto* row : {categorical_row, dueling_row, bernoulli_row, gaussian_row, regression_row,
                      squashed_gaussian_row, full_gaussian_row, mixture_row, full_mixture_row,
                      independent_bins_row, joint_bins_row, autoregressive_row, recurrent_bins_row,
                      best_of_row, variational_row, adversarial_row})
      all.add(row());
    return all;
  }();
  return made;
}

bool is_called(const HeadRow& row, const std::string& name) {
  return name == row.name ||
         std::find(row.aliases.begin(), row.aliases.end(), name) != row.aliases.end();
}

const HeadRow* find(const std::string& name) {
  for (const HeadRow* row : table().listed)
    if (is_called(*row, name)) return row;
  return nullptr;
}

}  // namespace

bool HeadRow::acts_on(ActionKind kind) const {
  return std::find(spaces.begin(), spaces.end(), kind) != spaces.end();
}

double one_an_action(const HeadOptions&, const ActionSpace& action) {
  return static_cast<double>(action.size);
}

Option std_bound(const char* name, double& value, const char* summary) {
  return option(name, value, summary,
                {.above = 0, .unit = action_unit, .source = "Bishop 2006, section 9.2.1"});
}

void require_std_bounds(OptionList& list, const double& min_std, const double& max_std) {
  list.require([&min_std, &max_std] {
    if (!(min_std < max_std))
      fail(ErrorKind::bad_input, "head: expected min_std below max_std, found %g and %g", min_std,
           max_std);
  });
}

std::span<const HeadRow* const> head_rows() { return table().listed; }

const HeadRow& head_named(const std::string& name, const std::string& what) {
  if (const HeadRow* row = find(name)) return *row;
  std::string names;
  for (const HeadRow* row : table().listed)
    names += (names.empty() ? "" : ", ") + std::string(row->name);
  fail(ErrorKind::bad_input, "%s: expected one of %s; found '%s'", what.c_str(), names.c_str(),
       files::shown(name).c_str());
}

const HeadRow& default_head(ActionKind kind) {
  for (const HeadRow* row : table().listed)
    if (row->traits.is_default && row->acts_on(kind)) return *row;
  fail(ErrorKind::not_available, "head: none is the default for %s actions", name_of(kind));
}

void register_head(HeadRow row) {
  std::vector<const char*> names = row.aliases;
  names.push_back(row.name);
  for (const char* name : names)
    if (*name == '\0' || find(name) != nullptr)
      fail(ErrorKind::bad_input, "register_head: expected a name that no head has, found '%s'",
           name);
  if (row.spaces.empty() || row.make == nullptr)
    fail(ErrorKind::bad_input, "register_head: %s: expected spaces and a maker", row.name);
  table().add(std::move(row));
}

bool operator==(const HeadOptions& a, const HeadOptions& b) {
  const auto texts = [](const HeadOptions& of) {
    HeadOptions copy = of;  // a list may write
    OptionList list;
    copy.list(list);
    return list.texts();
  };
  return texts(a) == texts(b);
}

HeadDescription::HeadDescription(const std::string& name) {
  const HeadRow& row = head_named(name);
  name_ = row.name;
  options_ = row.options;
}

namespace {

// The shortest text that brings back the same number.
std::string text_of(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

}  // namespace

bool HeadDescription::set(const std::string& option, double value) {
  return set(option, text_of(value));
}

bool HeadDescription::set(const std::string& option, const std::vector<double>& values) {
  std::string text;
  for (double value : values) text += (text.empty() ? "" : ",") + text_of(value);
  return set(option, text);
}

bool HeadDescription::set(const std::string& option, const std::string& value) {
  OptionList list;
  options_.list(list);
  const Option* found = list.find(option);
  if (found == nullptr) return false;
  found->set(value, name_);
  return true;
}

std::string HeadDescription::text(const std::string& option) const {
  HeadOptions copy = options_;
  OptionList list;
  copy.list(list);
  const Option* found = list.find(option);
  return found == nullptr ? "" : found->text();
}

void list_options(OptionList& list, HeadDescription& head) {
  Option name = option("", head.name_, "the distribution over actions (`understudy policies`)");
  name.then = [&head, was = head.name_] {
    HeadDescription named(head.name_);
    if (named.name_ == was)
      head.name_ = was;  // by an alias, or again: its options stay
    else
      head = std::move(named);
  };
  list.add(std::move(name));
  head.options_.list(list);
}

}  // namespace understudy
