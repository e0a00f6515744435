"""Makes second.json: gradients of Σ v · (d Σ u · f(x) / dx), by PyTorch in float64.

    python3 test/golden/second.py

Each case: { op, options, x, u, v, gradient, second }.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(21)
cases = []


def randn(*shape):
    return torch.round(torch.randn(shape, generator=generator) * 2048) / 2048


def plain(t):
    return {"shape": list(t.shape), "data": [float(f"{v:.15g}") for v in t.detach().flatten().tolist()]}


def case(op, fn, x, options=None):
    x.requires_grad_(True)
    y = fn(x)
    u, v = randn(*y.shape), randn(*x.shape)
    (gradient,) = torch.autograd.grad(y, x, u, create_graph=True)
    (second,) = torch.autograd.grad(gradient, x, v)
    found = {"x": x, "u": u, "v": v, "gradient": gradient, "second": second}
    cases.append({"op": op, "options": options, **{k: plain(t) for k, t in found.items()}})


for op in "exp sin cos tanh sigmoid square reciprocal".split():
    case(op, getattr(torch, op), randn(2, 5))
for op in "log sqrt rsqrt".split():
    case(op, getattr(torch, op), randn(2, 5).abs() + 0.5)
case("softmax", lambda x: x.softmax(1), randn(3, 4), {"dim": 1})
case("logSoftmax", lambda x: x.log_softmax(0), randn(3, 4), {"dim": 0})
case("logsumexp", lambda x: x.logsumexp(1), randn(3, 4), {"dim": 1})
case("norm", lambda x: x.norm(dim=1), randn(3, 4), {"dim": 1})
case("variance", lambda x: x.var(1), randn(3, 4), {"dim": 1})
zeros = torch.tensor([[2.0, 0, 3, 4], [5, 0, 0, 7], [1, 2, 3, 4]])
case("prod", lambda x: x.prod(1), zeros, {"dim": 1})

head = json.dumps({"made_by": "test/golden/second.py", "torch": torch.__version__})[:-1]
lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
Path(__file__).with_name("second.json").write_text(f'{head}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")
