"""Makes specials.json: what becomes of NaN, +Inf and -Inf in PyTorch, in values and gradients.

    python3 test/golden/specials.py

Made with PyTorch 1.13 (CPU); cases.py tells the format. Two things are meant to differ and left out: the gradient of a row
that crossEntropy ignores is 0 here even if the row holds NaN, and the margin losses of NaN are NaN, which PyTorch skips.
"""

from math import inf, nan

import torch
from cases import Sweep, plain, values

sweep = Sweep(51)
randn, positive = sweep.randn, sweep.positive


def case(name, op, args, options=None, **more):
    sweep.case(name, op, args, options, finite=False, **more)


def put(x, specials):
    """x with other numbers in these places of memory order."""
    flat = x.flatten()
    for i, v in specials.items():
        flat[i] = v
    y = flat.reshape(x.shape)
    y.made = {**x.made, "put": {str(i): plain(v) for i, v in specials.items()}}
    return y


def among(*shape, where, v=nan, make=randn):
    return put(make(*shape), dict.fromkeys([where] if isinstance(where, int) else where, v))


def many(*shape):
    """In the first, a middle and the last place, beyond one vector."""
    x = randn(*shape)
    return put(x, {0: nan, 18: nan, x.numel() - 1: nan, 7: inf, 25: -inf, 9: -inf, 3: 0.0})


one_of_each = [("NaN", nan), ("Inf", inf), ("-Inf", -inf)]

# Elementwise. Whole vectors: in the few numbers after them PyTorch's own gradients of elu, selu, hardtanh, relu6,
# hardswish and hardsigmoid at NaN are others.
unary = "neg abs sign square relu sigmoid tanh exp expm1 log log1p sqrt rsqrt reciprocal sin cos erf"
activations = "silu gelu hardswish hardsigmoid selu elu leakyRelu logSigmoid softsign softplus relu6 hardtanh"
for op in f"{unary} {activations}".split():
    case("among many", op, [many(32)])
case("tanh", "gelu", [many(32)], {"approximate": "tanh"})
case("both limits", "clamp", [many(37), -0.5, 1])
case("below only", "clamp", [many(37), 0.5])
left = lambda: values(nan, 1, inf, inf, -inf, nan, inf, 0, -inf, 0)
right = lambda: values(1, nan, inf, -inf, 2, nan, 0, -inf, inf, 0)
for op in "add sub mul div maximum minimum pow eq ne lt le gt ge".split():
    case("specials", op, [left(), right()])
    case("among many", op, [many(37), positive(37) if op == "pow" else many(37)])
    case("a number", op, [many(33), 2])
case("not chosen", "where", [torch.tensor([True, False, True, False]), values(1, nan, inf, 2), values(nan, 3, -inf, inf)])

# Reductions
for op in "sum mean prod max min variance std norm logsumexp argmax argmin cumsum softmax logSoftmax".split():
    for place, i in ("first", 0), ("inside", 20), ("last", 36):
        case(f"NaN {place}", op, [among(1, 37, where=i)], {"dim": 1})
    for name, v in one_of_each[1:]:
        case(f"{name} inside", op, [among(1, 37, where=20, v=v)], {"dim": 1})
    for name, v in one_of_each:
        case(f"{name} across", op, [among(3, 7, where=[5, 19], v=v)], {"dim": 0})
    case("rows of specials", op, [values(inf, -inf, 1, nan, inf, 2, -inf, -inf, 3, nan, -inf, 5).reshape(4, 3)], {"dim": 1})
    case("-Inf only", op, [torch.full((2, 5), -inf)], {"dim": 1})
    case("Inf and -Inf only", op, [values(inf, inf, -inf, -inf).reshape(2, 2)], {"dim": 1})
for op in "variance", "std", "norm":
    case("zero", op, [values(0, 0, 0, 1, 1, 1).reshape(2, 3)], {"dim": 1})
for name, v in one_of_each:
    for largest in True, False:
        case(f"{name}, largest {largest}", "topk", [among(2, 19, where=[3, 37], v=v), 4], {"largest": largest})

# Products: one special number reaches one row or column
for name, v in one_of_each:
    case(name, "matmul", [among(5, 7, where=8, v=v), randn(7, 3)])
    case(f"{name} in the other", "matmul", [randn(2, 4), among(4, 33, where=70, v=v)])
    case(name, "linear", [among(3, 5, where=14, v=v), randn(17, 5)], {"bias": randn(17)})
    case(f"{name} in the bias", "linear", [randn(3, 5), randn(4, 5)], {"bias": among(4, where=2, v=v)})
    case(name, "conv2d", [among(1, 2, 5, 6, where=14, v=v), randn(3, 2, 3, 3)], {"padding": 1, "bias": randn(3)})
    case(name, "conv1d", [among(1, 2, 9, where=4, v=v), randn(3, 2, 3)], {"stride": 2})
    case(name, "convTranspose2d", [among(1, 2, 3, 3, where=4, v=v), randn(2, 3, 2, 2)], {"stride": 2})

# Pooling
for name, v in one_of_each:
    x = lambda: among(1, 2, 5, 6, where=[0, 14, 37, 38, 59], v=v)
    case(name, "maxPool2d", [x(), 2])
    case(f"{name}, overlapping", "maxPool2d", [x(), 3], {"stride": 1, "padding": 1, "returnIndices": True})
    case(name, "avgPool2d", [x(), 3], {"stride": 2, "padding": 1})
    case(name, "adaptiveAvgPool2d", [x(), [3, 4]])
    case(name, "adaptiveMaxPool2d", [x(), [3, 4]], {"returnIndices": True})
    case(name, "maxPool1d", [among(1, 2, 9, where=[0, 5, 13], v=v), 3], {"returnIndices": True})
    case(name, "avgPool1d", [among(1, 2, 9, where=[0, 5, 13], v=v), 3], {"stride": 2})
case("NaN only", "maxPool2d", [torch.full((1, 1, 4, 4), nan), 2], {"returnIndices": True})
case("-Inf only", "maxPool2d", [torch.full((1, 1, 4, 4), -inf), 2], {"returnIndices": True})
case("-Inf only, padded", "maxPool2d", [torch.full((1, 1, 4, 4), -inf), 3], {"stride": 2, "padding": 1, "returnIndices": True})
case("NaN only", "adaptiveMaxPool2d", [torch.full((1, 1, 4, 4), nan), 2], {"returnIndices": True})
case("-Inf only", "adaptiveMaxPool2d", [torch.full((1, 1, 4, 4), -inf), 2], {"returnIndices": True})
case("NaN beside Inf", "maxPool2d", [values(nan, inf, inf, nan, 1, nan, -inf, nan).reshape(1, 1, 2, 4), 2], {"returnIndices": True})

# Normalisation
for name, v in one_of_each:
    x = lambda: among(2, 3, 2, 3, where=[7, 20], v=v)
    statistics = {"constant": ("1", "2")}
    case(f"{name}, training", "batchNorm", [x(), None, None], {"weight": randn(3), "bias": randn(3), "training": True}, **statistics)
    case(f"{name}, evaluation", "batchNorm", [x(), randn(3), positive(3)], {"weight": randn(3)}, **statistics)
    case(name, "layerNorm", [among(3, 17, where=25, v=v), [17]], {"weight": randn(17), "bias": randn(17)})
    case(name, "groupNorm", [among(2, 4, 3, where=[2, 20], v=v), 2], {"weight": randn(4)})
    case(name, "localResponseNorm", [among(1, 5, 2, where=[2, 9], v=v), 3])
    case(name, "normalize", [among(3, 5, where=7, v=v)])

# Losses
unit = lambda *shape: sweep.numbers(0.05, 0.95, *shape)
labels = torch.tensor([1, 0, 4])
for r in "mean", "none":
    o = {"reduction": r}
    for name, v in one_of_each:
        x = lambda where=7, make=randn: among(3, 5, where=where, v=v, make=make)
        for op in "mseLoss", "l1Loss", "smoothL1Loss":
            case(f"{name}, {r}", op, [x(), randn(3, 5)], o)
        case(f"{name} in both, {r}", "mseLoss", [x(), x()], o)
        case(f"{name}, {r}", "bceWithLogitsLoss", [x(), unit(3, 5)], o)
        case(f"{name}, {r}", "klDivLoss", [x(), unit(3, 5)], o)
        for place, i in ("other class", 6), ("target", 5):
            case(f"{name} at the {place}, {r}", "crossEntropy", [x(i), labels], o)
            case(f"{name} at the {place}, smooth, {r}", "crossEntropy", [x(i), labels], {"labelSmoothing": 0.1, **o})
            case(f"{name} at the {place}, {r}", "nllLoss", [x(i), labels], o)
        case(f"{name} in a row ignored, {r}", "nllLoss", [x(5), labels], {"ignoreIndex": 0, **o})
    case(f"right zeros and ones, {r}", "bceLoss", [values(0, 1, 0.5), values(0, 1, 0.5)], o)
    # F.binary_cross_entropy's gradient has 1e-12 in float32, in float64 too.
    case(f"wrong zeros and ones, {r}", "bceLoss", [values(0, 1, 0.5), values(1, 0, 0.25)], o, constant=["0"])
    # F.kl_div's gradient to zero targets is NaN, of its own making.
    case(f"zero targets, {r}", "klDivLoss", [randn(5), values(0, 0.5, 0, 0.25, 0)], o, constant=["1"])
    case(f"all ignored, {r}", "crossEntropy", [randn(3, 5), torch.tensor([2, 2, 2])], {"ignoreIndex": 2, **o})
    case(f"all ignored, {r}", "nllLoss", [randn(3, 5), torch.tensor([2, 2, 2])], {"ignoreIndex": 2, **o})

# Indexing and rearrangement move them
case("NaN", "gather", [many(32), 0, torch.tensor([0, 3, 1, 0])])
case("NaN", "indexSelect", [many(32), 0, torch.tensor([2, 0, 3])])
case("NaN", "scatterAdd", [many(32), 0, torch.tensor([0, 3, 3]), values(1, nan, inf)])
case("NaN", "embedding", [torch.tensor([1, 0, 1]), values(1, nan, inf, 2).reshape(2, 2)])
case("value Inf", "pad", [many(32), [1, 1]], {"value": -inf})

sweep.write(__file__)
