"""Makes operators.json: activations, losses, indexing and rearrangement with their gradients, computed by PyTorch in float64.

    python3 test/golden/operators.py

Made with PyTorch 1.13 (CPU); the format is that of ops.json, told in ops.py.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(21)
cases = []
weighted_losses = ["crossEntropy", "nllLoss", "multiMarginLoss", "bceLoss", "bceWithLogitsLoss"]


def grid(t):
    return torch.round(t * 2048) / 2048


def randn(*shape):
    return grid(torch.randn(shape, generator=generator))


def positive(*shape):
    return grid(0.25 + 2 * torch.rand(shape, generator=generator))


def values(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def ints(high, *shape):
    return torch.randint(high, shape, generator=generator)


def number(x):
    x = float(f"{x:.15g}")
    return int(x) if x == int(x) else x


def plain(x):
    """What JSON holds for x."""
    if not isinstance(x, torch.Tensor):
        return x
    t = {"shape": list(x.shape), "data": [number(v) for v in x.detach().flatten().tolist()]}
    if not x.is_floating_point():
        t["dtype"] = "int32"
    return t


def case(name, op, fn, args, options=None):
    """Runs fn(*args, **options), options in camelCase, and keeps what came."""
    options = options or {}
    inputs = {str(i): a for i, a in enumerate(args)} | options
    inputs = {k: v for k, v in inputs.items() if isinstance(v, torch.Tensor) and v.is_floating_point()}
    if op in weighted_losses:  # weights have no gradient
        inputs.pop("weight", None)
        inputs.pop("posWeight", None)
    for v in inputs.values():
        v.requires_grad_(True)
    output = fn(*args, **options)
    upstream = randn(*output.shape)
    grads = torch.autograd.grad(output, list(inputs.values()), upstream, allow_unused=True)
    grads = {k: torch.zeros_like(v) if g is None else g for (k, v), g in zip(inputs.items(), grads)}
    assert all(torch.isfinite(t).all() for t in [output, *grads.values()]), name
    cases.append({
        "name": f"{op}: {name}",
        "op": op,
        "args": [plain(a) for a in args],
        "options": {k: plain(v) for k, v in options.items()},
        "output": plain(output),
        "gradOutput": plain(upstream),
        "grads": {k: plain(g) for k, g in grads.items()},
    })  # fmt: skip


# Activations

hardsigmoid = lambda x: F.relu6(x + 3) / 6  # F.hardsigmoid's gradient has 1/6 in float32, in float64 too


def act(op, fn, *names, **options):
    for name, x in {"normal": randn(3, 8), "wide": grid(6 * torch.randn(2, 9, generator=generator))}.items():
        case(", ".join([name, *names]), op, fn, [x], options)


for op, fn in {
    "expm1": torch.expm1,
    "erf": torch.erf,
    "silu": F.silu,
    "hardswish": F.hardswish,
    "hardsigmoid": hardsigmoid,
    "selu": F.selu,
    "logSigmoid": F.logsigmoid,
    "softsign": F.softsign,
    "relu6": F.relu6,
}.items():
    act(op, fn)
case("positive", "log1p", torch.log1p, [positive(3, 8)])
act("gelu", F.gelu)
act("gelu", F.gelu, "tanh", approximate="tanh")
act("leakyRelu", F.leaky_relu)
act("leakyRelu", lambda x, negativeSlope: F.leaky_relu(x, negativeSlope), "0.2", negativeSlope=0.2)
act("elu", F.elu)
act("elu", F.elu, "alpha 0.5", alpha=0.5)
act("softplus", F.softplus)
act("softplus", F.softplus, "beta 2, threshold 3", beta=2, threshold=3)
act("hardtanh", F.hardtanh)
act("hardtanh", lambda x, minVal, maxVal: F.hardtanh(x, minVal, maxVal), "-0.5 to 2", minVal=-0.5, maxVal=2)
edges = lambda: values(-6, -3, -1, 0, 1, 3, 6)
for op, fn in {
    "hardswish": F.hardswish,
    "hardsigmoid": hardsigmoid,
    "hardtanh": F.hardtanh,
    "relu6": F.relu6,
    "leakyRelu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
}.items():
    case("at zero and at the edges", op, fn, [edges()])
case("large arguments", "softplus", F.softplus, [values(-100, -30, 19.5, 20.5, 100)])
case("large arguments", "logSigmoid", F.logsigmoid, [values(-100, -30, 0, 30, 100)])
case("large arguments", "silu", F.silu, [values(-100, -30, 0, 30, 100)])
case("large arguments", "gelu", F.gelu, [values(-40, -6, 0, 6, 40)])


# Losses

unit = lambda *shape: grid(0.05 + 0.9 * torch.rand(shape, generator=generator))
labels = torch.tensor([3, 0, 3, 6, 1, 3])


def nll_loss(x, target, weight=None, ignoreIndex=-100, reduction="mean"):
    return F.nll_loss(x, target, weight, None, ignoreIndex, None, reduction)


def smooth_l1(x, y, beta=1.0, reduction="mean"):
    return F.smooth_l1_loss(x, y, reduction=reduction, beta=beta)


def bce(x, y, weight=None, reduction="mean"):
    return F.binary_cross_entropy(x, y, weight, reduction=reduction)


def bce_logits(x, y, weight=None, posWeight=None, reduction="mean"):
    return F.binary_cross_entropy_with_logits(x, y, weight, pos_weight=posWeight, reduction=reduction)


def kl_div(x, y, logTarget=False, reduction="mean"):
    return F.kl_div(x, y, reduction=reduction, log_target=logTarget)


def multi_margin(x, target, p=1, margin=1.0, weight=None, reduction="mean"):
    return F.multi_margin_loss(x, target, p, margin, weight, reduction=reduction)


def hinge(x, target, margin=1.0, reduction="mean"):
    """The sum over the other classes: multi_margin_loss is its mean over all classes."""
    return F.multi_margin_loss(x, target, margin=margin, reduction=reduction) * x.shape[-1]


def cross_entropy(x, target, weight=None, labelSmoothing=0.0, reduction="mean"):
    return F.cross_entropy(x, target, weight, reduction=reduction, label_smoothing=labelSmoothing)


def probabilities(*shape):
    t = torch.rand(shape, generator=generator)
    return grid(t / t.sum(1, keepdim=True))


for r in "mean", "sum", "none":
    o = {"reduction": r}
    case(r, "nllLoss", nll_loss, [randn(6, 7), labels], o)
    case(f"weight, ignoreIndex, {r}", "nllLoss", nll_loss, [randn(6, 7), labels], {"weight": positive(7), "ignoreIndex": 3, **o})
    case(f"images, {r}", "nllLoss", nll_loss, [randn(2, 4, 2, 3), ints(4, 2, 2, 3)], o)
    case(r, "l1Loss", lambda x, y, reduction: F.l1_loss(x, y, reduction=reduction), [randn(4, 5), randn(4, 5)], o)
    case(r, "smoothL1Loss", smooth_l1, [randn(4, 5), randn(4, 5)], o)
    case(f"beta 0.3, {r}", "smoothL1Loss", smooth_l1, [randn(4, 5), randn(4, 5)], {"beta": 0.3, **o})
    case(r, "bceLoss", bce, [unit(4, 5), unit(4, 5)], o)
    case(f"weight, {r}", "bceLoss", bce, [unit(4, 5), unit(4, 5)], {"weight": positive(5), **o})
    case(r, "bceWithLogitsLoss", bce_logits, [randn(4, 5), unit(4, 5)], o)
    everything = {"weight": positive(4, 1), "posWeight": positive(5), **o}
    case(f"weight, posWeight, {r}", "bceWithLogitsLoss", bce_logits, [randn(4, 5), unit(4, 5)], everything)
    case(r, "klDivLoss", kl_div, [randn(4, 5), unit(4, 5)], o)
    case(f"logTarget, {r}", "klDivLoss", kl_div, [randn(4, 5), randn(4, 5)], {"logTarget": True, **o})
    case(r, "hingeLoss", hinge, [randn(6, 7), labels], o)
    case(f"margin 0.3, {r}", "hingeLoss", hinge, [randn(6, 7), labels], {"margin": 0.3, **o})
    case(r, "multiMarginLoss", multi_margin, [randn(6, 7), labels], o)
    everything = {"p": 2, "margin": 0.5, "weight": positive(7), **o}
    case(f"everything, {r}", "multiMarginLoss", multi_margin, [randn(6, 7), labels], everything)
    case(f"probabilities, {r}", "crossEntropy", cross_entropy, [randn(6, 7), probabilities(6, 7)], o)
    everything = {"labelSmoothing": 0.2, "weight": positive(7), **o}
    case(f"probabilities, everything, {r}", "crossEntropy", cross_entropy, [randn(6, 7), probabilities(6, 7)], everything)
case("beta 0", "smoothL1Loss", smooth_l1, [randn(4, 5), randn(4, 5)], {"beta": 0})
case("one row", "nllLoss", nll_loss, [randn(7), torch.tensor(4)])
case("one row", "hingeLoss", hinge, [randn(7), torch.tensor(4)])
case("one row", "multiMarginLoss", multi_margin, [randn(7), torch.tensor(4)])
case("batchmean", "klDivLoss", kl_div, [randn(4, 5), unit(4, 5)], {"reduction": "batchmean"})
case("probabilities of images", "crossEntropy", cross_entropy, [randn(2, 4, 2, 3), probabilities(2, 4, 2, 3)], {"weight": positive(4)})
case("large logits", "bceWithLogitsLoss", bce_logits, [values(-100, -40, 0, 40, 100), values(1, 0, 0.5, 1, 0)])

# Indexing
index_select = lambda x, dim, index: torch.index_select(x, dim, index)
case("rows, some twice", "indexSelect", index_select, [randn(5, 3), 0, torch.tensor([4, 0, 4, 2])])
case("middle dim", "indexSelect", index_select, [randn(2, 5, 3), 1, torch.tensor([1, 1, 3])])
case("last dim", "indexSelect", index_select, [randn(4, 7), -1, torch.tensor([6, 0])])
case("dim 0", "gather", torch.gather, [randn(5, 4), 0, ints(5, 3, 4)])
case("dim 1", "gather", torch.gather, [randn(5, 4), 1, ints(4, 5, 9)])
case("smaller index", "gather", torch.gather, [randn(5, 4, 3), 1, ints(4, 2, 6, 2)])
case("dim 0", "scatterAdd", torch.scatter_add, [randn(5, 4), 0, ints(5, 3, 4), randn(3, 4)])
case("dim 1", "scatterAdd", torch.scatter_add, [randn(5, 4), 1, ints(4, 5, 9), randn(5, 9)])
case("smaller index", "scatterAdd", torch.scatter_add, [randn(5, 4, 3), 1, ints(4, 2, 6, 2), randn(2, 6, 2)])
embed = lambda index, weight, paddingIdx=None: F.embedding(index, weight, paddingIdx)
case("two dims", "embedding", embed, [ints(6, 2, 5), randn(6, 3)])
case("paddingIdx", "embedding", embed, [torch.tensor([0, 2, 2, 5, 1]), randn(6, 3)], {"paddingIdx": 2})
for dim in 0, 1, -1:
    case(f"dim {dim}", "cumsum", torch.cumsum, [randn(3, 4, 5)], {"dim": dim})


# Rearrangement


def pad(x, pads, mode="constant", value=0.0):
    return F.pad(x, pads, mode, value if mode == "constant" else None)


case("last dim", "pad", pad, [randn(3, 4), [1, 2]])
case("two dims, value", "pad", pad, [randn(2, 3, 4), [1, 2, 0, 3]], {"value": -1.5})
case("negative", "pad", pad, [randn(4, 5), [-1, 2, 1, -2]], {"value": 2})
for mode in "reflect", "replicate":
    case(f"{mode}, one dim", "pad", pad, [randn(2, 3, 5), [2, 3]], {"mode": mode})
    case(f"{mode}, two dims", "pad", pad, [randn(1, 2, 4, 5), [1, 4, 2, 3]], {"mode": mode})
case("replicate far", "pad", pad, [randn(1, 2, 3), [5, 4]], {"mode": "replicate"})
case("one dim", "flip", torch.flip, [randn(3, 4), [1]])
case("all", "flip", torch.flip, [randn(2, 3, 4), [0, 1, 2]])
case("as many", "tile", torch.tile, [randn(2, 3), [2, 3]])
case("fewer", "tile", torch.tile, [randn(2, 3), [2]])
case("more", "tile", torch.tile, [randn(2, 3), [2, 1, 3]])
case("more", "repeat", lambda x, repeats: x.repeat(repeats), [randn(2, 3), [4, 1, 2]])

assert len({c["name"] for c in cases}) == len(cases)
head = json.dumps({"made_by": "test/golden/operators.py", "torch": torch.__version__})[:-1]
lines = ",\n".join(json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in cases)
Path(__file__).with_name("operators.json").write_text(f'{head}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")
