#include "autograd/options/options.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/device/error.h"

namespace understudy {
namespace {

enum class Color : std::int8_t { red, green = 4 };
constexpr OptionChoice colors[] = {choice(Color::red, "red"), choice(Color::green, "green"),
                                   choice(Color::green, "verdant")};

struct Inner {
  double rate = 0.1;
  int count = 3;
  std::uint64_t seed = 0;
  friend bool operator==(const Inner&, const Inner&) = default;
};
void list_options(OptionList& list, Inner& o) {
  list.fields(o, option("rate", o.rate, "how fast", {.above = 0, .most = 1, .unit = "1/s"}),
              option("", o.count, "how many", {.least = 1}), seed(o.seed));
}

struct Outer {
  bool open = false;
  Color color = Color::red;
  std::string word = "a";
  std::int64_t size = 10, part = 5;
  std::vector<std::int64_t> hidden = {100, 100};
  std::vector<double> gain = {};
  Inner inner = {}, other = {};
  const char* teacher = nullptr;
  friend bool operator==(const Outer&, const Outer&) = default;
};
void list_options(OptionList& list, Outer& o) {
  list.fields(o, option("open", o.open, "whether"), option("color", o.color, colors, "which"),
              option("word", o.word, "what"), option("size", o.size, "how large", {.least = 1}),
              option("part", o.part, "how much of size", {.least = 1}),
              option("hidden", o.hidden, "widths", {.least = 1}), option("gain", o.gain, "factors"),
              group("inner", o.inner), group("other", o.other),
              fixed("teacher", o.teacher, "comes from --teacher"));
  list.require([&o] {
    if (o.size % o.part != 0) fail(ErrorKind::bad_input, "part: expected a divisor of size");
  });
  list.when_set("color", [&o] { o.hidden = {7}; });
  if (o.color == Color::red) list.leave_out("gain");
}

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}
std::string assigned(const std::string& name, const std::string& text) {
  Outer outer;
  return error_of([&] { assign_options(outer, {{name, text, "--set"}}); });
}

TEST(OptionsTest, MembersAreCountedWhenCompiling) {
  struct None {};
  struct Nested {
    Inner inner;
    std::vector<std::string> words;
    std::function<void()> act;
    int* pointer;
  };
  static_assert(field_count<None> == 0);
  static_assert(field_count<Inner> == 3);
  static_assert(field_count<Outer> == 10);
  static_assert(field_count<Nested> == 4);
}

TEST(OptionsTest, NamesOfGroupsStandBeforeTheirFields) {
  Outer outer;
  std::vector<std::string> names;
  for (const auto& [name, text] : OptionList(outer).texts()) names.push_back(name + "=" + text);
  EXPECT_EQ(names, (std::vector<std::string>{"open=false", "color=red", "word=a", "size=10",
                                             "part=5", "hidden=100,100", "inner.rate=0.1",
                                             "inner=3", "other.rate=0.1", "other=3"}));
}

TEST(OptionsTest, EveryKindIsReadAndShownAgainWithTheSameBits) {
  Outer outer;
  const std::vector<OptionAssignment> given = {
      {"open", "true", "f"},       {"color", "green", "f"},
      {"word", "b, c=d", "f"},     {"size", "9007199254740993", "f"},
      {"part", "1", "f"},          {"hidden", "", "f"},
      {"gain", "0.1,-3e-7", "f"},  {"inner.rate", "0.30000000000000004", "f"},
      {"inner", "1000000000", "f"}};
  assign_options(outer, given);
  EXPECT_EQ(outer.size, 9007199254740993);
  EXPECT_EQ(outer.inner.rate, 0.1 + 0.2);
  EXPECT_EQ(outer.gain, (std::vector<double>{0.1, -3e-7}));
  Outer again;
  std::vector<OptionAssignment> shown;
  for (const auto& [name, text] : OptionList(outer).texts()) shown.push_back({name, text, "g"});
  assign_options(again, shown);
  EXPECT_EQ(again, outer);
}

TEST(OptionsTest, WhatIsNoSuchValueIsNamedWithWhatWasExpectedAndWhereItCameFrom) {
  EXPECT_EQ(assigned("inner.rate", "0"),
            "--set: inner.rate: expected a number above 0 and at most 1, found '0'");
  EXPECT_EQ(assigned("inner.rate", "nan"),
            "--set: inner.rate: expected a number above 0 and at most 1, found 'nan'");
  EXPECT_EQ(assigned("inner", "0"),
            "--set: inner: expected a whole number of 1 or more, found '0'");
  EXPECT_EQ(assigned("inner", "1.5"),
            "--set: inner: expected a whole number of 1 or more, found '1.5'");
  EXPECT_EQ(assigned("inner", "3000000000"),
            "--set: inner: expected at most 10^9, found 3000000000");
  EXPECT_EQ(assigned("open", "yes"), "--set: open: expected true or false, found 'yes'");
  EXPECT_EQ(assigned("color", "blue"), "--set: color: expected red or green, found 'blue'");
  EXPECT_EQ(assigned("hidden", "8,0"),
            "--set: hidden: expected whole numbers of 1 or more, with commas between them, found "
            "'8,0'");
  EXPECT_EQ(assigned("hidden", "8,"), assigned("hidden", "8,").substr(0, 200));
  EXPECT_NE(assigned("hidden", "8,"), "no error");
}

TEST(OptionsTest, AnUnknownNameGetsTheNearestOne) {
  EXPECT_EQ(assigned("hiden", "8"), "--set: no setting 'hiden'; the nearest is 'hidden'");
  EXPECT_EQ(assigned("rate", "1"), "--set: no setting 'rate'; the nearest is 'inner.rate'");
  EXPECT_EQ(assigned("seed", "1").substr(0, 24), "--set: no setting 'seed'");
  EXPECT_EQ(assigned("teacher", "x").substr(0, 27), "--set: no setting 'teacher'");
  EXPECT_EQ(name_distance("gae_lambda", "gae_lamdba"), 1);
  EXPECT_EQ(name_distance("kitten", "sitting"), 3);
  EXPECT_EQ(name_distance("", "abc"), 3);
  EXPECT_EQ(name_distance("lambda", "gae_lambda"), 1);
  EXPECT_GT(name_distance("ambda", "entropy"), 5);
}

TEST(OptionsTest, ConsequencesComeFirstWhateverTheOrderOfAssignments) {
  Outer outer;
  assign_options(outer, {{"hidden", "9", "f"}, {"gain", "2", "f"}, {"color", "verdant", "f"}});
  EXPECT_EQ(outer.color, Color::green);
  EXPECT_EQ(outer.hidden, std::vector<std::int64_t>{9});
  EXPECT_EQ(outer.gain, std::vector<double>{2});
  Outer chosen;
  assign_options(chosen, {{"color", "green", "f"}});
  EXPECT_EQ(chosen.hidden, std::vector<std::int64_t>{7});
  EXPECT_EQ(assigned("gain", "2"), "--set: no setting 'gain'; the nearest is 'open'");
}

TEST(OptionsTest, TheLaterOfTwoAssignmentsCounts) {
  Outer outer;
  assign_options(outer, {{"size", "none", "file"}, {"size", "20", "--set"}});
  EXPECT_EQ(outer.size, 20);
}

TEST(OptionsTest, RangesAndWhatHoldsBetweenFieldsAreChecked) {
  EXPECT_EQ(error_of([] { check_options(Outer{}); }), "no error");
  EXPECT_EQ(error_of([] { check_options(Outer{.part = 3}); }), "part: expected a divisor of size");
  EXPECT_EQ(error_of([] { check_options(Outer{.inner = {.rate = 2}}); }),
            "inner.rate: expected a number above 0 and at most 1, found 2");
  EXPECT_EQ(error_of([] { check_options(Outer{.color = static_cast<Color>(2)}); }),
            "color: expected red or green, found ?");
}

TEST(OptionsTest, EverySeedIsSet) {
  Outer outer;
  OptionList(outer).seed(~std::uint64_t{0});
  EXPECT_EQ(outer.inner.seed, ~std::uint64_t{0});
  EXPECT_EQ(outer.other.seed, ~std::uint64_t{0});
}

TEST(OptionsTest, DifferencesHaveBothValues) {
  const auto found =
      differences({{"a", "1"}, {"b", "2"}, {"c", "3"}}, {{"a", "1"}, {"b", "4"}, {"d", ""}});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].name + found[0].before + found[0].now, "b24");
  EXPECT_EQ(found[1].name + found[1].before + found[1].now, "d");
  EXPECT_EQ(found[2].name + found[2].before + found[2].now, "c3");
}

TEST(OptionsTest, RangesAreShortInTables) {
  Outer outer;
  const OptionList list(outer);
  EXPECT_EQ(list.find("inner.rate")->range(), "> 0, <= 1");
  EXPECT_EQ(list.find("inner")->range(), ">= 1");
  EXPECT_EQ(list.find("color")->range(), "red, green");
  EXPECT_EQ(list.find("open")->range(), "true, false");
  EXPECT_EQ(list.find("hidden")->range(), "a list, each >= 1");
  EXPECT_EQ(list.find("word")->range(), "");
}

}  // namespace
}  // namespace understudy
