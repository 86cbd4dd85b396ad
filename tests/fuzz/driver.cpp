// Runs a fuzz target where there is no libFuzzer: replays the corpus, then mutates it for a while.
//
//   target -max_total_time=2 -artifact_prefix=build/fuzz/ folder...
//
// Knows the options that we pass to libFuzzer, and takes the others in silence. The generator is
// seeded, so that a failure comes again; the input that failed is written out by the sanitizer's
// last call.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)());
// An abort of the library's own checks is reported like any other fault.
extern "C" const char* __asan_default_options() { return "handle_abort=1"; }

namespace {

using Input = std::vector<std::uint8_t>;

Input current;
std::string artifact_prefix;

void write_current() {
  const std::string path = artifact_prefix + "crash-input";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(current.data()),
             static_cast<std::streamsize>(current.size()));
  std::fprintf(stderr, "the input is in %s (%zu bytes)\n", path.c_str(), current.size());
}

void run(const Input& input) {
  current = input;
  // A copy of exactly the right size, so that reading past its end is seen.
  std::uint8_t* data = static_cast<std::uint8_t*>(std::malloc(input.size()));
  if (!input.empty()) std::memcpy(data, input.data(), input.size());
  LLVMFuzzerTestOneInput(data, input.size());
  std::free(data);
}

// One to four changes of the kinds that parsers stumble over: flipped bits, sizes at the edges of
// their range, pieces cut out, doubled, moved from another input, and numbers made long.
Input mutate(Input input, const std::vector<Input>& corpus, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    const std::size_t at = below(input.size() + 1);
    const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t left = input.size() - at;
    switch (below(7)) {
      case 0:
        if (left > 0) *place ^= static_cast<std::uint8_t>(1u << below(8));
        break;
      case 1:
        if (left > 0) *place = static_cast<std::uint8_t>(random());
        break;
      case 2: {
        static constexpr std::uint64_t edges[] = {0,          1,          0x7f,       0xff,
                                                  0x7fff,     0xffff,     0x7fffffff, 0xffffffff,
                                                  1ull << 60, 1ull << 63, ~0ull,      ~0ull >> 1};
        const std::uint64_t edge = edges[below(std::size(edges))];
        const std::size_t width = std::size_t{1} << below(4);
        if (left >= width) std::memcpy(&*place, &edge, width);
        break;
      }
      case 3: input.erase(place, place + static_cast<std::ptrdiff_t>(below(left + 1))); break;
      case 4: {
        const Input piece(place, place + static_cast<std::ptrdiff_t>(below(left + 1)));
        if (input.size() < 1 << 16) input.insert(place, piece.begin(), piece.end());
        break;
      }
      case 5: {
        const Input& other = corpus[below(corpus.size())];
        const std::size_t from = below(other.size() + 1);
        const std::size_t count = below(other.size() - from + 1);
        if (input.size() + count < 1 << 16) {
          const auto first = other.begin() + static_cast<std::ptrdiff_t>(from);
          input.insert(place, first, first + static_cast<std::ptrdiff_t>(count));
        }
        break;
      }
      default: input.insert(place, 1 + below(20), static_cast<std::uint8_t>('0' + below(10)));
    }
  }
  return input;
}

}  // namespace

int main(int count, char** arguments) {
  double seconds = 2;
  std::vector<Input> corpus;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument.rfind("-max_total_time=", 0) == 0) seconds = std::stod(argument.substr(16));
    if (argument.rfind("-artifact_prefix=", 0) == 0) artifact_prefix = argument.substr(17);
    if (argument[0] == '-' || !std::filesystem::exists(argument)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argument)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  __sanitizer_set_death_callback(write_current);
  corpus.emplace_back();

  std::size_t runs = 0;
  for (const Input& input : corpus) run(input), ++runs;

  std::mt19937_64 random(20260101);
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  for (; elapsed() < seconds; ++runs) run(mutate(corpus[random() % corpus.size()], corpus, random));
  std::printf("Done %zu runs in %.0f second(s), corpus of %zu\n", runs, elapsed(), corpus.size());
}
