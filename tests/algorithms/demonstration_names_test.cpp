// What others call the fields of demonstrations, and how they lay them out.

#include <cmath>
#include <fstream>
#include <sstream>

#include "algorithms/data/demonstration_fields.h"
#include "algorithms/data/demonstration_files.h"
#include "algorithms/data/flat_transitions.h"
#include "algorithms/data/transitions.h"
#include "autograd/files/npy.h"
#include "autograd/files/npz.h"
#include "tests/algorithms/example_episodes.h"
#include "tests/files/files_test.h"

namespace understudy {
namespace {

using namespace files;
using files::Array;  // and not a store's
using files::Shape;
using Field = DemonstrationField;

class DemonstrationNamesTest : public FilesTest {};

Demonstrations read(const NamedArrays& arrays) { return demonstrations_from(arrays, "d.npz"); }
Demonstrations from_csv(std::string_view text) {
  return demonstrations_from(Csv::parse(std::string(text), "d.csv"));
}

bool has_remark(const Demonstrations& made, std::string_view part) {
  return std::any_of(made.remarks.begin(), made.remarks.end(), [&](const std::string& remark) {
    return remark.find(part) != std::string::npos;
  });
}

void rename(NamedArrays& arrays, const char* from, const std::string& to) {
  auto node = arrays.extract(arrays.find(std::string_view(from)));
  node.key() = to;
  arrays.insert(std::move(node));
}

Array flags(const std::vector<std::int64_t>& set, std::int64_t count) {
  Array array(ElementType::boolean, {count});
  for (const std::int64_t at : set) array.as<bool>()[static_cast<std::size_t>(at)] = true;
  return array;
}

// D4RL's: transitions one after another, of episodes that end at steps 2, 3 and 7.
NamedArrays d4rl(const Demonstrations& made) {
  const Transitions all = transitions(made);
  NamedArrays arrays;
  arrays.emplace("observations", Array::from<float>({8, 2}, std::span(all.observations.numbers)));
  arrays.emplace("next_observations",
                 Array::from<float>({8, 2}, std::span(all.next_observations.numbers)));
  arrays.emplace("actions", Array::from(all.actions.indices));
  arrays.emplace("rewards", Array::from(all.rewards));
  arrays.emplace("terminals", flags({3}, 8));
  arrays.emplace("timeouts", flags({2, 7}, 8));
  return arrays;
}

TEST_F(DemonstrationNamesTest, EveryNameIsReadAndStandsOnThePage) {
  std::ifstream file("docs/data.md");
  std::stringstream page;
  page << file.rdbuf();
  for (const FieldNames& field : demonstration_fields()) {
    EXPECT_NE(page.str().find("`" + std::string(field.name) + "`"), std::string::npos)
        << field.name;
    for (const std::string other : field.others) {
      EXPECT_NE(page.str().find("`" + other + "`"), std::string::npos) << other;
      NamedArrays arrays = to_arrays(three_episodes());
      arrays.emplace("t", Array::from(std::vector<std::int64_t>{0, 1, 2, 0, 0, 1, 2, 3}));
      if (arrays.contains(field.name)) {
        rename(arrays, field.name, other);
        EXPECT_TRUE(same_data(read(arrays), three_episodes())) << other;
      }
    }
  }
}

TEST_F(DemonstrationNamesTest, TransitionsAsD4rlHasThemAreTheEpisodesThatTheyCameFrom) {
  const Demonstrations made = read(d4rl(three_episodes()));
  EXPECT_TRUE(same_data(made, three_episodes()));
  EXPECT_EQ(made.end(0), EpisodeEnd::truncated);
  EXPECT_EQ(made.end(1), EpisodeEnd::terminated);
  EXPECT_TRUE(made.last_observation) << "from next_observations";
  EXPECT_TRUE(made.remarks.empty());

  NamedArrays arrays = d4rl(three_episodes());
  write_npz(path("d.npz"), arrays);
  EXPECT_TRUE(same_data(load_demonstrations(path("d.npz")), three_episodes()));

  // the file ends within the last episode
  arrays["timeouts"] = flags({2}, 8);
  const Demonstrations open = read(arrays);
  EXPECT_EQ(open.episodes(), 3);
  EXPECT_EQ(open.end(2), EpisodeEnd::unknown);
  EXPECT_EQ(open.known_ends(), 2);
  EXPECT_TRUE(has_remark(open, "no flag ends the last episode"));

  // columns of one number are as good
  for (const char* name : {"rewards", "terminals", "timeouts"}) arrays[name].reshape({8, 1});
  EXPECT_TRUE(same_data(read(arrays), open));
  arrays.erase("next_observations");
  EXPECT_FALSE(read(arrays).last_observation);
}

TEST_F(DemonstrationNamesTest, ShuffledTransitionsAreNotGivenAnothersSuccessor) {
  NamedArrays arrays = d4rl(three_episodes());
  const std::span<float> numbers = arrays["observations"].as<float>();
  std::swap(numbers[0], numbers[4]);
  const Demonstrations made = read(arrays);
  EXPECT_FALSE(made.last_observation);
  EXPECT_TRUE(has_remark(made, "rows do not follow one another"));
}

TEST_F(DemonstrationNamesTest, FlagsSayHowAnEpisodeEnded) {
  using enum EpisodeEnd;
  const std::vector<std::uint8_t> no = {0, 0}, yes = {0, 1}, none = {};
  const struct {
    EpisodeFlags flags;
    EpisodeEnd end, end_by_flags;
  } cases[] = {
      {{yes, none, none}, terminated, terminated}, {{yes, yes, no}, terminated, terminated},
      {{no, yes, none}, truncated, truncated},     {{none, yes, none}, truncated, truncated},
      {{no, none, yes}, truncated, truncated},     {{none, no, yes}, terminated, terminated},
      {{no, no, yes}, unknown, unknown},           {{none, none, yes}, unknown, unknown},
      {{no, none, none}, truncated, unknown},      {{no, no, none}, unknown, unknown},
      {{none, no, none}, unknown, unknown},        {{none, none, none}, unknown, unknown}};
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    for (const bool by_flags : {false, true}) {
      Demonstrations made;
      made.starts = {0, 2};
      set_ends(made, cases[i].flags, by_flags);
      EXPECT_EQ(made.end(0), by_flags ? cases[i].end_by_flags : cases[i].end) << i;
    }
  }
}

// LeRobot's columns; `next.done` says no more than `episode_index`.
NamedArrays lerobot() {
  const Transitions all = transitions(three_episodes());
  NamedArrays arrays;
  arrays.emplace("observation.state",
                 Array::from<float>({8, 2}, std::span(all.observations.numbers)));
  arrays.emplace("action", Array::from(all.actions.indices));
  arrays.emplace("episode_index", Array::from(std::vector<std::int64_t>{4, 4, 4, 5, 9, 9, 9, 9}));
  arrays.emplace("frame_index", Array::from(std::vector<std::int64_t>{0, 1, 2, 0, 0, 1, 2, 3}));
  arrays.emplace("next.reward", Array::from(all.rewards));
  arrays.emplace("next.done", flags({2, 3, 7}, 8));
  arrays.emplace("task_index", Array(ElementType::i64, {8}));
  return arrays;
}

TEST_F(DemonstrationNamesTest, ColumnsAsLeRobotHasThemAreEpisodes) {
  write_npz(path("d.npz"), lerobot());
  const Demonstrations made = load_demonstrations(path("d.npz"));
  Demonstrations expected = without_last(three_episodes());
  expected.terminal = {0, 0, 0}, expected.end_unknown = {1, 1, 1};
  EXPECT_TRUE(same_data(made, expected));
  EXPECT_TRUE(has_remark(made, "not read: task_index"));
  EXPECT_TRUE(has_remark(made, "`dones` say where episodes end"));

  NamedArrays gap = lerobot();
  gap["frame_index"].as<std::int64_t>()[6] = 3;
  EXPECT_ERROR(read(gap),
               "d.npz: frame_index: episode 2, row 2: expected 2, found 3: a row is missing");
  NamedArrays mixed = lerobot();
  mixed["episode_index"].as<std::int64_t>()[7] = 4;
  EXPECT_ERROR(read(mixed),
               "episode_index: row 7: expected the rows of an episode together, found "
               "episode 4 again (sort them: o = numpy.lexsort");
  NamedArrays floats = lerobot();
  floats["episode_index"] = Array::from(std::vector<double>{4, 4, 4, 5, 9, 9, 9, 9});
  EXPECT_TRUE(same_data(read(floats), expected));
  floats["episode_index"].as<double>()[3] = 4.5;
  EXPECT_ERROR(read(floats), "episode_index: element 3 is 4.5");
  NamedArrays seconds = lerobot();
  seconds["frame_index"] = Array::from(std::vector<double>{0, .1, .2, 0, 0, .1, .2, .3});
  EXPECT_TRUE(same_data(read(seconds), expected));
  EXPECT_TRUE(has_remark(read(seconds), "frame_index not read: no numbers of steps"));
  NamedArrays inner = lerobot();
  inner.emplace("terminated", flags({1}, 8));
  EXPECT_ERROR(read(inner), "terminated: episode 0, row 1: expected 0 before an episode's last");
  inner["terminated"] = flags({3}, 8);
  EXPECT_EQ(read(inner).end(1), EpisodeEnd::terminated);
  EXPECT_EQ(read(inner).end(0), EpisodeEnd::truncated) << "done, and not terminated";
}

TEST_F(DemonstrationNamesTest, DonesTellEpisodesApartAndAreNotLeftOut) {
  NamedArrays arrays = to_arrays(without_last(three_episodes()));
  for (const char* name : {"indices", "terminal"}) arrays.erase(name);
  EXPECT_EQ(read(arrays).episodes(), 1);
  arrays.emplace("dones", flags({2, 3, 7}, 8));
  EXPECT_EQ(read(arrays).starts, (std::vector<std::int64_t>{0, 3, 4, 8}));
  EXPECT_EQ(read(arrays).known_ends(), 0);
  arrays["dones"] = Array(ElementType::boolean, {5});
  EXPECT_ERROR(read(arrays), "dones: expected one for each of 8 actions, found 5");
  arrays["dones"] = Array::from(std::vector<float>{0, 0, 2, 0, 0, 0, 0, 1});
  EXPECT_ERROR(read(arrays), "dones: expected flags, 0 or 1 each, found shape [8] of f32");
  arrays.erase("dones");
  arrays.emplace("episode_lengths", Array::from(std::vector<std::int32_t>{3, 1, 4}));
  EXPECT_EQ(read(arrays).starts, (std::vector<std::int64_t>{0, 3, 4, 8}));
  arrays["episode_lengths"] = Array::from(std::vector<std::int32_t>{3, 1});
  EXPECT_ERROR(read(arrays), "episode_lengths: expected the last episode to end after the 8 rows");
  NamedArrays padded = arrays;
  padded["acts"] = Array(ElementType::f32, {3, 4});
  padded["episode_lengths"] = Array::from(std::vector<std::int32_t>{3, 1, 4});
  EXPECT_ERROR(read(padded),
               "found 8: padded episodes are to stand one after another, such as "
               "numpy.concatenate([a[:n] for a, n in zip(acts, lengths)])");
  arrays.erase("episode_lengths");
  arrays.emplace("episode_starts", flags({0, 3, 4}, 8));
  EXPECT_EQ(read(arrays).starts, (std::vector<std::int64_t>{0, 3, 4, 8}));
}

TEST_F(DemonstrationNamesTest, TablesByOthersNamesAreTheSame) {
  const Demonstrations expected = from_csv(
      "episode,t,obs_0,obs_1,act_0,rew,terminal\n0,0,1,2,.5,1,0\n0,1,3,4,.25,1,1\n"
      "1,0,5,6,.75,2,0\n");
  for (const char* text :
       {"episode_index,frame_index,observation.state_0,observation.state_1,action,reward,"
        "terminated\n0,0,1,2,.5,1,False\n0,1,3,4,.25,1,True\n1,0,5,6,.75,2,False\n",
        // without numbers of episodes: by time, and by flags
        "t,obs_0,obs_1,act_0,rew,terminal\n0,1,2,.5,1,0\n1,3,4,.25,1,1\n0,5,6,.75,2,0\n",
        "observation_0,observation_1,action_0,rewards,terminals,timeouts\n1,2,.5,1,0,0\n"
        "3,4,.25,1,1,0\n5,6,.75,2,0,1\n",
        // a spreadsheet's, with its own row numbers
        "\xEF\xBB\xBF;episode;t;obs_0;obs_1;act_0;rew;terminal\r\n0;0;0;1,0;2;0,5;1;0\r\n"
        "1;0;1;3;4;0,25;1;1\r\n2;1;0;5;6;0,75;2;0\r\n\r\n"}) {
    const Demonstrations made = from_csv(text);
    EXPECT_TRUE(same_data(made, expected)) << text;
  }
  const Demonstrations done = from_csv("obs_0,act_0,done\n1,.5,0\n2,.5,1\n3,.5,0\n");
  EXPECT_EQ(done.episodes(), 2);
  EXPECT_EQ(done.known_ends(), 0);
  EXPECT_TRUE(has_remark(done, "no flag ends the last episode"));
  EXPECT_EQ(from_csv("a,b,act_0,done\n1,2,.5,0\n3,4,.5,1\n").observations.shape, Shape{2})
      << "a flag is no observation";
  // with what was observed next
  const Demonstrations next =
      from_csv("obs_0,act_0,next_obs_0,terminal\n1,.5,2.5,0\n2.5,.5,9,1\n3,.5,4,1\n");
  EXPECT_EQ(next.observations.numbers, (std::vector<float>{1, 2.5f, 9, 3, 4}));
  // pandas' floats of whole numbers, and its row numbers, are no observation
  EXPECT_EQ(from_csv("episode,t,obs_0,act_0\n0.0,0.0,1,.5\n1.0,0.0,2,.5\n").episodes(), 2);
  const Demonstrations numbered = from_csv("Unnamed: 0,x,act_0\n0,5,.5\n1,6,.5\n");
  EXPECT_EQ(numbered.observation_names, std::vector<std::string>{"x"});
  const Demonstrations comma = from_csv("x,act_0,\n5,.5,\n6,.5,\n");
  EXPECT_EQ(comma.observation_names, std::vector<std::string>{"x"});
  EXPECT_ERROR(from_csv(std::string("\xff\xfeo\0,\0", 6)), "found UTF-16: iconv -f UTF-16");
}

TEST_F(DemonstrationNamesTest, TimesMayBeginAnywhereAndHaveNoGaps) {
  EXPECT_EQ(from_csv("episode,t,obs_0,act_0\n0,1,1,.5\n0,2,1,.5\n1,1,1,.5\n").steps(), 3);
  EXPECT_ERROR(from_csv("episode,t,obs_0,act_0\n0,0,1,.5\n0,2,1,.5\n"),
               "d.csv:3:t: expected t = 1 in episode 0, row 1, found '2'");
  EXPECT_ERROR(from_csv("t,obs_0,act_0\n0,1,.5\n1,1,.5\n1,1,.5\n"), "d.csv:4:t: expected t = 2");
  EXPECT_ERROR(from_csv("t,obs_0,act_0\n0,1,.5\n1,1,.5\n3,1,.5\n"), "d.csv:4:t: expected t = 2");
}

// ---- numbers that nobody expects ----

TEST_F(DemonstrationNamesTest, NumbersOfEveryKindArriveAsTheyAre) {
  // 1.5, -2 and the largest of float16; both byte orders; Fortran's order of [3, 2]
  const std::uint16_t halves[] = {0x3e00, 0xc000, 0x7bff, 0, 0, 0};
  NamedArrays arrays = to_arrays(without_last(continuous(three_episodes())));
  for (const char* name : {"rews", "terminal", "indices", "infos"}) arrays.erase(name);
  arrays["acts"] = Array::from<float>({3, 1}, std::span<const float>({{1, 2, 3}}));
  const auto npy = [](const std::string& descr, bool fortran, const void* data, std::size_t size) {
    std::string header = "{'descr': '" + descr +
                         "', 'fortran_order': " + (fortran ? "True" : "False") +
                         ", 'shape': (3, 2), }";
    header.resize(117, ' ');
    header += '\n';
    std::string file("\x93NUMPY\x01\x00", 8);
    append_little_endian(file, static_cast<std::uint16_t>(header.size()));
    file += header;
    file.append(static_cast<const char*>(data), size);
    return parse_npy(bytes_of(file), "x.npy");
  };
  arrays["obs"] = npy("<f2", true, halves, sizeof halves);
  EXPECT_EQ(read(arrays).observations.numbers, (std::vector<float>{1.5f, 0, -2, 0, 65504, 0}));
  const unsigned char swapped[] = {0x3f, 0xc0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0,
                                   0,    0,    0, 0, 0,    0, 0, 0, 0, 0, 0, 0};
  arrays["obs"] = npy(">f4", false, swapped, sizeof swapped);
  EXPECT_EQ(read(arrays).observations.numbers, (std::vector<float>{1.5f, 2, 0, 0, 0, 0}));
  const bool bools[] = {true, false, true, true, false, false};
  arrays["obs"] = Array::from<bool>({3, 2}, bools);
  EXPECT_EQ(read(arrays).observations.numbers, (std::vector<float>{1, 0, 1, 1, 0, 0}));
  const double infinite[] = {0, 0, 0, INFINITY, 0, 0};
  arrays["obs"] = Array::from<double>({3, 2}, infinite);
  EXPECT_ERROR(read(arrays), "obs: episode 0, row 1: expected a finite number, found inf");
}

TEST_F(DemonstrationNamesTest, DigitsThatAFloatLosesAreRemarked) {
  NamedArrays arrays = to_arrays(without_last(continuous(three_episodes())));
  Array times(ElementType::f64, {8, 2});
  for (std::size_t i = 0; i < 8; ++i) {
    times.as<double>()[2 * i] = 0.1 * static_cast<double>(i);
    times.as<double>()[2 * i + 1] = 1.7e9 + static_cast<double>(i);
  }
  arrays["obs"] = times;
  EXPECT_TRUE(has_remark(read(arrays),
                         "obs: column 1 goes from 1.7e+09 to 1.7e+09, and float32 is "
                         "off by up to"));
  for (std::size_t i = 0; i < 8; ++i) times.as<double>()[2 * i + 1] -= 1.7e9;
  arrays["obs"] = times;
  EXPECT_FALSE(has_remark(read(arrays), "float32"));
  EXPECT_TRUE(has_remark(from_csv("obs_0,act_0\n1700000001.5,.5\n1700000002.5,.5\n"),
                         "observations: column 0 goes from"));
  Array nanoseconds(ElementType::i64, {8, 1});
  for (std::size_t i = 0; i < 8; ++i) {
    nanoseconds.as<std::int64_t>()[i] = 1700000000000000000 + static_cast<std::int64_t>(i);
  }
  arrays["obs"] = nanoseconds;
  EXPECT_TRUE(has_remark(read(arrays), "obs: column 0 goes from 1.7e+18"))
      << "as doubles all equal";
  Array whole(ElementType::i64, {8, 2});
  whole.as<std::int64_t>()[3] = (std::int64_t{1} << 24) + 1;
  arrays["obs"] = whole;
  EXPECT_FALSE(has_remark(read(arrays), "float32")) << "off by one of 2^24";
}

TEST_F(DemonstrationNamesTest, IndicatorsOfChoicesAreTheChoicesWhereThereAreSuch) {
  const DemonstrationSpaces spaces = {.observation_shape = {2}, .action_count = 2};
  Demonstrations made = three_episodes();
  Demonstrations shown = continuous(made);
  shown.actions.shape = {2};
  shown.actions.numbers.clear();
  for (const std::int64_t choice : made.actions.indices) {
    shown.actions.numbers.push_back(choice == 0 ? 1 : 0);
    shown.actions.numbers.push_back(choice == 1 ? 1 : 0);
  }
  Demonstrations broken = shown;
  conform(shown, spaces, "d.npz");
  EXPECT_TRUE(same_data(shown, made));
  broken.actions.numbers[9] = 0.5f;
  EXPECT_ERROR(conform(broken, spaces, "d.npz"),
               "d.npz: episode 2, row 0: expected an index, or an indicator of it");
  // pictures of bytes where indices are expected
  Demonstrations bytes = three_episodes();
  auto states = std::make_shared<std::vector<std::uint8_t>>();
  for (int i = 0; i < 11; ++i) {
    states->push_back(i % 2 == 0);
    states->push_back(i % 2 == 1);
  }
  const std::uint8_t* base = states->data();
  bytes.observations = {{2}, false, {}, {}, ByteRows(states, base, 11, 2)};
  conform(bytes, {.observation_count = 2, .action_count = 2}, "d.npz");
  EXPECT_EQ(bytes.observations.indices[3], 1);
}

// ---- what is not read ----

TEST_F(DemonstrationNamesTest, OtherFormatsAreRefusedWithTheLineThatConvertsThem) {
  const auto refused = [&](const std::string& name, std::string_view contents) {
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(folder_);
    put_file(name, contents);
    const std::string error = error_of([&] { load_demonstrations(name); });
    std::filesystem::current_path(before);
    EXPECT_LT(error.size(), 500u) << "nothing is cut off: " << error;
    EXPECT_TRUE(error.ends_with("\"")) << error;
    return error;
  };
  using namespace std::string_literals;
  const std::string hdf5 = "\x89HDF\r\n\x1a\n"s;
  EXPECT_NE(refused("a.hdf5", hdf5 + "observations").find("HDF5, as D4RL has it: python3 -c"),
            std::string::npos);
  EXPECT_NE(refused("main_data.hdf5", hdf5 + "episode_0").find("Minari's HDF5"), std::string::npos);
  EXPECT_NE(refused("low_dim.hdf5", hdf5 + "demo_0").find("obs/object actions rewards"),
            std::string::npos);
  EXPECT_NE(refused("x.parquet", "PAR1").find("read_parquet"), std::string::npos);
  EXPECT_NE(refused("x.pkl", "\x80\x04").find("pickle.load(open(p,'rb'))"), std::string::npos);
  EXPECT_NE(refused("x.pt", "PK\3\4").find("torch.load(p"), std::string::npos);
  EXPECT_NE(refused("x.mat", "MATLAB 5.0 MAT-file").find("loadmat"), std::string::npos);
  EXPECT_NE(refused("x.jsonl", "{}").find("read_json"), std::string::npos);
  std::filesystem::create_directories(folder_ / "robot/meta");
  EXPECT_NE(refused("robot/meta/info.json", "{}").find("JSON"), std::string::npos);
  EXPECT_NE(error_of([&] { load_demonstrations(path("robot")); }).find("a LeRobot data set"),
            std::string::npos);
  EXPECT_ERROR(load_demonstrations(path("none.hdf5")), "expected demonstrations in a .npz");
  NamedArrays unnamed;
  for (const char* name : {"arr_0", "arr_1"}) unnamed.emplace(name, Array(ElementType::f32, {3}));
  write_npz(path("u.npz"), unnamed);
  EXPECT_ERROR(
      load_demonstrations(path("u.npz")),
      "expected arrays `obs` and `acts`, or what docs/data.md lists for them, found arr_0, "
      "arr_1");
}

}  // namespace
}  // namespace understudy
