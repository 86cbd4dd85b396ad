#!/usr/bin/env python3
"""Draws the time of a sweep over the number of states, logarithmic both, from results.

    bench/draw_growth.py bench/results/zen5_tabular.txt docs/sweep-growth.svg

One thread's rows "soft value iteration sweep, N x N, stencil" and "..., sparse". Dashed lines go on
from the smallest problem in proportion to the states.
"""
import math
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
series = {}
for size, form, time in re.findall(
        r"^soft value iteration sweep, (\d+) x \d+, (stencil|sparse) +1 +(\S+) us", text, re.M):
    series.setdefault(form, []).append((int(size) ** 2, float(time)))

LEFT, TOP, WIDTH, HEIGHT = 70, 30, 560, 340
X, Y = (3, 7), (-1, 5)  # powers of ten: states, microseconds


def at(states, time):
    x = LEFT + WIDTH * (math.log10(states) - X[0]) / (X[1] - X[0])
    y = TOP + HEIGHT * (1 - (math.log10(time) - Y[0]) / (Y[1] - Y[0]))
    return f"{x:.1f},{y:.1f}"


def label(x, y, words, anchor="middle", more=""):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{more}>{words}</text>'


out = ['<svg xmlns="http://www.w3.org/2000/svg" '
       f'viewBox="0 0 {LEFT + WIDTH + 30} {TOP + HEIGHT + 60}" '
       'font-family="sans-serif" font-size="12">'
       '<rect width="100%" height="100%" fill="#fff"/>']
for p in range(X[0], X[1] + 1):
    x = LEFT + WIDTH * (p - X[0]) / (X[1] - X[0])
    out.append(f'<path d="M{x} {TOP}V{TOP + HEIGHT}" stroke="#ddd"/>')
    out.append(label(x, TOP + HEIGHT + 18, f'10<tspan dy="-5" font-size="9">{p}</tspan>'))
for p in range(Y[0], Y[1] + 1):
    y = TOP + HEIGHT * (1 - (p - Y[0]) / (Y[1] - Y[0]))
    name = {-1: "0.1 us", 0: "1 us", 1: "10 us", 2: "100 us", 3: "1 ms", 4: "10 ms", 5: "100 ms"}[p]
    out.append(f'<path d="M{LEFT} {y}H{LEFT + WIDTH}" stroke="#ddd"/>')
    out.append(label(LEFT - 6, y + 4, name, "end"))
out.append(label(LEFT + WIDTH / 2, TOP + HEIGHT + 42, "states"))
for (form, points), color in zip(sorted(series.items()), ("#b3401b", "#1b5fb3")):
    points.sort()
    first, last = points[0], points[-1]
    straight = (last[0], first[1] * last[0] / first[0])
    out.append(f'<polyline points="{at(*first)} {at(*straight)}" fill="none" stroke="{color}" '
               'stroke-dasharray="3 4"/>')
    out.append(f'<polyline points="{" ".join(at(*p) for p in points)}" fill="none" '
               f'stroke="{color}" stroke-width="2"/>')
    out += [f'<circle cx="{x}" cy="{y}" r="3" fill="{color}"/>'
            for x, y in (at(*p).split(",") for p in points)]
    x, y = at(*points[len(points) // 2]).split(",")
    out.append(label(float(x) - 8, float(y) - 10, form, "end", f' fill="{color}"'))
out.append("</svg>")
open(sys.argv[2], "w", encoding="utf-8").write("\n".join(out) + "\n")
