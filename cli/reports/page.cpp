#include "cli/reports/page.h"

#include "cli/reports/svg.h"
#include "kernels/device/version.h"

namespace understudy::cli {

namespace {

constexpr const char* common_style = R"(
:root { --ink: #1f2430; --faint: #8a91a0; --paper: #fcfcfa; --rule: #e4e4de;
  --s0: #1f6feb; --s1: #d97706; --s2: #3f7d4e; --s3: #c0392b; --s4: #7d4fc4; --s5: #0f8b8d; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e9ec; --faint: #8d95a5; --paper: #16181d; --rule: #333843;
    --s0: #6ea8fe; --s1: #f0b455; --s2: #5da46f; --s3: #ef7f72; --s4: #b594ee; --s5: #5cc5c7; } }
body { margin: 2.5rem auto; max-width: 860px; padding: 0 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin-bottom: .4rem; } h2 { font-size: 1.2rem; margin-top: 2.4rem; }
h3 { font-size: 1rem; }
p.small, figcaption { color: var(--faint); font-size: .88rem; }
table { border-collapse: collapse; margin: 1.1rem 0; }
th, td { padding: .3rem 1.1rem .3rem 0; text-align: left; border-bottom: 1px solid var(--rule); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; } table.facts { margin: .2rem 0; font-size: .85rem; }
table.facts td { padding: .15rem 1rem .15rem 0; }
figure { display: inline-block; margin: .5rem 1.2rem 1rem 0; vertical-align: top; }
svg { max-width: 100%; height: auto; margin: 2px; } svg text { fill: var(--ink); font-size: 12px; }
polyline { fill: none; stroke-linejoin: round; stroke-linecap: round; stroke-width: 2; }
.grid { stroke: var(--rule); stroke-width: 1; } .axis { stroke: var(--faint); stroke-width: 1; }
.level { stroke: var(--faint); stroke-width: 1.5; stroke-dasharray: 5 4; }
.frame { fill: none; stroke: var(--rule); }
.s0 { stroke: var(--s0); } .s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); }
.s3 { stroke: var(--s3); } .s4 { stroke: var(--s4); } .s5 { stroke: var(--s5); }
.c0 { color: var(--s0); } .c1 { color: var(--s1); } .c2 { color: var(--s2); }
.c3 { color: var(--s3); } .c4 { color: var(--s4); } .c5 { color: var(--s5); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); }
.charts figure { margin: .4rem 0; }
)";

}  // namespace

std::string page_begin(const std::string& title, const std::string& style) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>understudy: " +
         escaped(title) + "</title>\n<style>" + common_style + style +
         "</style></head><body>\n<h1>" + escaped(title) + "</h1>\n";
}

std::string page_end(const std::string& note) {
  return "<p class=\"small\">understudy " + std::string(UNDERSTUDY_VERSION) + note +
         "</p>\n</body></html>\n";
}

}  // namespace understudy::cli
