"""Writes golden.npz: an MLP, an LSTM, a GRU and a convolutional network with given weights and
inputs, their outputs and gradients, as PyTorch computes them in double precision on the CPU.

    python3 tests/golden/make_golden.py        (PyTorch and NumPy; run once, the file is kept)
"""

import os

import numpy as np
import torch

torch.manual_seed(20261121)
torch.set_default_dtype(torch.float64)
out = {"torch_version": np.frombuffer(torch.__version__.encode(), dtype=np.uint8)}


def keep(name, tensor):
    out[name] = np.ascontiguousarray(tensor.detach().numpy())


def gradient_of(loss, **tensors):
    keep(next(iter(tensors)).split("/")[0] + "/loss", loss)
    for name, gradient in zip(tensors, torch.autograd.grad(loss, list(tensors.values()))):
        keep(name + "/gradient", gradient)


def leaf(*shape, scale=0.5):
    return (scale * torch.randn(*shape)).requires_grad_()


# Two tanh layers and a linear one; our weights are [inputs, outputs].
x, w1, b1, w2, b2 = leaf(7, 5), leaf(5, 8), leaf(8), leaf(8, 3), leaf(3)
y = torch.tanh(x @ w1 + b1) @ w2 + b2
tensors = {"mlp/x": x, "mlp/w1": w1, "mlp/b1": b1, "mlp/w2": w2, "mlp/b2": b2}
for name, tensor in tensors.items():
    keep(name, tensor)
keep("mlp/y", y)
gradient_of((torch.log_softmax(y, 1) ** 2).mean(), **tensors)

# Recurrent layers: PyTorch's weights are [gates * hidden, inputs], its two biases are one of ours.
for kind in ("lstm", "gru"):
    layer = getattr(torch.nn, kind.upper())(4, 6, batch_first=True)
    x = leaf(3, 5, 4)
    h0 = leaf(3, 6)
    c0 = leaf(3, 6)
    y, last = layer(x, (h0[None], c0[None]) if kind == "lstm" else h0[None])
    wi, wh = layer.weight_ih_l0, layer.weight_hh_l0
    bi, bh = layer.bias_ih_l0, layer.bias_hh_l0
    loss = (y ** 2).mean()
    if kind == "lstm":
        loss = loss + (last[1] ** 2).mean()
    names = ["x", "wi", "wh", "bi", "bh", "h0"] + (["c0"] if kind == "lstm" else [])
    leaves = [x, wi, wh, bi, bh, h0] + ([c0] if kind == "lstm" else [])
    keep(kind + "/y", y)
    keep(kind + "/loss", loss)
    for name, tensor, gradient in zip(names, leaves, torch.autograd.grad(loss, leaves)):
        flip = (lambda t: t.T) if name in ("wi", "wh") else (lambda t: t)
        keep(f"{kind}/{name}", flip(tensor))
        keep(f"{kind}/{name}/gradient", flip(gradient))

# Two convolutions, a pooling, and a linear layer.
x, w1, b1 = leaf(2, 3, 9, 8), leaf(4, 3, 3, 3), leaf(4)
w2, b2 = leaf(5, 4, 2, 2), leaf(5)
hidden = torch.relu(torch.nn.functional.conv2d(x, w1, b1, stride=2, padding=1))
hidden = torch.nn.functional.max_pool2d(torch.tanh(
    torch.nn.functional.conv2d(hidden, w2, b2)), 2, 2)
hidden = hidden.flatten(1)
w3 = leaf(hidden.shape[1], 2)
y = hidden @ w3
tensors = {"conv/x": x, "conv/w1": w1, "conv/b1": b1, "conv/w2": w2, "conv/b2": b2, "conv/w3": w3}
for name, tensor in tensors.items():
    keep(name, tensor)
keep("conv/y", y)
gradient_of((y ** 2).mean(), **tensors)

np.savez(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.npz"), **out)
print(f"{len(out)} arrays, PyTorch {torch.__version__}")
