// Demonstrations in Arrow files, as the library `datasets` writes them.

#include <cmath>
#include <limits>

#include "algorithms/data/demonstration_files.h"
#include "tests/algorithms/arrow_writer.h"
#include "tests/algorithms/example_episodes.h"
#include "tests/files/files_test.h"

namespace understudy {
namespace {

using namespace files;

class DemonstrationArrowTest : public FilesTest {};

using arrow_writer::Column;
using arrow_writer::Lists;
using arrow_writer::Settings;

Demonstrations from_tables(const std::vector<std::string>& tables) {
  std::vector<Arrow> shards;
  for (const std::string& bytes : tables) shards.push_back(arrow_writer::parsed(bytes));
  return demonstrations_from(arrays_from(shards, "d"), "d");
}

// An episode a batch, or all of them in one.
std::vector<std::vector<Column>> batches_of(const Demonstrations& from, bool split) {
  if (!split) return {arrow_writer::columns_of(from)};
  std::vector<std::vector<Column>> batches;
  for (std::int64_t e = 0; e < from.episodes(); ++e) {
    batches.push_back(arrow_writer::columns_of(select(from, std::vector<std::int64_t>{e})));
  }
  return batches;
}

Demonstrations pictures() {
  Demonstrations made = three_episodes();
  made.observations.shape = {1, 2, 1};
  return made;
}

TEST_F(DemonstrationArrowTest, ArrowTablesAreReadHoweverTheyAreCut) {
  Demonstrations bare = continuous(three_episodes());
  bare.rewards.clear();
  Demonstrations states = three_episodes();
  states.observations = {{}, true, {}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
  for (const Demonstrations& made : {three_episodes(), continuous(three_episodes()), bare, states,
                                     without_last(three_episodes()), pictures()}) {
    for (const Settings& settings :
         {Settings{}, Settings{.file = true}, Settings{.legacy = true}, Settings{.end = false},
          Settings{.file = true, .end = false, .version = 3}}) {
      for (const Lists lists : {Lists::plain, Lists::large, Lists::fixed}) {
        for (const bool split : {false, true}) {
          std::vector<std::vector<Column>> batches = batches_of(made, split);
          for (auto& columns : batches) {
            for (Column& column : columns) {
              // episodes differ in length: a row may be a list of fixed length, they may not
              if (lists != Lists::fixed || column.offsets.size() > 1) column.lists = lists;
            }
          }
          EXPECT_TRUE(same_data(from_tables({arrow_writer::table(batches, settings)}), made));
        }
      }
    }
  }
}

TEST_F(DemonstrationArrowTest, ArrowsNumbersAreOfEveryType) {
  using enum ElementType;
  for (const ElementType type : {i8, u8, i16, u16, i32, u32, i64, u64, f32, f64, f16}) {
    std::vector<Column> columns = arrow_writer::columns_of(three_episodes());
    Column& acts = columns[1];
    acts.type = type;
    acts.values.clear();
    for (const std::int64_t index : three_episodes().actions.indices) {
      // 1 as the type has it
      const std::uint64_t one = type == f32   ? std::bit_cast<std::uint32_t>(1.0f)
                                : type == f64 ? std::bit_cast<std::uint64_t>(1.0)
                                : type == f16 ? 0x3c00
                                              : 1;
      std::string bytes;
      append_little_endian(bytes, index == 0 ? 0 : one);
      acts.values += bytes.substr(0, size_of(type));
    }
    Demonstrations made = from_tables({arrow_writer::table({columns})});
    EXPECT_EQ(made.actions.discrete, type != f32 && type != f64 && type != f16);
    conform(made, {.observation_shape = {2}, .action_count = 2}, "d");
    EXPECT_TRUE(same_data(made, three_episodes())) << name_of(type);
  }
}

TEST_F(DemonstrationArrowTest, AFoldersFilesAreOneTableInTheOrderOfTheirNumbers) {
  const Demonstrations made = three_episodes();
  std::vector<std::int64_t> twelve;
  const auto name = [](std::int64_t i, int of = 12) {
    return "data-" + std::to_string(100000 + i).substr(1) + "-of-000" + std::to_string(of) +
           ".arrow";
  };
  for (std::int64_t i = 0; i < 12; ++i) {
    twelve.push_back(i * i % 3);
    const auto one = select(made, std::vector<std::int64_t>{twelve.back()});
    put_file(path(name(i)), arrow_writer::table(batches_of(one, false)));
  }
  // what `datasets` leaves there besides
  put_file(path("state.json"), "{}");
  put_file(path("cache-1234.arrow"), "no table");
  EXPECT_TRUE(same_data(load_demonstrations(folder_.string()), select(made, twelve)));

  const std::string folder = folder_.string();
  put_file(path(name(3)), arrow_writer::table(batches_of(continuous(made), false)));
  EXPECT_ERROR(load_demonstrations(folder),
               "-of-00012.arrow: column 'acts': expected 1 levels of "
               "lists of i64, as in the files before, found list<list<f32>>");
  std::filesystem::remove(path(name(3)));
  EXPECT_ERROR(load_demonstrations(folder), "expected file 3 of 12, found 'data-00004-of-00012");
  std::filesystem::remove(path(name(11)));
  for (int i = 4; i < 11; ++i) std::filesystem::remove(path(name(i)));
  EXPECT_ERROR(load_demonstrations(folder), "expected 12 files, as their names say, found 3");
  put_file(path(name(0, 13)), "");
  EXPECT_ERROR(load_demonstrations(folder), "expected the files of one table, found those of two");
  std::filesystem::create_directory(path("empty"));
  EXPECT_ERROR(load_demonstrations(path("empty")), "found no .arrow file in it");
  std::filesystem::create_directory(path("empty/train"));
  EXPECT_ERROR(load_demonstrations(path("empty")), "but folders such as 'train'");
}

TEST_F(DemonstrationArrowTest, WrongArrowTablesSayWhichAndWhere) {
  using Change = void (*)(std::vector<Column>&);
  const struct {
    Change change;
    const char* message;
  } cases[] = {
      {[](auto& c) { c.erase(c.begin()); }, "t.arrow: expected a column 'obs', found none"},
      {[](auto& c) { c[1].name = "obs"; },
       "columns with names of their own, in UTF-8, found 'obs'"},
      {[](auto& c) {
         c[0].offsets[0] = {0, 4, 6, 10};
       },
       "d: obs: episode 2: expected 5 rows for 4 actions, the last after the last action, found 4"},
      {[](auto& c) {
         c[0].offsets[0] = {0, 3, 4, 9};
       },
       "d: obs: episode 2: expected 4 rows for 4 actions, as in the episodes before, found 5"},
      {[](auto& c) {
         c[1].offsets[0] = {0, 3, 3, 8};
       },
       "d: acts: episode 1: expected a step or more, found none"},
      {[](auto& c) {
         c[3].offsets[0] = {0, 3, 5, 8};
       },
       "d: rews: episode 1: expected one for each of 1 actions, found 2"},
      {[](auto& c) { c[0].offsets[1][5] = 9; },
       "d: obs: episode 1, row 0: expected 2 entries, as in the rows before, found 1"},
      {[](auto& c) {
         c[0].valid = {{}, {}, std::vector<bool>(22, true)}, c[0].valid[2][13] = false;
       },
       "d: obs: episode 2, row 0: expected a value, found a null"},
      {[](auto& c) {
         c[0].valid = {{}, std::vector<bool>(11, true)}, c[0].valid[1][10] = false;
       },
       "d: obs: episode 2, row 4: expected a value, found a null"},
      {[](auto& c) {
         c[2].valid = {{true, false, true}};
       },
       "d: terminal: episode 1: expected a value, found a null"},
      {[](auto& c) { c[0].values.replace(16, 4, "\0\0\xc0\x7f", 4); },
       "d: obs: episode 0, row 2: expected a finite number, found nan"},
      {[](auto& c) { c[1].values[24] = '\x80', c[1].values[31] = '\x80'; },
       "d: acts: episode 1, row 0: expected an index from 0 to 2147483646, found "
       "-92233720368547756"},
      {[](auto& c) { c[2] = c[1], c[2].name = "terminal"; },
       "d: terminal: expected one for each episode, found lists"},
      {[](auto& c) { c[1].offsets.clear(), c[1].values.resize(24); },
       "d: acts: expected a list for each episode, found i64"},
      {[](auto& c) {
         c[1].offsets[0] = {0, 5, 4, 8};
       },
       "t.arrow: batch 0, level 0: expected offsets that rise, found 4 after 5"},
      {[](auto& c) {
         c[1].offsets[0] = {0, 3, 4, 9};
       },
       "t.arrow: batch 0, level 1: expected 9 entries, found 8"},
      {[](auto& c) {
         c[1].offsets[0] = {-1, 3, 4, 8};
       },
       "lists that begin at -1"},
      {[](auto& c) { c[2].values.pop_back(); },
       "column 'terminal': expected 3 rows, as the batch has, found 2"},
      {[](auto& c) {
         for (Column& column : c) {
           if (column.offsets.empty())
             column.values.clear();
           else
             column.offsets[0] = {0};
         }
       },
       "d: expected an episode, a row each, found none"},
  };
  for (const auto& each : cases) {
    std::vector<Column> columns = arrow_writer::columns_of(three_episodes());
    each.change(columns);
    EXPECT_ERROR(from_tables({arrow_writer::table({columns})}), each.message);
  }
}

TEST_F(DemonstrationArrowTest, WhatIsNoArrowTableIsRefused) {
  const auto columns = arrow_writer::columns_of(three_episodes());
  const auto with = [&](Settings settings) { return arrow_writer::table({columns}, settings); };
  const std::string whole = with({}), file = with({.file = true});
  const struct {
    std::string bytes;
    const char* message;
  } cases[] = {
      {"", "t.arrow: byte 0: expected a schema, found the end"},
      {"PAR1 is another format", "byte 0: expected a message of Arrow's, found one that reaches"},
      {whole.substr(0, 100), "byte 0: expected a message of Arrow's, found one that reaches past"},
      {whole.substr(0, whole.size() - 12), "the file is cut off"},
      {whole + whole, "expected nothing after the end of the stream"},
      {file.substr(0, file.size() - 1), "expected the file to end with ARROW1, as it begins"},
      {with({.endianness = 1}), "expected little-endian numbers, found big-endian ones"},
      {with({.codec = 0}), "expected rows that are not compressed, found LZ4"},
      {with({.codec = 1}), "expected rows that are not compressed, found ZSTD"},
      {with({.version = 2}), "expected a message of version V4 or V5, found V3"},
  };
  for (const auto& each : cases) EXPECT_ERROR(from_tables({each.bytes}), each.message);
}

// A torque of -1 or 1 is no index where the environment takes numbers.

}  // namespace
}  // namespace understudy
