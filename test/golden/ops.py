"""Makes ops.json: single functions and their gradients, computed by PyTorch in float64.

    python3 test/golden/ops.py

Made with PyTorch 1.13 (CPU); cases.py tells the format. Cases named "ties" or "at zero" fix what is convention.
"""

import torch
from cases import Cases, values

cases = Cases(20)
case, randn, positive, ints = cases.case, cases.randn, cases.positive, cases.ints


# Convolution: name, x, weight, bias?, options


def conv(name, x, weight, bias=True, **options):
    if bias:
        options["bias"] = randn(weight[0])
    case(name, "conv2d", [randn(*x), randn(*weight)], options)


conv("3×3", (2, 3, 6, 5), (4, 3, 3, 3))
conv("no bias", (2, 3, 5, 6), (4, 3, 3, 3), bias=False)
conv("padding 1", (2, 2, 5, 7), (3, 2, 3, 3), padding=1)
conv("stride 2, padding 1, odd", (1, 3, 7, 9), (4, 3, 3, 3), stride=2, padding=1)
conv("stride 2, padding 1, even: a last column unused", (2, 2, 6, 8), (3, 2, 3, 3), stride=2, padding=1)
conv("stride 3, 2×2: gaps between windows", (1, 2, 8, 10), (3, 2, 2, 2), stride=3)
conv("asymmetric kernel", (2, 2, 6, 7), (3, 2, 1, 5), padding=[0, 2])
conv("asymmetric everything", (1, 2, 9, 11), (3, 2, 3, 2), stride=[2, 1], padding=[1, 2], dilation=[2, 3])
conv("dilation 2", (1, 2, 8, 7), (3, 2, 3, 3), dilation=2, padding=2)
conv("dilation 3, stride 2", (1, 1, 12, 11), (2, 1, 3, 3), dilation=3, stride=2, padding=3)
conv("groups 2", (2, 4, 5, 5), (6, 2, 3, 3), groups=2, padding=1)
conv("groups 3, stride 2", (1, 6, 7, 6), (3, 2, 3, 3), groups=3, stride=2, padding=1)
conv("depthwise", (2, 5, 6, 5), (5, 1, 3, 3), groups=5, padding=1)
conv("depthwise, multiplier 2, stride 2", (1, 3, 7, 8), (6, 1, 3, 3), groups=3, stride=2, padding=1, bias=False)
conv("depthwise 5×5, dilation 2", (1, 2, 11, 10), (2, 1, 5, 5), groups=2, dilation=2, padding=4)
conv("1×1", (2, 5, 4, 3), (7, 5, 1, 1))
conv("1×1, stride 2", (2, 4, 5, 6), (3, 4, 1, 1), stride=2, bias=False)
conv("kernel as large as the image", (2, 3, 4, 5), (4, 3, 4, 5))
conv("5×5, padding larger than the image", (1, 2, 2, 2), (3, 2, 5, 5), padding=3)
conv("7×7, stride 2, padding 3", (1, 3, 11, 13), (2, 3, 7, 7), stride=2, padding=3)
conv("9 channels to 17", (1, 9, 4, 5), (17, 9, 3, 3), padding=1)
conv("one image of one pixel", (1, 1, 1, 1), (1, 1, 1, 1))


# Pooling


def pool(name, x, size, **options):
    case(name, "maxPool2d", [randn(*x), size], options)


pool("2×2", (2, 3, 6, 8), 2)
pool("2×2, odd sizes", (2, 2, 7, 5), 2, ceilMode=False)
pool("2×2, odd sizes, ceilMode", (2, 2, 7, 5), 2, ceilMode=True)
pool("3×3, stride 2, padding 1", (1, 3, 8, 9), 3, stride=2, padding=1)
pool("3×3, stride 1: overlapping", (1, 2, 6, 5), 3, stride=1)
pool("asymmetric", (1, 2, 9, 8), [3, 2], stride=[2, 3], padding=[1, 0])
pool("dilation 2", (1, 2, 8, 9), 2, stride=1, dilation=2)
pool("dilation and padding", (1, 2, 9, 10), 3, stride=2, padding=1, dilation=[2, 1])
pool("stride larger than the window", (1, 2, 8, 8), 2, stride=3)
case("ties go to the first", "maxPool2d", [ints(3, 2, 2, 6, 6).double(), 2])

# Matrix products
case("with bias", "linear", [randn(5, 7), randn(3, 7)], {"bias": randn(3)})
case("no bias", "linear", [randn(4, 6), randn(9, 6)])
case("3-D input", "linear", [randn(2, 3, 5), randn(4, 5)], {"bias": randn(4)})
case("1-D input", "linear", [randn(5), randn(4, 5)], {"bias": randn(4)})
case("33 to 17", "linear", [randn(5, 33), randn(17, 33)], {"bias": randn(17)})
for name, a, b in [
    ("2-D", (5, 7), (7, 4)),
    ("2-D, 17×33 by 33×6", (17, 33), (33, 6)),
    ("vector by vector", (6,), (6,)),
    ("matrix by vector", (4, 6), (6,)),
    ("vector by matrix", (6,), (6, 5)),
    ("batched", (3, 4, 5), (3, 5, 2)),
    ("batch by matrix", (3, 4, 5), (5, 2)),
    ("matrix by batch", (4, 5), (3, 5, 2)),
    ("batch broadcast", (2, 1, 3, 4), (3, 4, 2)),
    ("batch broadcast both ways", (2, 1, 3, 4), (1, 3, 4, 2)),
    ("batch by vector", (2, 3, 4), (4,)),
    ("vector by batch", (4,), (2, 4, 3)),
]:
    case(name, "matmul", [randn(*a), randn(*b)])

# Elementwise
for op in "relu sigmoid tanh exp square sin cos abs neg".split():
    case("normal", op, [randn(3, 8)])
for op in "log sqrt rsqrt".split():
    case("positive", op, [positive(3, 8)])
case("large arguments", "sigmoid", [values(-100, -30, -17, -9, 0, 9, 17, 30, 100)])
case("large and small arguments", "tanh", [values(-40, -9, -5, -(2.0**-11), 0, 2.0**-11, 5, 9, 40)])
case("large and small arguments", "exp", [values(-80, -20, -(2.0**-11), 0, 2.0**-11, 20, 80)])
case("large arguments", "sin", [values(-1000, -100, -10, 0, 10, 100, 1000)])
case("large arguments", "cos", [values(-1000, -100, -10, 0, 10, 100, 1000)])
case("at zero", "relu", [values(-1, 0, 1)])
case("at zero", "abs", [values(-1, 0, 1)])
for exponent in [2, 3, -1, 0, 1]:
    case(f"to {exponent}", "pow", [values(-2.5, -1, -0.5, 0.25, 1, 1.5, 3), exponent])
case("to 0.5", "pow", [positive(7), 0.5])
case("to -1.5", "pow", [positive(7), -1.5])
case("tensor to tensor, broadcast", "pow", [positive(3, 1), randn(4)])

# Two operands
for op in "add sub mul div maximum minimum".split():
    other = positive if op == "div" else randn
    case("same shape", op, [randn(3, 5), other(3, 5)])
    case("row", op, [randn(2, 3, 4), other(4)])
    case("both broadcast", op, [randn(3, 1, 4), other(2, 1)])
    if op in ("add", "sub", "mul", "div"):
        case("number", op, [randn(2, 3), 2.5])
case("per channel", "mul", [randn(2, 3, 2, 2), randn(1, 3, 1, 1)])
case("scalar tensor", "add", [randn(2, 3), randn()])
case("ties share the gradient", "maximum", [values(1, 2, 3), values(1, 3, 2)])
case("ties share the gradient", "minimum", [values(1, 2, 3), values(1, 3, 2)])


# Reductions

for op in "sum mean prod max min".split():
    case("all", op, [randn(3, 4)])
    case("dim 0", op, [randn(3, 4)], {"dim": 0})
    case("last dim, keepdim", op, [randn(2, 3, 5)], {"dim": -1, "keepdim": True})
    case("middle dim", op, [randn(2, 4, 3)], {"dim": 1})
    if op in ("sum", "mean"):
        case("dims 0, 2, 3", op, [randn(2, 3, 2, 4)], {"dim": [0, 2, 3]})
        case("dims 0 and 2, keepdim", op, [randn(3, 2, 4)], {"dim": [0, -1], "keepdim": True})
case("with zeros", "prod", [values(2, 0, 3, 4, 5, 0, 0, 7, 1).reshape(3, 3)], {"dim": 1})

# Softmax
for op in "softmax", "logSoftmax":
    case("last dim", op, [randn(4, 10)], {"dim": -1})
    case("dim 0", op, [randn(4, 3)], {"dim": 0})
    case("channels of an image", op, [randn(2, 5, 2, 3)], {"dim": 1})
    case("large logits", op, [values(1000, 999, 998.5, -1000, 990).reshape(1, 5)], {"dim": 1})


# Losses


def ce(name, target=None, **options):
    target = ints(7, 6) if target is None else target
    case(name, "crossEntropy", [randn(6, 7), target], options)


labels = torch.tensor([3, 0, 3, 6, 1, 3])
ce("mean")
ce("sum", reduction="sum")
ce("none", reduction="none")
ce("class weights", weight=positive(7))
ce("class weights, sum", weight=positive(7), reduction="sum")
ce("ignoreIndex", labels, ignoreIndex=3)
ce("ignoreIndex -100", torch.tensor([3, -100, 2, 6, -100, 0]))
ce("ignoreIndex, none", labels, ignoreIndex=3, reduction="none")
ce("labelSmoothing", labelSmoothing=0.1)
ce("labelSmoothing, none", labelSmoothing=0.25, reduction="none")
ce("labelSmoothing, class weights", labelSmoothing=0.1, weight=positive(7))
ce("everything", labels, labelSmoothing=0.1, weight=positive(7), ignoreIndex=3)
ce("everything, sum", labels, labelSmoothing=0.1, weight=positive(7), ignoreIndex=3, reduction="sum")
case("images", "crossEntropy", [randn(2, 4, 2, 3), ints(4, 2, 2, 3)])
case("large logits", "crossEntropy", [values(1000, 0, -1000, 50).reshape(2, 2), ints(2, 2)])
for reduce in "mean", "sum", "none":
    case(reduce, "mseLoss", [randn(4, 5), randn(4, 5)], {"reduction": reduce})
case("p 0, training", "dropout", [randn(3, 4)], {"p": 0, "training": True})
case("p 0.5, not training", "dropout", [randn(3, 4)], {"p": 0.5, "training": False})

cases.write(__file__)
