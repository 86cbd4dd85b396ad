#include "algorithms/data/demonstrations.h"

#include <cmath>
#include <limits>

#include "algorithms/data/demonstration_files.h"
#include "algorithms/data/images.h"
#include "algorithms/data/sampling.h"
#include "algorithms/data/transitions.h"
#include "autograd/files/npz.h"
#include "tests/algorithms/example_episodes.h"
#include "tests/files/files_test.h"

namespace understudy {
namespace {

using namespace files;
using files::Array;  // and not a store's
using files::Shape;

class DemonstrationsTest : public FilesTest {};

Demonstrations from_csv(std::string_view text) {
  return demonstrations_from(Csv::parse(std::string(text), "d.csv"));
}

TEST_F(DemonstrationsTest, WhatIsSavedIsLoaded) {
  for (const char* file : {"d.npz", "d.csv"}) {
    for (Demonstrations made :
         {three_episodes(), continuous(three_episodes()), without_last(three_episodes()),
          without_last(continuous(three_episodes()))}) {
      save_demonstrations(path(file), made);
      EXPECT_TRUE(same_data(load_demonstrations(path(file)), made)) << file;
      made.rewards.clear();
      save_demonstrations(path(file), made);
      EXPECT_TRUE(same_data(load_demonstrations(path(file)), made)) << file;
    }
  }
  Demonstrations tabular = three_episodes();
  tabular.observations = {{}, true, {}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
  tabular.goals = {7, 8, 9};
  save_demonstrations(path("d.npz"), tabular);
  EXPECT_TRUE(same_data(load_demonstrations(path("d.npz")), tabular));
  EXPECT_ERROR(save_demonstrations(path("d.txt"), tabular), "ends with .npz or .csv");
  EXPECT_ERROR(load_demonstrations(path("d.txt")),
               "expected demonstrations in a .npz, .csv or .arrow file, or in a folder");
}

TEST_F(DemonstrationsTest, ImitationReadsOurs) {
  save_demonstrations(path("ours.npz"), three_episodes());
  RUN_ORACLE("demonstration_files.py", "read " + path("ours.npz"));
}

// It loads ours, and what it saves, folders of Arrow's tables, has every number that went in, which
// an .npz keeps.
TEST_F(DemonstrationsTest, ImitationAndWeReadEachOther) {
  save_demonstrations(path("ours.npz"), three_episodes());
  RUN_ORACLE("demonstration_files.py", "exchange " + folder_.string());
  int folders = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (!entry.is_directory()) continue;
    const std::string name = entry.path().string();
    EXPECT_TRUE(same_data(load_demonstrations(name), load_demonstrations(name + ".npz"))) << name;
    ++folders;
  }
  EXPECT_EQ(folders, 10);
  EXPECT_TRUE(same_data(load_demonstrations(path("three")), three_episodes()));
}

// Two files, of which tests/oracles/demonstration_files.py says how they were made.
TEST_F(DemonstrationsTest, AFolderThatImitationSavedIsRead) {
  const std::string golden = "tests/golden/imitation";
  EXPECT_TRUE(same_data(load_demonstrations(golden), three_episodes()));
  const std::string one = golden + "/data-00000-of-00002.arrow";
  EXPECT_TRUE(same_data(load_demonstrations(one),
                        select(three_episodes(), std::vector<std::int64_t>{0, 1})));
}

TEST_F(DemonstrationsTest, ImitationsAreRead) {
  if (!npz_can_deflate()) GTEST_SKIP() << "built without zlib";
  RUN_ORACLE("demonstration_files.py", "write " + path("theirs.npz"));
  EXPECT_TRUE(same_data(load_demonstrations(path("theirs.npz")), three_episodes()));
}

TEST_F(DemonstrationsTest, EpisodeEndsAreReadInPlaceOfIndices) {
  NamedArrays arrays = to_arrays(three_episodes());
  arrays.erase("indices");
  arrays.emplace("episode_ends", Array::from(std::vector<std::int64_t>{3, 4, 8}));
  EXPECT_TRUE(same_data(demonstrations_from(arrays, "d.npz"), three_episodes()));
  arrays.emplace("indices", Array::from(std::vector<std::int64_t>{3, 4}));
  EXPECT_TRUE(same_data(demonstrations_from(arrays, "d.npz"), three_episodes()));
  arrays["indices"] = Array::from(std::vector<std::int64_t>{3, 5});
  EXPECT_ERROR(demonstrations_from(arrays, "d.npz"), "other episodes than in `indices`");
}

// ---- pictures ----

NamedArrays with_pictures(std::int64_t side) {
  NamedArrays arrays = to_arrays(three_episodes());
  Array pictures(ElementType::u8, {11, side, side, 3});
  for (std::size_t i = 0; i < pictures.bytes().size(); ++i) {
    pictures.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 7 % 251);
  }
  arrays["obs"] = std::move(pictures);
  return arrays;
}

TEST_F(DemonstrationsTest, PicturesStayBytesWhereTheyLieInTheFile) {
  // past the size from which a file is mapped
  const NamedArrays arrays = with_pictures(200);
  write_npz(path("d.npz"), arrays);
  const Demonstrations made = load_demonstrations(path("d.npz"));
  ASSERT_TRUE(made.observations.in_bytes());
  EXPECT_TRUE(made.observations.numbers.empty());
  EXPECT_EQ(made.observations.shape, (Shape{200, 200, 3}));
  EXPECT_EQ(made.observations.rows(), 11);
  EXPECT_EQ(made.observations.bytes.row(3)[5], arrays.at("obs").as<std::uint8_t>()[360005]);
  EXPECT_TRUE(same_data(demonstrations_from(to_arrays(made), "again"), made));

  // who selects, splits and goes through transitions copies no byte
  const std::int64_t chosen[] = {2, 0};
  const Demonstrations part = select(made, chosen);
  EXPECT_EQ(part.observations.bytes.base(), made.observations.bytes.base());
  EXPECT_EQ(part.observations.bytes.row(5), made.observations.bytes.row(0));
  const Transitions kept = transitions(part, Bytes::keep);
  EXPECT_EQ(kept.observations.bytes.base(), made.observations.bytes.base());
  EXPECT_EQ(kept.observations.bytes.row(4), made.observations.bytes.row(0));
  EXPECT_EQ(kept.next_observations.bytes.row(0), made.observations.bytes.row(7));
  EXPECT_EQ(transitions(part).observations.numbers[5], float(made.observations.bytes.row(6)[5]));

  write_npz(path("c.npz"), arrays, {.compress = npz_can_deflate()});
  const Demonstrations inflated = load_demonstrations(path("c.npz"));
  EXPECT_TRUE(same_data(inflated, made));
  const auto compressed = [](const std::string& remark) {
    return remark.starts_with("obs is compressed, and so in memory whole");
  };
  EXPECT_EQ(std::count_if(inflated.remarks.begin(), inflated.remarks.end(), compressed),
            npz_can_deflate() ? 1 : 0);
}

TEST_F(DemonstrationsTest, PicturesOfSeveralFilesAndWithFloatsAreOneSet) {
  const Demonstrations first = demonstrations_from(with_pictures(2), "a"),
                       second = demonstrations_from(with_pictures(2), "b");
  Demonstrations both = first;
  append(both, second, "b");
  append(both, first, "a");
  ASSERT_TRUE(both.observations.in_bytes());
  EXPECT_EQ(both.observations.rows(), 33);
  const std::int64_t again[] = {3, 4, 5};
  EXPECT_TRUE(same_data(select(both, again), second));
  EXPECT_TRUE(same_data(first, demonstrations_from(with_pictures(2), "a"))) << "stays as it was";

  Demonstrations floats = first;
  floats.observations.expand();
  EXPECT_TRUE(same_data(floats, first)) << "the same numbers";
  append(floats, second, "b");
  EXPECT_FALSE(floats.observations.in_bytes());
  both = first;
  append(both, floats, "f");
  EXPECT_EQ(both.observations.rows(), 33);
  EXPECT_TRUE(same_data(select(both, again), first));
}

TEST_F(DemonstrationsTest, WhatImagesAreTakenForIsSaid) {
  const std::pair<Shape, const char*> cases[] = {
      {{16, 16, 1}, "1 channel last, 16 high, 16 wide"},
      {{3, 84, 96}, "3 channels first, 84 high, 96 wide"},
      {{84, 96, 4}, "4 channels last, 84 high, 96 wide"},
      {{16, 16, 16}, "convolutions need image_layout"},
      {{3, 16, 3}, "convolutions need image_layout"}};
  for (const auto& [shape, sentence] : cases) {
    EXPECT_NE(image_sentence(shape).find(sentence), std::string::npos) << image_sentence(shape);
  }
  EXPECT_EQ(image_shape({16, 16, 1}, ImageLayout::automatic, "p").channels, 1);
  EXPECT_EQ(image_shape({16, 16, 1}, ImageLayout::channels_first, "p").channels, 16);
  EXPECT_EQ(image_shape({5, 8, 7}, ImageLayout::channels_last, "p").channels, 7);
  EXPECT_EQ(image_shape({5, 8}, ImageLayout::automatic, "p").channels, 1);
  EXPECT_ERROR(image_shape({16, 16, 16}, ImageLayout::automatic, "p"),
               "p: images of shape [16, 16, 16] may have their channels first or last: set "
               "image_layout");
  EXPECT_ERROR(image_shape({16}, ImageLayout::automatic, "p"), "found observations of shape [16]");
}

// One that ended for good, one out of time and one of which nothing is known.
Demonstrations three_ends() {
  Demonstrations made = three_episodes();
  made.terminal = {0, 1, 0};
  made.end_unknown = {0, 0, 1};
  return made;
}

TEST_F(DemonstrationsTest, FlagsThatAreMissingAreToldFromFlagsThatAreUnset) {
  NamedArrays arrays = to_arrays(three_episodes());
  arrays["terminal"] = Array(ElementType::boolean, {3});
  EXPECT_EQ(demonstrations_from(arrays, "d.npz").known_ends(), 3) << "unset: all out of time";
  EXPECT_EQ(demonstrations_from(arrays, "d.npz").end(1), EpisodeEnd::truncated);
  arrays.erase("terminal");
  EXPECT_EQ(demonstrations_from(arrays, "d.npz").known_ends(), 0);
  EXPECT_EQ(demonstrations_from(arrays, "d.npz").end(1), EpisodeEnd::unknown);
  put_file(path("unset.csv"), "obs_0,act_0,terminal\n0,1,0\n1,,\n");
  EXPECT_EQ(load_demonstrations(path("unset.csv")).known_ends(), 1);
  put_file(path("missing.csv"), "obs_0,act_0\n0,1\n1,\n");
  EXPECT_EQ(load_demonstrations(path("missing.csv")).known_ends(), 0);
}

TEST_F(DemonstrationsTest, HowAnEpisodeEndedOutlivesFilesAndSelections) {
  const Demonstrations made = three_ends();
  EXPECT_TRUE(same_data(demonstrations_from(to_arrays(made), "d.npz"), made));
  save_demonstrations(path("d.csv"), continuous(made));
  EXPECT_TRUE(same_data(load_demonstrations(path("d.csv")), continuous(made)));
  const std::int64_t last[] = {2, 0};
  EXPECT_EQ(select(made, last).end(0), EpisodeEnd::unknown);
  EXPECT_EQ(select(made, last).end(1), EpisodeEnd::truncated);
  EXPECT_FALSE(same_data(made, three_episodes()));

  Demonstrations joined = three_episodes();
  append(joined, made, "d.npz");
  EXPECT_EQ(joined.known_ends(), 5);
  EXPECT_EQ(joined.end(2), EpisodeEnd::truncated);
  EXPECT_EQ(joined.end(5), EpisodeEnd::unknown);
  append(joined, three_episodes(), "d.npz");
  EXPECT_EQ(joined.known_ends(), 8);
}

// Every other step of episodes of 3, 1 and 4: how long they were outlives files and selections.
TEST_F(DemonstrationsTest, HowLongEpisodesWereOutlivesStepsLeftOut) {
  const Demonstrations whole = three_episodes(), thin = subsample(whole, 2, 1, "d.npz");
  EXPECT_EQ(thin.durations, (std::vector<std::int64_t>{3, 1, 4}));
  for (const char* file : {"d.npz", "d.csv"}) {
    save_demonstrations(path(file), thin);
    EXPECT_TRUE(same_data(load_demonstrations(path(file)), thin)) << file;
  }
  const std::int64_t last[] = {2};
  EXPECT_EQ(select(thin, last).duration(0), 4);
  Demonstrations joined = without_last(whole);
  append(joined, thin, "thin.npz");
  EXPECT_EQ(joined.durations, (std::vector<std::int64_t>{3, 1, 4, 3, 1, 4}));
  NamedArrays arrays = to_arrays(thin);
  arrays.insert_or_assign("duration", Array::from(std::vector<std::int64_t>{3, 1, 0}));
  EXPECT_ERROR(demonstrations_from(arrays, "d.npz"),
               "d.npz: duration: episode 2: expected at least its 2 steps, found 0");
  EXPECT_ERROR(from_csv("episode,t,obs_0,act_0,duration\n0,0,1.5,0,9\n0,1,1.5,0,8\n"),
               "expected 9 as in the row before in episode 0, row 1");
}

TEST_F(DemonstrationsTest, OneEpisodeNeedsNoIndicesAndNumPysEmptyOnesAreOfFloats) {
  NamedArrays arrays;
  arrays.emplace("obs", Array(ElementType::f64, {4, 2}));
  arrays.emplace("acts", Array(ElementType::f32, {3, 1}));
  arrays.emplace("indices", Array(ElementType::f64, {0}));
  EXPECT_EQ(demonstrations_from(arrays, "d.npz").episodes(), 1);
  arrays.erase("indices");
  const Demonstrations made = demonstrations_from(arrays, "d.npz");
  EXPECT_EQ(made.length(0), 3);
  EXPECT_EQ(made.remarks.size(), 2u) << "neither boundaries nor `terminal`: both are said";
  arrays["indices"] = Array(ElementType::f64, {1});
  EXPECT_ERROR(demonstrations_from(arrays, "d.npz"), "indices: expected a vector of whole numbers");
}

TEST_F(DemonstrationsTest, WrongArraysSayWhichAndWhere) {
  const auto with = [](const char* name, Array array) {
    NamedArrays arrays = to_arrays(continuous(three_episodes()));
    arrays[name] = std::move(array);
    return arrays;
  };
  const auto without = [](const char* name) {
    NamedArrays arrays = to_arrays(three_episodes());
    arrays.erase(name);
    return arrays;
  };
  const auto changed = [](const char* name, std::size_t at, auto value) {
    NamedArrays arrays = to_arrays(continuous(three_episodes()));
    arrays[name].as<decltype(value)>()[at] = value;
    return arrays;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Array wide(ElementType::f64, {11, 2});
  wide.as<double>()[21] = 1e39;
  const struct {
    NamedArrays arrays;
    std::string message;
  } cases[] = {
      {without("obs"), "d.npz: obs: missing"},
      {without("acts"), "d.npz: acts: missing"},
      {with("obs", Array(ElementType::f32, {10, 2})),
       "obs: expected 11 rows (8 actions and a last observation for each of 3 episodes) or 8, "
       "found 10: episode 2 has no row 4"},
      {with("obs", Array(ElementType::f32, {12, 2})),
       "or 8, found 12: episode 2 ends before row 5"},
      {with("obs", Array(ElementType::f32, {5, 2})), "or 8, found 5: episode 1 has no row 1"},
      {with("obs", Array::scalar(1.0f)), "obs: expected rows, found one number"},
      {with("obs", Array(ElementType::f32, {11, 0})), "rows without numbers: shape [11, 0]"},
      {with("acts", Array(ElementType::f32, {0})), "acts: no steps"},
      {with("rews", Array(ElementType::f32, {7})),
       "rews: expected one for each of 8 actions, found shape [7]: episode 2 has no row 3"},
      {without("indices"),
       "obs: expected 9 rows (8 actions and a last observation for each of 1 "
       "episodes) or 8, found 11: episode 0 ends before row 9 (one episode: "
       "there are neither `indices` nor `episode_ends`)"},
      {with("acts", Array::from(std::vector<std::uint64_t>{0, 1, 0, 1, 1ull << 63, 1, 0, 0})),
       "acts: episode 2, row 0: expected an index from 0 to 2147483646, found "
       "9223372036854775808"},
      {with("terminal", Array(ElementType::boolean, {2})),
       "terminal: expected a flag for each of 3 episodes or 8 actions, found shape [2] of bool"},
      {with("terminal", Array::from(std::vector<float>{0, 0.5f, 1})),
       "terminal: expected flags, 0 or 1 each, found shape [3] of f32"},
      {with("goal", Array(ElementType::i64, {2})), "goal: expected one for each of 3 episodes"},
      {changed("indices", 1, std::int64_t{3}),
       "indices: episode 1 would end before row 3 of acts: expected from 4 to 7"},
      {changed("indices", 1, std::int64_t{8}), "expected from 4 to 7"},
      {changed("indices", 0, std::int64_t{-1}), "episode 0 would end before row -1"},
      {changed("indices", 0, std::int64_t{0}), "episode 0 would end before row 0"},
      {changed("obs", 7, nan), "obs: episode 0, row 3: expected a finite number, found nan"},
      {changed("obs", 8, nan), "obs: episode 1, row 0: expected a finite number, found nan"},
      {changed("acts", 7, nan), "acts: episode 2, row 3: expected a finite number, found nan"},
      {changed("rews", 3, nan), "rews: episode 1, row 0: expected a finite number, found nan"},
      {with("obs", wide), "obs: episode 2, row 4: expected a finite number, found 1e+39"},
      {with("acts", Array::from(std::vector<std::int64_t>{0, 1, 0, 1, 0, 1, -1, 0})),
       "acts: episode 2, row 2: expected an index from 0 to 2147483646, found -1"},
      {with("episode_ends", Array::from(std::vector<std::int64_t>{3, 4, 7})),
       "episode_ends: other episodes than in `indices`"},
  };
  for (const auto& each : cases) {
    EXPECT_ERROR(demonstrations_from(each.arrays, "d.npz"), each.message);
  }
  NamedArrays ends = without("indices");
  ends.emplace("episode_ends", Array::from(std::vector<std::int64_t>{3, 4, 7}));
  EXPECT_ERROR(demonstrations_from(ends, "d.npz"),
               "expected the last episode to end after the 8 rows of acts, found 7");
}

TEST_F(DemonstrationsTest, ATableByAPersonIsRead) {
  const Demonstrations made = from_csv(
      "episode,t,x,speed,action,reward\n7,0,0.5,1,1,-1\n7,1,0.25,2,0,-1\n9,0,-3,1e-3,1,2\n");
  EXPECT_EQ(made.episodes(), 2);
  EXPECT_FALSE(made.last_observation);
  EXPECT_EQ(made.observations.numbers, (std::vector<float>{0.5f, 1, 0.25f, 2, -3, 1e-3f}));
  EXPECT_EQ(made.observation_names, (std::vector<std::string>{"x", "speed"}));
  EXPECT_EQ(made.actions.indices, (std::vector<std::int64_t>{1, 0, 1}));
  EXPECT_EQ(made.returns(), (std::vector<double>{-2, 2}));
  EXPECT_EQ(made.remarks[0], "observations are the columns x, speed");
  // a point makes actions numbers; without `episode` there is one
  const Demonstrations numbers = from_csv("obs_0,act_0\n1.5,0.0\n2,1\n");
  EXPECT_EQ(numbers.actions.numbers, (std::vector<float>{0, 1}));
  EXPECT_EQ(numbers.episodes(), 1);
}

TEST_F(DemonstrationsTest, MinusOneInEveryLastRowIsNoAction) {
  const std::string first = "episode,t,x,action\n0,0,.5,2\n0,1,.25,0\n0,2,1,-1\n";
  const Demonstrations made = from_csv(first + "1,0,.5,1\n1,1,0.5,-1\n");
  EXPECT_TRUE(made.last_observation);
  EXPECT_EQ(made.actions.indices, (std::vector<std::int64_t>{2, 0, 1}));
  EXPECT_EQ(made.observations.rows(), 5);
  const char* index = "action: expected an index from 0 to 2147483646 in episode";
  EXPECT_ERROR(from_csv(first + "1,0,.5,1\n1,1,0.5,0\n"), index);
  EXPECT_ERROR(from_csv(first + "1,0,.5,-1\n1,1,0.5,-1\n"), index);
  EXPECT_ERROR(from_csv(first + "1,0,.5,-1\n"), index);
}

TEST_F(DemonstrationsTest, WrongTablesSayLineColumnEpisodeAndRow) {
  const std::string head = "episode,t,obs_0,act_0,rew,terminal\n";
  const struct {
    std::string text, message;
  } cases[] = {
      {head, "d.csv:1: expected a row a step, found no rows"},
      {"obs_0; x\n1;1\n", "d.csv:1: expected a column 'act_0', 'act' or 'action', found 'obs_0,x'"},
      {"act_0\n1\n", "d.csv:1: expected a column 'obs_0', found none"},
      {"obs_0,obs_2,act_0\n1,2,3\n", "d.csv:1: expected a column 'obs_1' before 'obs_2'"},
      {head + "0,0,nan,1,0,0\n",
       "d.csv:2:obs_0: expected a finite number in episode 0, row 0, found 'nan'"},
      {head + "0,0,1.5,1,0,0\n0,1,1e60,1,0,0\n", "expected a finite number in episode 0, row 1"},
      {head + "0,0,1.5,1,0,0\n0,1,x,1,0,0\n",
       "d.csv:3:obs_0: expected a number in episode 0, row 1, found 'x'"},
      {head + "0,0,1.5,1,,0\n",
       "d.csv:2:rew: expected a number in episode 0, row 0, found an empty"},
      {head + "0,0,1.5,-1,0,0\n",
       "d.csv:2:act_0: expected an index from 0 to 2147483646 in episode 0, row 0"},
      {head + "0,0,1.5,1,0,0\n0,1,1.5,,0,0\n0,2,1.5,1,0,0\n",
       "d.csv:3:act_0: expected a number in episode 0, row 1, found an empty cell"},
      {head + "0,0,1,1,0,0\n0,1,1,,,\n1,0,1,1,0,0\n",
       "d.csv:4:act_0: expected an empty cell, after the last action, as the first episode has"},
      {head + "0,0,1,1,0,0\n1,0,1,1,0,0\n1,1,1,,,\n", "d.csv:4:act_0: expected an action, as the"},
      {head + "0,0,1,,,\n",
       "d.csv:2:act_0: expected an action in episode 0, row 0, found an empty"},
      {head + "0,0,1,1,0,2\n", "d.csv:2:terminal: expected 0 or 1 in episode 0, row 0, found '2'"},
      {head + "0,0,1,1,0,1\n0,1,1,1,0,0\n",
       "d.csv:2:terminal: expected 0 before an episode's last step in episode 0, row 0"},
      {head + "0,0,1,1,0,0\n0,0,1,1,0,0\n",
       "d.csv:3:t: expected t = 1 in episode 0, row 1, found '0'"},
      {head + "0,0,1,1,0,0\n1,0,1,1,0,0\n1,2,1,1,0,0\n",
       "d.csv:4:t: expected t = 1 in episode 1, row 1, found '2'"},
      {head + "0,0,1,1,0,0\n7,1,1,1,0,0\n",
       "d.csv:3:t: expected t = 0 in episode 1, row 0, found '1'"},
      {head + "0,0,1,1,0,0\n0,1.5,1,1,0,0\n",
       "d.csv:3:t: expected a whole number in episode 0, row 1, found '1.5'"},
      {head + "0,0,1,1,0,0\n1,0,1,1,0,0\n0,1,1,1,0,0\n",
       "d.csv:4:episode: expected the rows of an episode together, found '0'"},
      {head + "0.5,0,1,1,0,0\n", "d.csv:2:episode: expected a whole number"},
  };
  for (const auto& each : cases) EXPECT_ERROR(from_csv(each.text), each.message);
}

TEST_F(DemonstrationsTest, SeveralFilesAreOneWhereTheyAgree) {
  save_demonstrations(path("a.npz"), three_episodes());
  save_demonstrations(path("b.csv"), three_episodes());
  const std::string both[] = {path("a.npz"), path("b.csv")};
  const Demonstrations made = load_demonstrations(both);
  EXPECT_EQ(made.episodes(), 6);
  EXPECT_TRUE(same_data(select(made, std::vector<std::int64_t>{3, 4, 5}), three_episodes()));
  save_demonstrations(path("c.npz"), continuous(three_episodes()));
  const std::string differ[] = {path("a.npz"), path("c.npz")};
  EXPECT_ERROR(load_demonstrations(differ),
               "c.npz: expected actions of shape [] (discrete) as in the files before, found [1]");
  save_demonstrations(path("d.npz"), without_last(three_episodes()));
  const std::string shorter[] = {path("a.npz"), path("d.npz")};
  EXPECT_ERROR(load_demonstrations(shorter), "d.npz: expected episodes with the observation after");
  EXPECT_ERROR(load_demonstrations(std::span<const std::string>()), "found none");
}

TEST_F(DemonstrationsTest, WhatDoesNotFitTheEnvironmentSaysWhichEpisodeAndRow) {
  const DemonstrationSpaces discrete{.observation_shape = {2}, .action_count = 2};
  Demonstrations made = three_episodes();
  conform(made, discrete, "d.npz");
  EXPECT_TRUE(same_data(made, three_episodes()));
  made = continuous(three_episodes());
  made.actions.shape = {};
  conform(made, discrete, "d.npz");
  EXPECT_TRUE(same_data(made, three_episodes())) << "whole numbers are indices where requested";

  made.actions.indices[6] = 2;
  EXPECT_ERROR(conform(made, discrete, "d.npz"),
               "d.npz: episode 2, row 2: expected action 0 to 1, found 2");
  made = continuous(three_episodes());
  made.actions.shape = {};
  made.actions.numbers[3] = 0.5f;
  EXPECT_ERROR(conform(made, discrete, "d.npz"),
               "d.npz: episode 1, row 0: expected action 0 to 1, found 0.5");
  EXPECT_ERROR(
      conform(made, {.observation_shape = {3}, .action_count = 2}, "d.npz"),
      "d.npz: episode 0, row 0: expected observations of shape [3], as the environment has "
      "them, found [2]");

  const DemonstrationSpaces box{
      .observation_shape = {2}, .action_shape = {1}, .action_low = {0}, .action_high = {1}};
  made = three_episodes();
  conform(made, box, "d.npz");
  EXPECT_TRUE(same_data(made, continuous(three_episodes())))
      << "indices are numbers where requested";
  made.actions.numbers[2] = 1.000001f;
  EXPECT_EQ(error_of([&] { conform(made, box, "d.npz"); }), "") << "rounded past its bound";
  made.actions.numbers[2] = 1.01f;
  EXPECT_ERROR(conform(made, box, "d.npz"),
               "d.npz: episode 0, row 2: expected action[0] from 0 to 1, found 1.00999999");
}

TEST_F(DemonstrationsTest, WholeNumbersAreNumbersWhereTheEnvironmentTakesNumbers) {
  const DemonstrationSpaces box{
      .observation_shape = {1}, .action_shape = {1}, .action_low = {-2}, .action_high = {2}};
  Demonstrations expected;
  expected.observations = {{1}, false, {-3, 4, 5}, {}};
  expected.actions = {{1}, false, {1, -1}, {}};
  expected.terminal = {0}, expected.end_unknown = {1};
  expected.starts = {0, 2};
  put_file(path("d.csv"), "obs_0,act_0\n-3,1\n4,-1\n5,\n");
  EXPECT_TRUE(same_data(load_demonstrations(path("d.csv"), &box), expected));
  put_file(path("open.csv"), "obs_0,act_0\n-3,1\n4,-1\n");
  EXPECT_TRUE(same_data(load_demonstrations(path("open.csv"), &box), without_last(expected)));
  NamedArrays arrays;
  arrays.emplace("obs", Array::from(std::vector<std::int64_t>{-3, 4, 5}));
  arrays.emplace("acts", Array::from(std::vector<std::int64_t>{1, -1}));
  write_npz(path("d.npz"), arrays);
  EXPECT_TRUE(same_data(load_demonstrations(path("d.npz"), &box), expected));
  EXPECT_ERROR(load_demonstrations(path("d.npz")), "acts: episode 0, row 1: expected an index");

  // each file by its name, and its episodes from 0
  const std::string both[] = {path("d.csv"), path("high.csv")};
  put_file(both[1], "obs_0,act_0\n0,1\n4,3\n5,\n");
  EXPECT_ERROR(load_demonstrations(both, &box),
               "high.csv: episode 0, row 1: expected action[0] from -2 to 2, found 3");
}

// Other people's demonstrations: README of the data folder's gym_experts gives these figures.
TEST_F(DemonstrationsTest, PublishedExpertsHaveTheirPublishedReturns) {
  const char* data = std::getenv("UNDERSTUDY_DATA");
  if (data == nullptr) GTEST_SKIP() << "UNDERSTUDY_DATA names no folder of data";
  const struct {
    const char* file;
    std::int64_t episodes, width;
    double mean;
    bool discrete;
  } cases[] = {{"cartpole_expert.csv", 50, 4, 200.0, true},
               {"mountaincar_expert.csv", 50, 2, -99.9, true},
               {"acrobot_expert.csv", 50, 4, -81.3, true},
               {"cartpole_v1_ppo.csv", 57, 4, 473.1, true},
               {"pendulum_ppo.csv", 56, 3, -189.4, false},
               // a person's, without rewards
               {"mountaincar_human.csv", 15, 2, NAN, true}};
  for (const auto& expected : cases) {
    const Demonstrations made =
        load_demonstrations(std::string(data) + "/gym_experts/" + expected.file);
    EXPECT_EQ(made.episodes(), expected.episodes) << expected.file;
    EXPECT_EQ(made.observations.width(), expected.width) << expected.file;
    EXPECT_EQ(made.actions.discrete, expected.discrete) << expected.file;
    EXPECT_EQ(made.rewards.empty(), std::isnan(expected.mean)) << expected.file;
    if (made.rewards.empty()) continue;
    double sum = 0;
    for (const double value : made.returns()) sum += value;
    // the figures are rounded to one decimal
    EXPECT_NEAR(sum / static_cast<double>(made.episodes()), expected.mean, 0.051) << expected.file;
  }
}

}  // namespace
}  // namespace understudy
