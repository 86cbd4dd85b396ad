#!/usr/bin/env python3
"""Derives the polynomials of kernels/elementwise/math_cpu.h. Needs mpmath; run it to print them.

Each fit is the Remez exchange in 50 digits: on n + 1 points, the n coefficients and the error E are
solved so that weight * (target - approximation) = +E, -E, +E, ...; the points then move to the
extrema of the error, until they stand still. Coefficients are rounded to the target's format one
by one, lowest power first, and the others fitted again around each rounding.

What is printed beside each name is log2 of the largest weighted error: -24 is half a unit in the
last place of f32, -53 of f64.
"""

import sys
from mpmath import mp, mpf, lu_solve, matrix, cos, pi, log

mp.dps = 50
ONE = mpf(1)


def rounded(value, bits):
    """value to the nearest number with `bits` of significand."""
    if value == 0:
        return mpf(0)
    old = mp.prec
    mp.prec = bits
    result = +value
    mp.prec = old
    return result


def remez(target, basis, weight, low, high, grid=500, rounds=9):
    """Coefficients of `basis` nearest to `target` in the largest weighted error, and that error."""
    n = len(basis)
    middle, half = (low + high) / 2, (high - low) / 2
    xs = [middle - half * cos(pi * (2 * i + 1) / (2 * grid)) for i in range(grid)]
    fs = [target(x) for x in xs]
    ws = [weight(x) for x in xs]
    bs = [[b(x) for b in basis] for x in xs]
    # the grid is already in Chebyshev spacing, so equal steps of the index are Chebyshev points
    points = [round(i * (grid - 1) / n) for i in range(n + 1)]
    best = None
    for _ in range(rounds):
        system = matrix(n + 1, n + 1)
        right = matrix(n + 1, 1)
        for k, i in enumerate(points):
            for j in range(n):
                system[k, j] = bs[i][j]
            system[k, n] = (-1) ** k / ws[i]
            right[k] = fs[i]
        solution = lu_solve(system, right)
        c = [solution[j] for j in range(n)]
        error = [ws[i] * (fs[i] - sum(c[j] * bs[i][j] for j in range(n))) for i in range(grid)]
        worst = max(abs(e) for e in error)
        if best is None or worst < best[1]:
            best = (c, worst)
        # one extremum of each run of equal sign
        extrema = []
        for i, e in enumerate(error):
            if extrema and (error[extrema[-1]] > 0) == (e > 0):
                if abs(e) > abs(error[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        if len(extrema) < n + 1:
            break
        while len(extrema) > n + 1:
            extrema.pop(0 if abs(error[extrema[0]]) < abs(error[extrema[-1]]) else -1)
        if extrema == points:
            break
        points = extrema
    return best


def polynomial(target, powers, low, high, bits, weight=lambda x: ONE, fixed=()):
    """Coefficients of x^p for p in `powers`, each rounded to `bits`, of which `fixed` are given."""
    low, high = mpf(low), mpf(high)
    done = list(fixed)
    while True:
        left = powers[len(done):]
        rest = lambda x: target(x) - sum(c * x ** p for c, p in zip(done, powers))
        if not left:
            grid = [low + (high - low) * (i + mpf(1) / 2) / 2000 for i in range(2000)]
            return done, max(abs(weight(x) * rest(x)) for x in grid)
        basis = [lambda x, p=p: x ** p for p in left]
        c, _ = remez(rest, basis, weight, low, high)
        done.append(rounded(c[0], bits))


def rational(target, p_powers, q_powers, low, high, bits, weight):
    """P and Q (its constant 1), P / Q nearest to target: Remez on f Q - P, weighted by 1 / Q."""
    low, high = mpf(low), mpf(high)
    q = [mpf(0)] * len(q_powers)
    for _ in range(7):
        value = lambda x: ONE + sum(c * x ** k for c, k in zip(q, q_powers))
        basis = [lambda x, k=k: x ** k for k in p_powers]
        basis += [lambda x, k=k: -target(x) * x ** k for k in q_powers]
        c, _ = remez(target, basis, lambda x: weight(x) / value(x), low, high)
        p, q = c[:len(p_powers)], c[len(p_powers):]
    p = [rounded(v, bits) for v in p]
    q = [rounded(v, bits) for v in q]
    worst = mpf(0)
    for i in range(2000):
        x = low + (high - low) * (i + mpf(1) / 2) / 2000
        r = sum(c * x ** k for c, k in zip(p, p_powers)) / (
            ONE + sum(c * x ** k for c, k in zip(q, q_powers)))
        worst = max(worst, abs(weight(x) * (target(x) - r)))
    return p, q, worst


def show(name, coefficients, error, bits):
    digits = 10 if bits == 24 else 18
    print(f"{name}  (2^{float(log(error, 2)):.1f})")
    print("  " + ", ".join(mp.nstr(c, digits) for c in coefficients))
    sys.stdout.flush()


FORMATS = (("f32", 24), ("f64", 53))


def exponential():
    # exp(r) = 1 + r + r^2 q(r), |r| <= ln 2 / 2; error relative to exp(r)
    half = mp.log(2) / 2
    for (name, bits), degree in zip(FORMATS, (6, 11)):
        c, e = polynomial(mp.exp, list(range(degree + 1)), -half, half, bits,
                          lambda x: mp.exp(-x), fixed=(ONE, ONE))
        show(f"exp {name}", c[2:], e, bits)


def logarithm():
    # f32: log(1 + f) = f + f^2 q(f) for 1 + f in [0.75, 1.5), error relative to the logarithm
    weight = lambda f: f / mp.log1p(f)
    c, e = polynomial(lambda f: mp.log1p(f) / f, list(range(11)), -0.25, 0.5, 24, weight,
                      fixed=(ONE,))
    show("log f32", c[1:], e, 24)
    # f64: log((1 + s) / (1 - s)) = 2 s + s^3 q(s^2), for (1 + s) / (1 - s) in [0.75, 1.5)
    top = mpf(1) / 5
    c, e = polynomial(lambda z: mp.atanh(mp.sqrt(z)) / mp.sqrt(z) * 2,
                      list(range(9)), 0, top * top, 53,
                      fixed=(mpf(2),))
    show("log f64, in s^2", c[1:], e, 53)


def hyperbolic_tangent():
    # f32: tanh(x) = x P(x^2) / Q(x^2) up to where it rounds to 1
    f = lambda z: mp.tanh(mp.sqrt(z)) / mp.sqrt(z)
    for p, q in ((6, 3), (5, 4), (4, 4)):
        p, q, e = rational(f, list(range(p + 1)), list(range(1, q + 1)), 0, mpf("81.2"), 24,
                           lambda z: 1 / f(z))
        show(f"tanh f32: P {len(p) - 1}, Q {len(q)}", p, e, 24)
        print("  Q 1, " + ", ".join(mp.nstr(c, 10) for c in q))


def error_function():
    # |x| <= 1: erf(x) = x + x P(x^2); beyond: 1 - exp(-P(|x| - 1)), whose
    # error counts erfc times
    f = lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z)
    for (name, bits), degree in zip(FORMATS, (6, 12)):
        c, e = polynomial(lambda z: f(z) - 1, list(range(degree + 1)), mpf(10) ** -12, 1, bits,
                          lambda z: 1 / f(z))
        show(f"erf {name}, in x^2", c, e, bits)
    for (name, bits), degree, end in zip(FORMATS, (7, 20), ("2.95", "4.95")):
        c, e = polynomial(lambda t: -log(mp.erfc(t + 1)), list(range(degree + 1)), 0, mpf(end),
                          bits, lambda t: mp.erfc(t + 1))
        show(f"erf {name}, -log erfc in |x| - 1", c, e, bits)


def circular():
    # |r| <= pi / 4: sin(r) = r + r^3 S(r^2), cos(r) = 1 - r^2 / 2 + r^4 C(r^2)
    top = (pi / 4) ** 2 * mpf("1.005")
    for (name, bits), s, c in zip(FORMATS, (3, 6), (3, 6)):
        v, e = polynomial(lambda z: mp.sin(mp.sqrt(z)) / mp.sqrt(z), list(range(s + 1)),
                          mpf(10) ** -12, top, bits, fixed=(ONE,))
        show(f"sine {name}, in r^2", v[1:], e, bits)
        v, e = polynomial(lambda z: mp.cos(mp.sqrt(z)), list(range(c + 2)), 0, top, bits,
                          fixed=(ONE, mpf(-1) / 2))
        show(f"cosine {name}, in r^2", v[2:], e, bits)
    for bits in (33,):
        rest = pi / 2
        for part in range(3):
            head = rounded(rest, bits)
            print(f"pi/2 part {part + 1}: {mp.nstr(head, 20)}  {float(head).hex()}")
            rest -= head
        print(f"pi/2 part 4: {mp.nstr(rest, 20)}")


def log_for_power():
    # log((1 + s) / (1 - s)) / s = 2 + 2/3 z + z^2 R(z), z = s^2, for (1 + s)/(1 - s) in [0.75, 1.5)
    top = mpf(1) / 25
    f = lambda z: mp.atanh(mp.sqrt(z)) / mp.sqrt(z) * 2
    c, e = polynomial(lambda z: (f(z) - 2 - 2 * z / 3) / z ** 2, list(range(8)), mpf(10) ** -12,
                      top, 53, lambda z: z * z)
    show("log for power, R in s^2", c, e, 53)


FITS = {"exp": exponential, "log": logarithm, "tanh": hyperbolic_tangent, "erf": error_function,
        "circular": circular, "power": log_for_power}

if __name__ == "__main__":
    for name in sys.argv[1:] or FITS:
        FITS[name]()
