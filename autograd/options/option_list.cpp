// Lists of options: making one, finding a name or the nearest, assignment and differences.

#include "autograd/options/options.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "autograd/options/excerpt.h"
#include "kernels/device/error.h"

namespace understudy {

std::string OptionList::full_name(const std::string& name) const {
  if (name.starts_with("/")) return name.substr(1);
  if (name.empty()) return prefix_;
  return prefix_.empty() ? name : prefix_ + "." + name;
}

void OptionList::add(Option one) {
  one.name = full_name(one.name);
  if (one.kind == OptionKind::group) {
    std::swap(prefix_, one.name);
    one.list_group(*this, one.value);
    std::swap(prefix_, one.name);
    return;
  }
  if (one.settable())
    UNDERSTUDY_CHECK(!one.name.empty() && find(one.name) == nullptr, "option %s is listed twice",
                     one.name.c_str());
  options_.push_back(std::move(one));
}

void OptionList::add(void* begin, std::size_t bytes, std::span<Option> rows) {
  const char* const first = static_cast<const char*>(begin);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const char* const at = static_cast<const char*>(rows[i].value);
    UNDERSTUDY_CHECK(at >= first && at < first + bytes, "option %s is no member of its struct",
                     rows[i].name.c_str());
    for (std::size_t j = 0; j < i; ++j)
      UNDERSTUDY_CHECK(rows[j].value != rows[i].value, "a member is listed twice: %s, %s",
                       rows[j].name.c_str(), rows[i].name.c_str());
  }
  for (Option& one : rows) add(std::move(one));
}

void OptionList::when_set(const std::string& name, std::function<void()> act) {
  const std::string whole = full_name(name);
  for (Option& one : options_)
    if (one.settable() && one.name == whole) {
      one.then = std::move(act);
      return;
    }
  UNDERSTUDY_CHECK(false, "when_set: no option %s", whole.c_str());
}

void OptionList::leave_out(const std::string& name) {
  const std::string whole = full_name(name);
  const std::size_t before = options_.size();
  std::erase_if(options_, [&](const Option& one) { return one.settable() && one.name == whole; });
  UNDERSTUDY_CHECK(options_.size() + 1 == before, "leave_out: no option %s", whole.c_str());
}

const Option* OptionList::find(const std::string& name) const {
  for (const Option& one : options_)
    if (one.settable() && one.name == name) return &one;
  return nullptr;
}

std::string OptionList::nearest(const std::string& name) const {
  const Option* best = nullptr;
  int least = std::numeric_limits<int>::max();
  for (const Option& one : options_) {
    if (!one.settable()) continue;
    const int distance = name_distance(name, one.name);
    if (distance >= least) continue;
    least = distance;
    best = &one;
  }
  return best == nullptr ? "" : best->name;
}

void OptionList::seed(std::uint64_t value) const {
  for (const Option& one : options_)
    if (one.kind == OptionKind::seed) *static_cast<std::uint64_t*>(one.value) = value;
}

void OptionList::check() const {
  for (const Option& one : options_) one.check();
  for (const std::function<void()>& holds : checks_) holds();
}

std::vector<std::pair<std::string, std::string>> OptionList::texts() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Option& one : options_)
    if (one.settable()) all.emplace_back(one.name, one.text());
  return all;
}

void assign_options(const std::function<OptionList()>& list,
                    const std::vector<OptionAssignment>& assignments) {
  // Of two of one name the later counts.
  std::vector<const OptionAssignment*> left;
  for (const OptionAssignment& one : assignments) {
    std::erase_if(left, [&](const OptionAssignment* other) { return other->name == one.name; });
    left.push_back(&one);
  }
  for (bool consequences = true;; consequences = true) {
    const OptionList known = list();
    const std::size_t before = left.size();
    const auto set = [&](const OptionAssignment* one) {
      const Option* option = known.find(one->name);
      if (option == nullptr || (consequences && !option->then)) return false;
      option->set(one->text, one->from);
      if (option->then) option->then();
      return true;
    };
    // One with consequences at a time: the next may be there, or mean something, because of it.
    const auto first = std::find_if(left.begin(), left.end(), set);
    if (first != left.end()) {
      left.erase(first);
      continue;
    }
    consequences = false;
    std::erase_if(left, set);
    if (left.empty()) return;
    if (left.size() < before) continue;
    fail(ErrorKind::bad_input, "%s: no setting '%s'; the nearest is '%s'", left[0]->from.c_str(),
         excerpt(left[0]->name).c_str(), known.nearest(left[0]->name).c_str());
  }
}

std::vector<OptionDifference> differences(
    const std::vector<std::pair<std::string, std::string>>& before,
    const std::vector<std::pair<std::string, std::string>>& now) {
  const auto value_in = [](const auto& all, const std::string& name) -> const std::string* {
    for (const auto& [key, value] : all)
      if (key == name) return &value;
    return nullptr;
  };
  std::vector<OptionDifference> found;
  for (const auto& [name, value] : now) {
    const std::string* was = value_in(before, name);
    if (was == nullptr || *was != value) found.push_back({name, was ? *was : "", value});
  }
  for (const auto& [name, value] : before)
    if (value_in(now, name) == nullptr) found.push_back({name, value, ""});
  return found;
}

int name_distance(std::string_view a, std::string_view b) {
  // A part of a name is what people remember: "lambda" of gae_lambda, "hidden" of baseline.hidden.
  const auto part = [](std::string_view whole, std::string_view piece) {
    const auto edge = [&](std::size_t at) {
      return at == 0 || at == whole.size() || whole[at] == '_' || whole[at] == '.' ||
             whole[at - 1] == '_' || whole[at - 1] == '.';
    };
    for (std::size_t at = whole.find(piece); !piece.empty() && at != whole.npos;
         at = whole.find(piece, at + 1))
      if (edge(at) && edge(at + piece.size())) return true;
    return false;
  };
  if (a != b && (part(a, b) || part(b, a))) return 1;
  // Optimal string alignment, by rows of the table of distances of beginnings.
  std::vector<int> before, last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = last;
    last.swap(now);
  }
  return last[b.size()];
}

}  // namespace understudy
