// What a report shows of rewards that were recovered, and of reproductions: tables of weights, maps
// of reward, values, visits and demonstrations.

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "autograd/files/npz.h"
#include "cli/reports/report.h"
#include "cli/reports/svg.h"

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

std::string heat_map(const std::string& title, std::int64_t height, std::int64_t width,
                     const std::vector<double>& values) {
  const Span span(values);
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
  const double pixels = 256.0 / static_cast<double>(std::max(height, width));
  const double across = std::max(120.0, pixels * static_cast<double>(width)),
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

std::string irl_section(const ReportRun& run) {
  std::string html;
  if (run.result.contains("weights") && run.result["weights"].is_array()) {
    const Json& weights = run.result["weights"];
    const bool errors = run.result.contains("standard_errors");
    std::vector<std::vector<Json>> rows;
    for (std::size_t i = 0; i < weights.size() && weights.size() <= 100; ++i) {
      rows.push_back({i, weights[i]});
      if (!errors) continue;
      const Json& error = run.result["standard_errors"][i];
      rows.back().push_back(error);
      if (weights[i].is_number() && error.is_number())
        rows.back().push_back(weights[i].get<double>() / error.get<double>());
    }
    const std::vector<std::string> names = {"feature", "weight", "standard error", "t"};
    if (!rows.empty())
      html += "<h3>Weights</h3>\n" +
              html_table({names.begin(), names.begin() + (errors ? 4 : 2)}, rows);
  }
  const std::string path = run.path + "/reward.npz";
  if (!std::filesystem::is_regular_file(path)) return html;
  const files::Npz file = files::Npz::open(path);
  const std::size_t states = read(file, "occupancy").size();
  std::vector<double> coordinates;
  if (file.contains("coordinates")) coordinates = read(file, "coordinates");
  std::vector<double> shape = {1, static_cast<double>(states)};
  if (file.contains("shape")) shape = read(file, "shape");
  std::string maps;
  for (const auto& [name, title] : {std::pair{"reward", "recovered reward"},
                                    {"true_reward", "true reward"},
                                    {"values", "values"},
                                    {"occupancy", "expected visits"},
                                    {"demonstrated", "demonstrated visits"}}) {
    if (!file.contains(name)) continue;
    const std::vector<double> values = by_state(file, name, states);
    if (values.empty()) continue;
    maps += !coordinates.empty() ? network_map(title, coordinates, values)
                                 : heat_map(title, static_cast<std::int64_t>(shape[0]),
                                            static_cast<std::int64_t>(shape[1]), values);
  }
  return maps.empty() ? html : html + "<h3>Maps</h3>\n" + maps;
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
