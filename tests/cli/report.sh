#!/usr/bin/env bash
# The report: what is on the page, how large it is, and that nothing on it is no number. Run from
# the root after the command is built.
set -u
. tests/cli/checks.bash

# Three columns of actions, the middle one of two modes.
python3 - "$scratch" << 'PYTHON'
import math, random, sys
random.seed(1)
with open(sys.argv[1] + "/three.csv", "w") as file:
    print("episode,t,obs_0,obs_1,act_0,act_1,act_2", file=file)
    for e in range(20):
        for t in range(30):
            a, b = random.uniform(-1, 1), random.uniform(-1, 1)
            acts = (math.tanh(a - b), random.choice((-1, 1)) * (0.5 + 0.3 * b), a * b)
            print(e, t, a, b, *(x + random.gauss(0, 0.05) for x in acts), sep=",", file=file)
PYTHON
cat > "$scratch/page.py" << 'PYTHON'
# page.py FILE: the page as an HTML parser sees it, for checks: `text`, `tags`, `open_text` (what no
# <details> hides), `svgs`; refuses tags that are not closed, attributes that are no numbers, and
# texts and points that lie outside of their picture.
import html.parser, re, sys
source = open(sys.argv[1]).read()
void = {"meta", "animate", "circle", "rect", "path", "polyline", "polygon", "ellipse", "line"}
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.stack, self.text, self.open_text, self.tags, self.box = [], [], [], [], None
    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag == "svg" and "viewbox" in attributes:
            self.box = [float(x) for x in attributes["viewbox"].split()]
        if tag == "text" and self.box:
            x, y = float(attributes["x"]), float(attributes["y"])
            assert 0 <= x <= self.box[2] and 8 <= y <= self.box[3], (attributes, self.box)
        if tag in ("polyline", "polygon"):
            for point in attributes["points"].split():
                x, y = map(float, point.split(","))
                assert -3 <= x <= self.box[2] + 3 and -3 <= y <= self.box[3] + 3, (point, self.box)
        if tag not in void:
            self.stack.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in void:
            self.stack.pop()
    def handle_endtag(self, tag):
        if tag in void:
            return
        assert self.stack and self.stack[-1] == tag, (tag, self.stack)
        self.stack.pop()
    def handle_data(self, data):
        if "style" in self.stack:
            return
        self.text.append(data)
        if "details" not in self.stack:
            self.open_text.append(data)
page = Page()
page.feed(source)
assert not page.stack, page.stack
text, shown = " ".join(page.text), " ".join(page.open_text)
assert not re.search(r"(?<![a-z])-?(nan|inf)(?![a-z])", source, re.I), \
    re.search(r".{30}(?<![a-z])-?(nan|inf)(?![a-z]).{30}", source, re.I)
labels = [attributes for tag, attributes in page.tags if tag == "text"]
PYTHON
# look PAGE: Python on standard input asserts something of the page.
look() { { cat "$scratch/page.py"; cat; } > "$scratch/look.py"; whole "$1"
  python3 "$scratch/look.py" "$1" 2>&1 | tail -n 3; }

"$understudy" train bc --demos "$scratch/three.csv" --device cpu --set hidden=8 --set steps=20 \
  --seeds 0-2 --sweep head=gaussian,mixture,full_gaussian,independent_bins --iterations 6 \
  --out "$scratch/heads" --quiet 2> "$scratch/err"
"$understudy" report "$scratch/heads" --out "$scratch/heads.html" --json > "$scratch/report.json" \
  2>> "$scratch/err"
hold "four heads of three seeds are less than 1 MB" "$(json "$scratch/report.json" \
  'found["runs"] == 12 and found["bytes"] < 1000000')$(cat "$scratch/err")"
hold "results stand first, seeds together, with means and intervals" "$(
  look "$scratch/heads.html" << 'PYTHON'
for head in ("gaussian", "mixture", "full_gaussian", "independent_bins"):
    row = re.search(rf'<td class="named s\d">bc head={head}</td><td class="number">3</td>'
                    r'(<td class="number">-?[\d.]+ \(-?[\d.]+\sto\s-?[\d.]+\)</td>){2}', source)
    assert row, head
    assert row.start() < source.index("<svg"), "a picture before the table"
assert "validation loss, IQM" in shown and "Performance profile" in shown
PYTHON
)"
hold "names have their curves' colors, which differ" "$(look "$scratch/heads.html" << 'PYTHON'
legends = re.findall(r'<li class="(s\d[^"]*)"><svg[^>]*><polyline class="([^"]*)"[^>]*/></svg>'
                     r'(bc head=\w+)', source)
assert len(legends) >= 12 and all(one == line for one, line, _ in legends), legends
assert len({(color, name) for color, _, name in legends}) == 4, legends
colors = dict(re.findall(r"--(s\d): (#[0-9a-f]{6})", source.split("@media")[0]))
dark = dict(re.findall(r"--(s\d): (#[0-9a-f]{6})", source.split("prefers-color-scheme: dark")[1]))
assert len(set(colors.values())) == 8 == len(set(dark.values()))
PYTHON
)"
hold "curves of validation, with bands" "$(look "$scratch/heads.html" << 'PYTHON'
learning = source[source.index("<h2>Learning"):]
first = learning[:learning.index("</figure>")]
assert ">validation<" in first and first.count('class="band ') == 4, first[:500]
PYTHON
)"
hold "every column of the action has its picture, with axes and ticks" "$(
  look "$scratch/heads.html" << 'PYTHON'
for name in ("act_0", "act_1", "act_2"):
    assert shown.count(name) >= 4 * 2, name
for panels in re.findall(r'<div class="panels">.*?</div>', source, re.S):
    for picture in re.findall(r"<svg.*?</svg>", panels, re.S):
        assert picture.count("<text") >= 5 and 'class="axis"' in picture and "dots" in picture
PYTHON
)"
hold "settings are folded, what differs first, nothing empty" "$(
  look "$scratch/heads.html" << 'PYTHON'
assert "learning_rate" not in shown and "learning_rate" in text
settings = source[source.index("<summary>Settings"):]
assert settings.index("What differs") < settings.index("<figcaption>the run")
assert not re.search(r"<tr><td>\w+</td><td></td></tr>", settings)
PYTHON
)"

# An environment of one's own, gone by the time that the report is made.
mkdir "$scratch/include" && ln -s "$PWD" "$scratch/include/understudy"
if "${CC:-cc}" -O1 -shared -fPIC -I"$scratch/include" docs/examples/spring/spring.c \
  -o "$scratch/spring.so" -lm 2> "$scratch/err"; then
  "$understudy" expert "$scratch/spring.so" --out "$scratch/gone" --iterations 2 --quiet \
    --set num_envs=4 --set steps_per_iteration=200 --set hidden=4 --set baseline.hidden=4 \
    --device cpu 2>> "$scratch/err"
  mv "$scratch/spring.so" "$scratch/moved.so"
  "$understudy" report "$scratch/gone" --out "$scratch/gone.html" --quiet 2>> "$scratch/err"
  hold "a run whose environment is gone is reported" "$(look "$scratch/gone.html" << 'PYTHON'
assert "mean return" in shown and "No episode" in shown and "spring.so" in shown, shown[:600]
PYTHON
  )$(cat "$scratch/err")"
  "$understudy" eval "$scratch/gone" --json > "$scratch/eval.json" 2> "$scratch/err"
  hold "and evaluated as it was left, with a remark" "$(json "$scratch/eval.json" \
    '"return_mean" in found and "not played again" in found["remark"]')$(
    grep -q '^remark: .*spring.so' "$scratch/err" || cat "$scratch/err")"
else
  hold "the example of an environment compiles" "$(cat "$scratch/err")"
fi

# One run of each kind, and runs that did not end.
"$understudy" world objectworld --size 4 --out "$scratch/object.npz" --demos "$scratch/shown.npz" \
  --quiet
for algorithm in max_causal_entropy projection; do
  "$understudy" irl $algorithm --mdp "$scratch/object.npz" --demos "$scratch/shown.npz" \
    --out "$scratch/rewards/$algorithm" --iterations 5 --quiet 2>> "$scratch/err"
done
"$understudy" report "$scratch/rewards" --out "$scratch/rewards.html" --quiet 2> "$scratch/err"
hold "rewards are compared by what all share" "$(look "$scratch/rewards.html" << 'PYTHON'
table = source[source.index("<h2>Results"):source.index("<svg")]
assert "expected value difference" in table and "projection" in table, table
PYTHON
)$(cat "$scratch/err")"
rm "$scratch/heads/head=mixture/seed-1/result.json"
echo '{"error": "no loss & <more>"}' > "$scratch/heads/head=mixture/seed-1/failure.json"
"$understudy" report "$scratch/heads/head=mixture" --out "$scratch/failed.html" --quiet \
  2> "$scratch/err"
hold "failures are counted, and say why" "$(look "$scratch/failed.html" << 'PYTHON'
assert re.search(r'<th class="number">failed</th>', source) and "&amp; &lt;more&gt;" in source
PYTHON
)$(cat "$scratch/err")"
mkdir "$scratch/empty"
refuse "a folder without runs" "empty: expected a run" report "$scratch/empty" \
  --out "$scratch/no.html"
sum_up
