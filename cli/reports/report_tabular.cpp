// What a report shows of rewards that were recovered, of problems that were solved, and of
// reproductions: maps of reward, values, visits and demonstrations, messages over time, weights.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "autograd/files/npz.h"
#include "cli/reports/page.h"
#include "cli/reports/report.h"
#include "cli/reports/svg.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

// Viridis at nine equal steps (Matplotlib, CC0), between which colors are mixed.
constexpr std::array<std::array<int, 3>, 9> viridis = {{{68, 1, 84},
                                                        {71, 45, 123},
                                                        {59, 82, 139},
                                                        {44, 114, 142},
                                                        {33, 145, 140},
                                                        {40, 174, 128},
                                                        {94, 201, 98},
                                                        {173, 220, 48},
                                                        {253, 231, 37}}};
constexpr int levels = 32;  // distinct colors, one path each

struct Span {
  double low = INFINITY, high = -INFINITY;

  explicit Span(const std::vector<double>& values) {
    for (double value : values)
      if (std::isfinite(value)) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
  }
  bool empty() const { return !(low <= high); }
  int level(double value) const {
    const double share = high > low ? (value - low) / (high - low) : 0.5;
    return std::min(levels - 1, static_cast<int>(share * levels));
  }
};

// The scale of colors below a picture, from `top`.
std::string legend(const Span& span, double width, double top) {
  std::string body;
  for (int i = 0; i < levels; ++i)
    body += formatted("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"8\" fill=\"%s\"/>\n",
                      i * width / levels, top + 6, width / levels + 0.5,
                      heat_color((i + 0.5) / levels).c_str());
  body += formatted("<text x=\"0\" y=\"%.1f\">%.4g</text>\n", top + 27, span.low);
  body += formatted("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", width,
                    top + 27, span.high);
  return body;
}

std::string figure(const std::string& title, double width, double height, const std::string& body) {
  return "<figure><figcaption>" + escaped(title) +
         formatted("</figcaption><svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\">\n",
                   width, height, width, height) +
         body + "</svg></figure>\n";
}

}  // namespace

std::string heat_color(double share) {
  const double at = std::clamp(share, 0.0, 1.0) * (viridis.size() - 1);
  const auto below = std::min<std::size_t>(static_cast<std::size_t>(at), viridis.size() - 2);
  const double part = at - static_cast<double>(below);
  int mixed[3];
  for (std::size_t i = 0; i < 3; ++i)
    mixed[i] = static_cast<int>((1 - part) * viridis[below][i] + part * viridis[below + 1][i] + .5);
  return formatted("#%02x%02x%02x", mixed[0], mixed[1], mixed[2]);
}

namespace {

// `across`: points on the page of the longer side.
std::string heat_map_on(const Span& span, double pixels_across, const std::string& title,
                        std::int64_t height, std::int64_t width,
                        const std::vector<double>& values) {
  if (span.empty() || static_cast<std::int64_t>(values.size()) < height * width) return "";
  // Neighbors of one color are one rectangle, all of one color one path.
  std::array<std::string, levels> paths;
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width;) {
      const auto value = [&](std::int64_t i) {
        return values[static_cast<std::size_t>(y * width + i)];
      };
      std::int64_t end = x + 1;
      if (std::isfinite(value(x))) {
        const int level = span.level(value(x));
        while (end < width && std::isfinite(value(end)) && span.level(value(end)) == level) ++end;
        paths[static_cast<std::size_t>(level)] += formatted(
            "M%lld %lldh%lldv1h-%lldz", static_cast<long long>(x), static_cast<long long>(y),
            static_cast<long long>(end - x), static_cast<long long>(end - x));
      }
      x = end;
    }
  const double pixels = pixels_across / static_cast<double>(std::max(height, width));
  const double across = std::max(pixels_across * 0.47, pixels * static_cast<double>(width)),
               down = std::max(12.0, pixels * static_cast<double>(height));
  std::string body =
      formatted("<g transform=\"scale(%.5f %.5f)\" shape-rendering=\"crispEdges\">\n",
                across / static_cast<double>(width), down / static_cast<double>(height));
  for (int level = 0; level < levels; ++level)
    if (!paths[static_cast<std::size_t>(level)].empty())
      body += "<path fill=\"" + heat_color((level + 0.5) / levels) + "\" d=\"" +
              paths[static_cast<std::size_t>(level)] + "\"/>\n";
  body += "</g>\n";
  return figure(title, across, down + 32, body + legend(span, across, down));
}

}  // namespace

std::string heat_map(const std::string& title, std::int64_t height, std::int64_t width,
                     const std::vector<double>& values) {
  return heat_map_on(Span(values), 256, title, height, width, values);
}

std::string network_map(const std::string& title, const std::vector<double>& coordinates,
                        const std::vector<double>& values) {
  const Span span(values);
  if (span.empty() || values.empty()) return "";
  const std::size_t width = coordinates.size() / values.size();
  std::vector<double> xs, ys;
  for (std::size_t i = 0; i < coordinates.size(); ++i)
    (i % 2 == 0 ? xs : ys).push_back(coordinates[i]);
  const Span x_span(xs), y_span(ys);
  if (x_span.empty() || y_span.empty()) return "";
  // Degrees of longitude are shorter than those of latitude.
  const bool degrees = std::abs(x_span.low) <= 180 && std::abs(x_span.high) <= 180 &&
                       std::abs(y_span.low) <= 90 && std::abs(y_span.high) <= 90 &&
                       y_span.high - y_span.low < 5;
  const double stretch =
      degrees ? std::cos((y_span.low + y_span.high) / 2 * 3.14159265358979 / 180) : 1.0;
  constexpr double across = 400;
  const double x_range = std::max(1e-12, (x_span.high - x_span.low) * stretch);
  const double scale = across / x_range;
  const double down = std::clamp((y_span.high - y_span.low) * scale, 40.0, 900.0);
  const double y_scale = down / std::max(1e-12, y_span.high - y_span.low);
  const auto x_of = [&](double x) { return (x - x_span.low) * stretch * scale; };
  const auto y_of = [&](double y) { return (y_span.high - y) * y_scale; };
  std::array<std::string, levels> paths;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    std::string& path = paths[static_cast<std::size_t>(span.level(values[i]))];
    const double* at = &coordinates[i * width];
    if (width == 2) {
      path += formatted("M%.1f %.1fh0", x_of(at[0]), y_of(at[1]));
      continue;
    }
    // A link lies to the right of the line between its ends: both directions are seen.
    const double x0 = x_of(at[0]), y0 = y_of(at[1]), x1 = x_of(at[2]), y1 = y_of(at[3]);
    const double length = std::max(1e-9, std::hypot(x1 - x0, y1 - y0));
    const double right_x = -(y1 - y0) / length, right_y = (x1 - x0) / length;
    path +=
        formatted("M%.1f %.1fL%.1f %.1f", x0 + right_x, y0 + right_y, x1 + right_x, y1 + right_y);
  }
  std::string body;
  for (int level = 0; level < levels; ++level)
    if (!paths[static_cast<std::size_t>(level)].empty())
      body += formatted(
                  "<path fill=\"none\" stroke-linecap=\"round\" stroke-width=\"%.1f\" "
                  "stroke=\"%s\" d=\"",
                  width == 2 ? 4.0 : 1.2 + 2.3 * level / (levels - 1.0),
                  heat_color((level + 0.5) / levels).c_str()) +
              paths[static_cast<std::size_t>(level)] + "\"/>\n";
  return figure(title, across, down + 32, body + legend(span, across, down));
}

namespace {

std::vector<double> read(const files::Npz& file, const char* name) {
  return file.read(name).converted<double>(file.path() + ": " + name);
}

// One number a state: of [S, A] the mean under the policy, of [T + 1, S] the first row; empty where
// the array has no such meaning.
std::vector<double> by_state(const files::Npz& file, const char* name, std::size_t states) {
  std::vector<double> values = read(file, name);
  const files::Shape shape = file.read(name).shape();
  if (values.size() == states) return values;
  const std::string what = name;
  if (what == "values") {
    // [S, goals] is many values a state; by step there is a policy of three dimensions.
    if (shape.size() != 2 || file.read("policy").rank() != 3) return {};
    values.resize(states);
    return values;
  }
  std::vector<double> policy = read(file, "policy");
  if (policy.size() < values.size() || values.size() % states != 0) return {};
  const std::size_t actions = values.size() / states;
  std::vector<double> mean(states, 0.0);
  for (std::size_t s = 0; s < states; ++s) {
    double total = 0;
    for (std::size_t a = 0; a < actions; ++a) {
      mean[s] += policy[s * actions + a] * values[s * actions + a];
      total += policy[s * actions + a];
    }
    if (total == 0) mean[s] = std::nan("");
  }
  return mean;
}

}  // namespace

namespace {

// Where numbers of states are drawn: on a map of links, on a grid, or in a row.
class Ground {
 public:
  Ground(const files::Npz& file, std::size_t states) {
    if (file.contains("coordinates")) coordinates_ = read(file, "coordinates");
    std::vector<double> shape = {1, static_cast<double>(states)};
    if (file.contains("shape")) shape = read(file, "shape");
    height_ = static_cast<std::int64_t>(shape[0]);
    width_ = static_cast<std::int64_t>(shape[1]);
  }
  bool is_row() const { return coordinates_.empty() && height_ == 1; }
  std::string draw(const std::string& title, const std::vector<double>& values) const {
    return coordinates_.empty() ? heat_map(title, height_, width_, values)
                                : network_map(title, coordinates_, values);
  }
  // One of several that share a scale of colors; smaller.
  std::string draw_one(const std::string& title, const std::vector<double>& values,
                       const Span& span) const {
    return coordinates_.empty() ? heat_map_on(span, 180, title, height_, width_, values)
                                : network_map(title, coordinates_, values);
  }

 private:
  std::vector<double> coordinates_;
  std::int64_t height_ = 1, width_ = 1;
};

// At most so many of 0 .. count - 1, the first and the last among them.
std::vector<std::size_t> some_of(std::size_t count, std::size_t most) {
  std::vector<std::size_t> chosen;
  const std::size_t n = std::min(count, most);
  for (std::size_t i = 0; i < n; ++i) chosen.push_back(n == 1 ? 0 : i * (count - 1) / (n - 1));
  return chosen;
}

std::string weights_table(const Json& result) {
  if (!result.contains("weights") || !result["weights"].is_array()) return "";
  const Json& weights = result["weights"];
  const bool errors = result.contains("standard_errors");
  std::vector<std::vector<Json>> rows;
  for (std::size_t i = 0; i < weights.size() && weights.size() <= 1000; ++i) {
    rows.push_back({i, weights[i]});
    if (!errors) continue;
    const Json& error = result["standard_errors"][i];
    rows.back().push_back(error);
    if (weights[i].is_number() && error.is_number())
      rows.back().push_back(weights[i].get<double>() / error.get<double>());
  }
  if (rows.empty()) return "";
  const std::vector<std::string> names = {"feature", "weight", "standard error", "t"};
  return folded(formatted("%zu weights", rows.size()),
                html_table({names.begin(), names.begin() + (errors ? 4 : 2)}, rows));
}

// What --trace kept: the reward at some iterations, on one scale.
std::string traced_rewards(const std::string& run, const Ground& ground, std::size_t states) {
  std::vector<std::string> files;
  if (!std::filesystem::is_directory(run + "/trace")) return "";
  for (const auto& entry : std::filesystem::directory_iterator(run + "/trace"))
    if (entry.path().extension() == ".npz") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  std::vector<std::vector<double>> rewards;
  std::vector<double> all;
  std::vector<std::string> titles;
  for (std::size_t i : some_of(files.size(), 6)) {
    const files::Npz file = files::Npz::open(files[i]);
    if (!file.contains("reward")) continue;
    rewards.push_back(by_state(file, "reward", states));
    all.insert(all.end(), rewards.back().begin(), rewards.back().end());
    titles.push_back("iteration " +
                     std::to_string(std::atoll(std::filesystem::path(files[i]).stem().c_str())));
  }
  if (rewards.size() < 2) return "";
  const Span span(all);
  std::string html = "<h3>The reward, iteration by iteration</h3>\n<div class=\"charts\">\n";
  for (std::size_t i = 0; i < rewards.size(); ++i)
    if (!rewards[i].empty()) html += ground.draw_one(titles[i], rewards[i], span);
  return html + "</div>\n";
}

// An array by step [rows, S]: all of it with steps down and states across, and on the ground at
// some steps.
std::string over_time(const files::Npz& file, const char* name, const std::string& title,
                      const Ground& ground, std::size_t states) {
  if (!file.contains(name)) return "";
  const std::vector<double> rows = read(file, name);
  const std::size_t steps = rows.size() / states;
  const Span span(rows);
  std::string html = "<h3>" + escaped(title) + "</h3>\n";
  constexpr std::size_t most_states = 512, most_steps = 512;
  if (states <= most_states && steps <= most_steps)
    html += heat_map_on(span, 420, formatted("steps 1 to %zu down, states across", steps),
                        static_cast<std::int64_t>(steps), static_cast<std::int64_t>(states), rows);
  if (ground.is_row()) return html;
  html += "<div class=\"charts\">\n";
  for (std::size_t t : some_of(steps, 8)) {
    const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(t * states);
    html += ground.draw_one(formatted("t = %zu", t + 1),
                            {begin, begin + static_cast<std::ptrdiff_t>(states)}, span);
  }
  return html + "</div>\n";
}

std::string solved_section(const std::string& path) {
  const files::Npz file = files::Npz::open(path);
  if (!file.contains("values") || !file.contains("policy") || !file.contains("occupancy"))
    fail(ErrorKind::bad_file, "%s: expected values, policy and occupancy, as solve writes them",
         files::shown_path(path).c_str());
  const std::size_t states = read(file, "occupancy").size();
  const Ground ground(file, states);
  std::string html;
  if (file.contains("log_partition"))
    html += formatted("<p>log Z = %.6g</p>\n", read(file, "log_partition").at(0));
  html += "<div class=\"charts\">\n";
  for (const auto& [name, title] :
       {std::pair{"values", "values (at the first step)"},
        {"occupancy", "expected visits of running the policy"},
        {"marginal_occupancy", "expected visits given that all is optimal"}}) {
    if (!file.contains(name)) continue;
    if (const std::vector<double> values = by_state(file, name, states); !values.empty())
      html += ground.draw(title, values);
  }
  html += "</div>\n";
  for (const auto& [name, title] :
       {std::pair{"state_marginal", "p(s_t | O), where one is at step t"},
        {"beta_state", "log beta_t(s): the message from behind, V_t"},
        {"alpha", "log alpha_t(s): the message from the start"}})
    html += over_time(file, name, title, ground, states);
  return html;
}

}  // namespace

std::string irl_section(const ReportRun& run) {
  const std::string path = run.path + "/reward.npz";
  if (!std::filesystem::is_regular_file(path)) return weights_table(run.result);
  const files::Npz file = files::Npz::open(path);
  const std::size_t states = read(file, "occupancy").size();
  const Ground ground(file, states);
  std::string maps;
  for (const auto& [name, title] : {std::pair{"reward", "recovered reward"},
                                    {"true_reward", "true reward"},
                                    {"values", "values"},
                                    {"occupancy", "expected visits"},
                                    {"marginal_occupancy", "expected given that all is optimal"},
                                    {"demonstrated", "demonstrated visits"}}) {
    if (!file.contains(name)) continue;
    if (const std::vector<double> values = by_state(file, name, states); !values.empty())
      maps += ground.draw(title, values);
  }
  return (maps.empty() ? "" : "<h3>Maps</h3>\n" + maps) + traced_rewards(run.path, ground, states) +
         weights_table(run.result);
}

std::string solved_page(const std::vector<std::string>& files) {
  const auto name = [](const std::string& file) {
    return std::filesystem::path(file).filename().string();
  };
  std::string page = page_begin(files.size() == 1 ? name(files[0]) : "Solved problems");
  for (const std::string& file : files)
    page +=
        (files.size() == 1 ? "" : "<h2>" + escaped(name(file)) + "</h2>\n") + solved_section(file);
  return page + page_end();
}

std::string reproduce_section(const ReportRun& run) {
  std::string html;
  if (!run.result.contains("tables")) return html;
  for (const Json& table : run.result["tables"]) {
    html += "<h3>" + escaped(table["title"].get<std::string>()) + "</h3>\n";
    html += html_table(table["columns"].get<std::vector<std::string>>(),
                       table["rows"].get<std::vector<std::vector<Json>>>());
    if (table.contains("note"))
      html += "<p class=\"small\">" + escaped(table["note"].get<std::string>()) + "</p>\n";
  }
  return html;
}

}  // namespace understudy::cli
