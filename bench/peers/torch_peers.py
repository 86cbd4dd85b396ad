"""PyTorch on the work of bench/marks.h.

usage: torch_peers.py installed|tuned|compiled THREADS [FILTER]

Prints lines of "work",threads,unit,figure,peer: the median of repeated samples after a warm-up.
"installed" and "tuned" run eagerly, tuned with the fused optimizer where that is faster;
"compiled" is the same work through torch.compile, in the tuned environment.
"""

import statistics
import sys
import time

import torch

variant, threads = sys.argv[1], int(sys.argv[2])
wanted = sys.argv[3] if len(sys.argv) > 3 else ""
torch.set_num_threads(threads)
torch.manual_seed(0)
peer = f"PyTorch {torch.__version__.split('+')[0]} {variant}"


def seconds(work, budget=0.5, samples=7):
    """The median time of one call, from samples that share `budget` seconds."""
    for _ in range(3):  # a compiled one compiles now
        work()
    start = time.perf_counter()
    work()
    once = time.perf_counter() - start
    calls = max(1, int(budget / samples / max(once, 1e-7)))
    times = []
    for _ in range(samples):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times)


def report(work, unit, figure):
    print(f'"{work}",{threads},{unit},{figure:.6g},{peer}', flush=True)


def timed(work, *candidates):
    """Reports the fastest of the candidates that run at all."""
    best = None
    for candidate in candidates:
        try:
            taken = seconds(candidate())
        except Exception as error:  # A compiler that is not there, an operation that it lacks.
            print(f"{work}: {type(error).__name__}: {error}"[:200], file=sys.stderr)
            continue
        best = taken if best is None else min(best, taken)
    if best is not None:
        report(work, "us", best * 1e6)


def mlp(inputs, outputs):
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, 100), torch.nn.Tanh(),
        torch.nn.Linear(100, 100), torch.nn.Tanh(),
        torch.nn.Linear(100, outputs))


def stepper(make_loss, parameters, fused, compiled):
    """A function that makes one training step with Adam."""
    adam = torch.optim.Adam(parameters, lr=1e-3, fused=fused)
    loss = torch.compile(make_loss) if compiled else make_loss

    def step():
        adam.zero_grad(set_to_none=True)
        loss().backward()
        adam.step()
    return step


def variants(make_loss, parameters):
    """Eager as installed; tuned adds the fused optimizer; the compiler goes alone."""
    plain = [lambda: stepper(make_loss, parameters, False, False)]
    if variant == "compiled":
        return [lambda: stepper(make_loss, parameters, True, True)]
    if variant == "tuned":
        return plain + [lambda: stepper(make_loss, parameters, True, False)]
    return plain


def forward_variants(work):
    """Work without an optimizer, eager or compiled."""
    return [lambda: torch.compile(work) if variant == "compiled" else work]


def products():
    if variant == "compiled":
        return  # one call of the same library
    for m, k, n in [(1024, 1024, 1024), (2048, 2048, 2048)]:
        x, w = torch.randn(m, k), torch.randn(k, n)
        out = torch.empty(m, n)
        taken = seconds(lambda: torch.mm(x, w, out=out))
        report(f"sgemm {m} x {k} x {n} forward", "GFLOP/s", 2e-9 * m * k * n / taken)
    for m in [64, 256, 1024, 5000, 50000]:
        for k, n in [(256, 256), (100, 100), (17, 100), (100, 6)]:
            x, w, y = torch.randn(m, k), torch.randn(k, n), torch.randn(m, n)
            out_y, out_x, out_w = torch.empty(m, n), torch.empty(m, k), torch.empty(k, n)
            for name, work in [("forward", lambda: torch.mm(x, w, out=out_y)),
                               ("dX", lambda: torch.mm(y, w.t(), out=out_x)),
                               ("dW", lambda: torch.mm(x.t(), y, out=out_w))]:
                taken = seconds(work, budget=0.2)
                report(f"sgemm {m} x {k} x {n} {name}", "GFLOP/s", 2e-9 * m * k * n / taken)


def training_steps():
    for batch in [64, 256, 1024, 5000, 50000]:
        net = mlp(17, 6)
        log_std = torch.zeros(6, requires_grad=True)
        state, action = torch.randn(batch, 17), torch.randn(batch, 6)

        def loss():
            z = (action - net(state)) * torch.exp(-log_std)
            return 0.5 * (z * z).sum(1).mean() + log_std.sum()
        timed(f"training step, batch {batch}", *variants(loss, [*net.parameters(), log_std]))


def fisher_vector_products():
    """By hand: a tangent pass and a backward pass over cached activations."""
    for batch in [5000, 50000]:
        net = mlp(17, 6)
        w1, b1, w2, b2, w3, b3 = [p.detach() for p in net.parameters()]
        v1, c1, v2, c2, v3, c3 = [torch.randn_like(p) for p in (w1, b1, w2, b2, w3, b3)]
        x = torch.randn(batch, 17)
        h1 = torch.tanh(torch.addmm(b1, x, w1.t()))
        h2 = torch.tanh(torch.addmm(b2, h1, w2.t()))
        d1, d2 = 1 - h1 * h1, 1 - h2 * h2

        def product():
            t1 = torch.addmm(c1, x, v1.t()).mul_(d1)
            t2 = torch.addmm(c2, h1, v2.t()).addmm_(t1, w2.t()).mul_(d2)
            t3 = torch.addmm(c3, h2, v3.t()).addmm_(t2, w3.t()).div_(batch)
            u2 = torch.mm(t3, w3).mul_(d2)
            u1 = torch.mm(u2, w2).mul_(d1)
            return (torch.mm(u1.t(), x), u1.sum(0), torch.mm(u2.t(), h1), u2.sum(0),
                    torch.mm(t3.t(), h2), t3.sum(0))
        with torch.no_grad():
            timed(f"Fisher-vector product, batch {batch}", *forward_variants(product))


def other_networks():
    lstm, head = torch.nn.LSTM(17, 64, batch_first=True), torch.nn.Linear(64, 6)
    sequence, target = torch.randn(32, 50, 17), torch.randn(32, 50, 6)

    def lstm_loss():
        return ((head(lstm(sequence)[0]) - target) ** 2).mean()
    timed("LSTM(64), 50 steps, batch 32",
          *variants(lstm_loss, [*lstm.parameters(), *head.parameters()]))

    relu = torch.nn.ReLU
    nature = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 8, 4), relu(), torch.nn.Conv2d(32, 64, 4, 2), relu(),
        torch.nn.Conv2d(64, 64, 3, 1), relu(), torch.nn.Flatten(),
        torch.nn.Linear(1024, 512), relu(), torch.nn.Linear(512, 6))
    small = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3, 2, 1), relu(), torch.nn.Conv2d(32, 64, 3, 2, 1), relu(),
        torch.nn.Conv2d(64, 64, 3, 2, 1), relu(), torch.nn.Conv2d(64, 64, 3, 2, 1), relu(),
        torch.nn.Flatten(), torch.nn.Linear(1024, 512), relu(), torch.nn.Linear(512, 6))
    images, wanted_actions = torch.randn(32, 3, 64, 64), torch.randn(32, 6)
    for name, net in [("Nature CNN", nature), ("3x3 CNN", small)]:
        timed(f"{name}, 32 images",
              *variants(lambda: ((net(images) - wanted_actions) ** 2).mean(), net.parameters()))
    if threads == 1:
        one = torch.randn(1, 3, 64, 64)
        with torch.inference_mode():
            timed("act, Nature CNN", *forward_variants(lambda: nature(one)))


def acting():
    if threads != 1:
        return
    net, state = mlp(17, 6), torch.randn(1, 17)
    scale = torch.full((1, 6), 0.5)
    cell = torch.nn.LSTMCell(17, 64)
    hidden = (torch.zeros(1, 64), torch.zeros(1, 64))

    def sample():
        distribution = torch.distributions.Normal(net(state), scale, validate_args=False)
        action = distribution.sample()
        return action, distribution.log_prob(action).sum(-1)
    with torch.inference_mode():
        timed("act, MLP", *forward_variants(lambda: net(state)))
        timed("act, MLP with sampling", *forward_variants(sample))
        timed("act, LSTM step", *forward_variants(lambda: cell(state, hidden)))


def policies():
    lstm, head = torch.nn.LSTM(7, 64, batch_first=True), torch.nn.Linear(64, 100)
    seen, offset, counted = torch.randn(32, 96, 7), torch.randn(32, 96, 1, 2), torch.ones(32, 96)

    def mixture_loss():
        weight, mean, deviation = head(lstm(seen)[0]).split([20, 40, 40], -1)
        log_std = deviation.view(32, 96, 20, 2)
        z = (offset - mean.view(32, 96, 20, 2)) * torch.exp(-log_std)
        each = (-0.5 * z * z - log_std).sum(-1)
        log_density = torch.logsumexp(torch.log_softmax(weight, -1) + each, -1)
        return -(log_density * counted).sum() / counted.sum()
    timed("mixture LSTM, 32 drawings of 96 offsets",
          *variants(mixture_loss, [*lstm.parameters(), *head.parameters()]))

    # A network of 23-64-64-64 a dimension, which sees those drawn before it.
    nets = [torch.nn.Sequential(torch.nn.Linear(17 + d, 64), torch.nn.ReLU(),
                                torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64))
            for d in range(6)]
    for batch in [1, 1024]:
        if batch == 1 and threads > 1:
            continue
        state = torch.randn(batch, 17)

        def draw():
            known = state
            for net in nets:
                # The greatest of logits plus Gumbel noise is a draw, and cheaper than multinomial.
                noise = torch.empty(batch, 64).exponential_().log_()
                chosen = (net(known) - noise).argmax(-1, keepdim=True)
                known = torch.cat([known, chosen.to(torch.float32) / 32 - 1], -1)
            return known
        with torch.inference_mode():
            timed(f"draw of 6 x 64 bins, batch {batch}", *forward_variants(draw))


def relu_net(inputs, width, outputs):
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, width), torch.nn.ReLU(),
        torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, outputs))


def follow(targets, networks, rate=0.005):
    with torch.no_grad():
        mine = [p for net in targets for p in net.parameters()]
        theirs = [p for net in networks for p in net.parameters()]
        torch._foreach_lerp_(mine, theirs, rate)


def replayed(rows, observed, acted):
    table = [torch.randn(rows, observed), acted, torch.randn(rows), torch.randn(rows, observed),
             (torch.rand(rows) < 0.01).float()]

    def draw(batch):
        index = torch.randint(rows, (batch,))
        return [column[index] for column in table]

    return draw


def dqn(compiled, fused):
    batch, discount = 64, 0.99
    net, target = relu_net(4, 64, 2), relu_net(4, 64, 2)
    draw = replayed(10000, 4, torch.randint(2, (10000,)))
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=fused)

    def loss_of(o, a, r, following, ended):
        with torch.no_grad():
            best = net(following).argmax(1, keepdim=True)
            value = target(following).gather(1, best)[:, 0]
            aim = r + discount * (1 - ended) * value
        q = net(o).gather(1, a[:, None])[:, 0]
        return torch.nn.functional.smooth_l1_loss(q, aim)

    loss_function = torch.compile(loss_of) if compiled else loss_of

    def step():
        adam.zero_grad(set_to_none=True)
        loss_function(*draw(batch)).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 10)
        adam.step()
        follow([target], [net])

    return step


def sac(compiled, fused):
    batch, discount = 256, 0.99
    actor = relu_net(3, 256, 2)
    critics = [relu_net(4, 256, 1) for _ in range(2)]
    targets = [relu_net(4, 256, 1) for _ in range(2)]
    log_alpha = torch.zeros(1, requires_grad=True)
    draw = replayed(10000, 3, torch.rand(10000, 1) * 2 - 1)
    of_critics = [p for net in critics for p in net.parameters()]
    optimizers = [torch.optim.Adam(p, lr=3e-4, fused=fused)
                  for p in (of_critics, list(actor.parameters()), [log_alpha])]

    def drawn(o):
        mean, log_std = actor(o).chunk(2, 1)
        log_std = -5 + 3.5 * (torch.tanh(log_std) + 1)
        noise = torch.randn_like(mean)
        u = mean + log_std.exp() * noise
        log_p = -0.5 * noise ** 2 - log_std - 0.918939 - 2 * (
            0.693147 - u - torch.nn.functional.softplus(-2 * u))
        return torch.tanh(u), log_p.sum(1)

    def least(nets, o, a):
        x = torch.cat([o, a], 1)
        return torch.minimum(nets[0](x), nets[1](x))[:, 0]

    def critic_loss(o, a, r, following, ended, alpha):
        with torch.no_grad():
            then, log_p = drawn(following)
            aim = r + discount * (1 - ended) * (least(targets, following, then) - alpha * log_p)
        x = torch.cat([o, a], 1)
        return sum(0.5 * ((net(x)[:, 0] - aim) ** 2).mean() for net in critics)

    def policy_loss(o, alpha):
        a, log_p = drawn(o)
        return (alpha * log_p - least(critics, o, a)).mean(), log_p

    losses = [torch.compile(f) if compiled else f for f in (critic_loss, policy_loss)]

    def step():
        o, a, r, following, ended = draw(batch)
        alpha = log_alpha.exp().detach()
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        losses[0](o, a, r, following, ended, alpha).backward()
        optimizers[0].step()
        # As usual: the critics' own gradients of the policy's loss are not asked for.
        for p in of_critics:
            p.requires_grad_(False)
        of_policy, log_p = losses[1](o, alpha)
        of_policy.backward()
        for p in of_critics:
            p.requires_grad_(True)
        optimizers[1].step()
        (-log_alpha * (log_p.detach().mean() - 1)).sum().backward()
        optimizers[2].step()
        follow(targets, critics)

    return step


def off_policy():
    for work, make in [("DQN update on CartPole, 2 x 64, batch 64", dqn),
                       ("SAC update, 2 x 256, batch 256", sac)]:
        compiled = variant == "compiled"
        fused = [False] if variant == "installed" else [False, True]
        timed(work, *[lambda f=f: make(compiled, f) for f in fused])


for group in [products, training_steps, fisher_vector_products, other_networks, acting, policies,
              off_policy]:
    if wanted in group.__name__:
        group()
