#include "cli/demo/strokes.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include "autograd/files/csv.h"
#include "autograd/files/npy.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {
constexpr std::int64_t letter_columns = 6;  // x, y and their derivatives
}  // namespace

Path resampled(const Path& points) {
  double whole = 0;
  for (std::size_t i = 1; i < points.size(); ++i)
    whole += std::hypot(points[i].x - points[i - 1].x, points[i].y - points[i - 1].y);
  if (whole < 2 * arc_length) return {};
  Path result = {points[0]};
  double passed = 0;  // arc length at points[i - 1]
  for (std::size_t i = 1; i < points.size(); ++i) {
    const Point a = points[i - 1], b = points[i];
    const double length = std::hypot(b.x - a.x, b.y - a.y);
    for (;;) {
      const double next = arc_length * static_cast<double>(result.size());
      if (length == 0 || next > passed + length) break;
      const double part = (next - passed) / length;
      result.push_back({a.x + part * (b.x - a.x), a.y + part * (b.y - a.y)});
    }
    passed += length;
  }
  return result;
}

Drawings read_drawings(const std::string& folder) {
  const std::string name = folder + "/points.npy";
  const files::Array points = files::read_npy(name);
  if (points.rank() != 2 || points.shape()[1] != 4)
    fail(ErrorKind::bad_file, "%s: expected [n, 4], found %s", name.c_str(),
         files::to_string(points.shape()).c_str());
  const std::vector<float> numbers = points.converted<float>(name);
  const files::Csv index = files::Csv::open(folder + "/index.csv");
  const std::vector<std::string> alphabet = index.texts("alphabet");
  const std::vector<std::int64_t> character = index.integers("character");
  const std::vector<std::int64_t> drawer = index.integers("drawer");
  const std::vector<std::int64_t> start = index.integers("start");
  const std::vector<std::int64_t> count = index.integers("count");
  Drawings drawings;
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> numbered;
  for (std::size_t row = 0; row < drawer.size(); ++row) {
    if (start[row] < 0 || count[row] < 0 || count[row] > points.shape()[0] - start[row])
      index.refuse(row, index.column("start"), "a drawing within points.npy");
    const auto id = static_cast<std::int64_t>(numbered.size());
    Drawing drawing{alphabet[row],
                    numbered.emplace(std::pair(alphabet[row], character[row]), id).first->second,
                    drawer[row],
                    {}};
    Path stroke;
    const auto finish = [&] {
      Path path = resampled(stroke);
      if (!path.empty()) drawing.strokes.push_back(std::move(path));
      stroke.clear();
    };
    for (std::int64_t i = start[row]; i < start[row] + count[row]; ++i) {
      const float* point = &numbers[static_cast<std::size_t>(4 * i)];
      if (i > start[row] && point[3] != point[-1]) finish();
      stroke.push_back({point[0], point[1]});
    }
    finish();
    drawings.all.push_back(std::move(drawing));
  }
  drawings.characters = static_cast<std::int64_t>(numbered.size());
  return drawings;
}

// The two highest numbers of a letter are held out, where it has three.
Letters read_letters(const std::string& folder) {
  const files::Array demos = files::read_npy(folder + "/demos.npy");
  if (demos.rank() != 3 || demos.shape()[1] != letter_samples || demos.shape()[2] != letter_columns)
    fail(ErrorKind::bad_file, "%s/demos.npy: expected [n, 200, 6], found %s", folder.c_str(),
         files::to_string(demos.shape()).c_str());
  const std::vector<float> numbers = demos.converted<float>(folder + "/demos.npy");
  const files::Csv index = files::Csv::open(folder + "/index.csv");
  const std::vector<std::string> letter = index.texts("letter");
  const std::vector<std::int64_t> demo = index.integers("demo");
  if (static_cast<std::int64_t>(letter.size()) != demos.shape()[0])
    fail(ErrorKind::bad_file, "%s: %zu rows of index.csv for %lld demonstrations", folder.c_str(),
         letter.size(), static_cast<long long>(demos.shape()[0]));
  std::map<std::string, std::vector<std::int64_t>> of_letter;
  for (std::size_t i = 0; i < letter.size(); ++i) of_letter[letter[i]].push_back(demo[i]);
  Letters data;
  for (auto& [name, ids] : of_letter) std::sort(ids.begin(), ids.end());
  for (std::size_t i = 0; i < letter.size(); ++i) {
    const auto found = of_letter.find(letter[i]);
    const std::vector<std::int64_t>& ids = found->second;
    Letter one{std::distance(of_letter.begin(), found),
               ids.size() < 3 || demo[i] < ids[ids.size() - 2],
               {}};
    for (std::int64_t t = 0; t < letter_samples; ++t) {
      const float* p = &numbers[(i * letter_samples + static_cast<std::size_t>(t)) *
                                static_cast<std::size_t>(letter_columns)];
      one.points.push_back({p[0], p[1]});
    }
    data.all.push_back(std::move(one));
  }
  data.letters = static_cast<std::int64_t>(of_letter.size());
  return data;
}

}  // namespace understudy::cli
