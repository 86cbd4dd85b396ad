#include "cli/reports/page.h"

#include "cli/reports/svg.h"
#include "cli/session/command.h"
#include "kernels/device/version.h"

namespace understudy::cli {

namespace {

// Okabe & Ito's colors (2008), told apart whatever one's color vision, darkened where the paper is
// light and lightened where it is dark; with two more, grey and violet. Pages and pictures in files
// of their own have it.
constexpr const char* drawing_style = R"(
:root { --ink: #1f2430; --faint: #6c7382; --paper: #fcfcfa; --rule: #e2e2da;
  --s0: #0072b2; --s1: #d55e00; --s2: #00845f; --s3: #b8588f; --s4: #a97800; --s5: #3a9bd6;
  --s6: #5d6472; --s7: #6f45b8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e9ec; --faint: #98a0b0; --paper: #16181d; --rule: #343944;
    --s0: #5aa9e6; --s1: #ff8a4c; --s2: #3fc79a; --s3: #e79ac4; --s4: #e0b04a; --s5: #a5d8f7;
    --s6: #a9adb8; --s7: #b594ee; } }
svg text { fill: var(--ink); font-size: 13px; }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); }
.s4 { --c: var(--s4); } .s5 { --c: var(--s5); } .s6 { --c: var(--s6); } .s7 { --c: var(--s7); }
.d1 { stroke-dasharray: 7 4; } .d2 { stroke-dasharray: 2 4; } .d3 { stroke-dasharray: 9 3 2 3; }
polyline { fill: none; stroke: var(--c, var(--ink)); stroke-linejoin: round;
  stroke-linecap: round; stroke-width: 2; }
.grid { stroke: var(--rule); stroke-width: 1; } .axis { stroke: var(--faint); stroke-width: 1; }
.level { --c: var(--faint); stroke-width: 1.5; stroke-dasharray: 5 4; }
.frame { fill: none; stroke: var(--rule); }
.band { fill: var(--c); stroke: none; opacity: .16; }
.dots { fill: none; stroke: var(--c); stroke-width: 3; stroke-linecap: round; opacity: .5; }
.mark { fill: var(--c); stroke: none; } .bar { stroke: var(--c); stroke-width: 6; opacity: .35; }
.named { color: var(--c); fill: var(--c); }
)";

constexpr const char* common_style = R"(
body { margin: 2rem auto; max-width: 960px; padding: 0 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin-bottom: .4rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; margin-bottom: .3rem; }
p.small, figcaption { color: var(--faint); font-size: .88rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; }
th, td { padding: .3rem 1.1rem .3rem 0; text-align: left; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
th { font-weight: 600; } td.number, th.number { text-align: right;
  font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; } table.facts { margin: .2rem 0; font-size: .85rem; }
table.facts td { padding: .15rem 1rem .15rem 0; overflow-wrap: anywhere; }
figure { display: inline-block; margin: .5rem 1.2rem 1rem 0; vertical-align: top;
  max-width: 100%; }
svg { max-width: 100%; height: auto; margin: 2px; vertical-align: top; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; font-size: .85rem; margin: .2rem 0 0;
  padding: 0; list-style: none; max-width: 640px; }
.legend li { color: var(--c); overflow-wrap: anywhere; }
.legend svg { display: inline-block; vertical-align: middle; margin: 0 .35rem 0 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); }
.charts figure { margin: .4rem 0; }
.panels { display: grid; gap: 0 .6rem;
  grid-template-columns: repeat(auto-fill, minmax(max(165px, 30%), 1fr)); }
.panels figure { margin: .3rem 0; }
@media (max-width: 620px) { svg.chart text { font-size: 18px; } td.number { white-space: normal; }
  th, td { padding-right: .7rem; } }
details { margin: .7rem 0; } summary { cursor: pointer; font-weight: 600; }
)";

}  // namespace

std::string svg_file(double width, double height, const std::string& body) {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" " +
         formatted("viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\">\n", width, height,
                   width, height) +
         "<style>text { font-family: system-ui, sans-serif; }" + drawing_style +
         "</style>\n<rect width=\"100%\" height=\"100%\" style=\"fill: var(--paper)\"/>\n" + body +
         "</svg>\n";
}

std::string page_begin(const std::string& title, const std::string& style) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n<title>understudy: " +
         escaped(title) + "</title>\n<style>" + drawing_style + common_style + style +
         "</style></head><body>\n<h1>" + escaped(title) + "</h1>\n";
}

std::string page_end(const std::string& note) {
  return "<p class=\"small\">understudy " + std::string(UNDERSTUDY_VERSION) + note +
         "</p>\n</body></html>\n";
}

std::string folded(const std::string& summary, const std::string& html) {
  if (html.empty()) return "";
  return "<details><summary>" + escaped(summary) + "</summary>\n" + html + "</details>\n";
}

}  // namespace understudy::cli
