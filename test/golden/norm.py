"""Makes norm.json: values and gradients of PyTorch's normalisation, pooling and convolution variants in float64.

    python3 test/golden/norm.py

Made with PyTorch 1.13 (CPU); cases.py tells the format. `indices` has maxima with their positions, `batchNorm` the
running statistics of a layer after each of some batches, and what it gives in evaluation then.
"""

import torch
from cases import Cases, plain
from functions import functions

cases = Cases(31)
case, randn, positive = cases.case, cases.randn, cases.positive


# Convolutions


def conv(op, name, x, weight, bias=None, **options):
    if bias:
        options["bias"] = randn(bias)
    case(name, op, [randn(*x), randn(*weight)], options)


conv("conv1d", "3", (2, 3, 9), (4, 3, 3), 4)
conv("conv1d", "stride 2, padding 1", (2, 2, 10), (3, 2, 3), stride=2, padding=1)
conv("conv1d", "dilation 2, groups 2", (1, 4, 11), (6, 2, 3), 6, dilation=2, groups=2, padding=3)
conv("conv1d", "depthwise, same", (2, 5, 7), (5, 1, 4), 5, groups=5, padding="same")
conv("conv1d", "one of one", (1, 1, 1), (1, 1, 1), 1)
conv("conv2d", "same, odd", (1, 2, 5, 6), (3, 2, 3, 5), 3, padding="same")
conv("conv2d", "same, even kernel", (1, 2, 5, 7), (3, 2, 2, 4), padding="same")
conv("conv2d", "same, dilation", (1, 2, 6, 5), (3, 2, 4, 2), 3, padding="same", dilation=[1, 3])
conv("conv2d", "valid", (1, 2, 5, 5), (3, 2, 3, 3), padding="valid", stride=2)
conv("convTranspose2d", "3×3", (2, 2, 4, 3), (2, 3, 3, 3), 3)
conv("convTranspose2d", "no bias, stride 2", (1, 2, 3, 4), (2, 3, 2, 2), stride=2)
conv("convTranspose2d", "stride 2, padding 1, outputPadding 1", (1, 4, 3, 4), (4, 2, 3, 3), 2, stride=2, padding=1, outputPadding=1)
conv("convTranspose2d", "stride 3, outputPadding 2", (1, 2, 3, 2), (2, 3, 2, 2), 3, stride=3, outputPadding=[2, 1])
conv("convTranspose2d", "dilation above stride", (1, 2, 4, 3), (2, 3, 3, 2), 3, stride=[2, 1], dilation=[3, 2], outputPadding=[2, 1], padding=[2, 1])
conv("convTranspose2d", "groups 2", (1, 4, 4, 3), (4, 2, 3, 3), 4, groups=2, stride=2, padding=1)
conv("convTranspose2d", "depthwise", (1, 5, 4, 3), (5, 1, 3, 3), 5, groups=5, stride=2)
conv("convTranspose2d", "1×1", (2, 3, 3, 2), (3, 5, 1, 1), 5)

# Pooling

case("3", "avgPool1d", [randn(2, 3, 10), 3])
case("padding, ceilMode", "avgPool1d", [randn(2, 2, 10), 4], {"stride": 3, "padding": 2, "ceilMode": True})
case("padding not counted", "avgPool1d", [randn(1, 3, 7), 3], {"stride": 2, "padding": 1, "countIncludePad": False})
for name, x, size, options in [
    ("2×2", (2, 2, 4, 6), 2, {}),
    ("2×2, odd sizes, ceilMode", (2, 2, 7, 5), 2, {"ceilMode": True}),
    ("3×3, stride 2, padding 1", (1, 2, 6, 7), 3, {"stride": 2, "padding": 1}),
    ("padding not counted", (1, 2, 6, 7), 3, {"stride": 2, "padding": 1, "countIncludePad": False}),
    ("padding and ceilMode", (1, 2, 8, 6), 3, {"stride": 2, "padding": 1, "ceilMode": True}),
    ("padding and ceilMode, not counted", (1, 2, 8, 6), 3, {"stride": 2, "padding": 1, "ceilMode": True, "countIncludePad": False}),
    ("overlapping, asymmetric", (1, 5, 4, 5), [3, 2], {"stride": 1, "padding": [1, 0]}),
    ("gaps between windows", (1, 2, 8, 8), 2, {"stride": 3}),
    ("divisorOverride", (1, 2, 5, 5), 3, {"stride": 2, "padding": 1, "divisorOverride": 5}),
]:
    case(name, "avgPool2d", [randn(*x), size], options)
case("3", "maxPool1d", [randn(2, 3, 10), 3])
case("everything", "maxPool1d", [randn(2, 2, 12), 3], {"stride": 2, "padding": 1, "dilation": 2, "ceilMode": True})
for name, x, size in [
    ("to 1", (2, 3, 5, 7), 1),
    ("divides", (1, 2, 6, 4), [3, 2]),
    ("does not divide", (1, 2, 7, 11), [3, 4]),
    ("grows", (1, 2, 3, 2), [5, 3]),
    ("keeps the width", (1, 3, 5, 4), [2, None]),
]:
    case(name, "adaptiveAvgPool2d", [randn(*x), size])
    case(name, "adaptiveMaxPool2d", [randn(*x), size])

indices = []
for op, x, size, options in [
    ("maxPool2d", (2, 3, 6, 8), 2, {}),
    ("maxPool2d", (1, 2, 9, 10), 3, {"stride": 2, "padding": 1, "dilation": [2, 1]}),
    ("maxPool2d", (1, 1, 17, 18), 17, {"stride": 1, "padding": 1}),
    ("maxPool1d", (2, 3, 11), 3, {"stride": 2, "padding": 1}),
    ("adaptiveMaxPool2d", (2, 3, 7, 5), [3, 2], {}),
]:
    x = randn(*x)
    y, positions = functions[op](x, size, returnIndices=True, **options)
    indices.append({"op": op, "args": [plain(x), size], "options": options, "output": plain(y), "indices": plain(positions)})

# Normalisation


def batch(name, shape, running=True, affine=True, **options):
    c = shape[1]
    if affine:
        options |= {"weight": randn(c), "bias": randn(c)}
    mean, var = (randn(c), positive(c)) if running else (None, None)
    case(name, "batchNorm", [randn(*shape), mean, var], options, constant=("1", "2"))


batch("training", (3, 4, 2, 3), training=True)
batch("training, no running statistics", (2, 3, 4, 3), running=False, training=True)
batch("training, not affine, eps 0.1", (3, 5, 2, 2), affine=False, training=True, eps=0.1)
batch("evaluation", (2, 5, 3, 4))
batch("evaluation, not affine", (2, 5, 3, 4), affine=False)
batch("two dimensions", (7, 5), training=True)
batch("two dimensions, evaluation", (1, 5))
batch("three dimensions", (3, 4, 5), training=True)
batch("five dimensions", (2, 2, 2, 1, 3), training=True)
case("last", "layerNorm", [randn(4, 7), [7]], {"weight": randn(7), "bias": randn(7)})
case("last two", "layerNorm", [randn(3, 4, 5), [4, 5]], {"weight": randn(4, 5), "bias": randn(4, 5)})
case("plain, eps 0.01", "layerNorm", [randn(2, 3, 6), [6]], {"eps": 0.01})
case("no bias", "layerNorm", [randn(2, 6), [6]], {"weight": randn(6)})
case("2 groups", "groupNorm", [randn(2, 6, 2, 3), 2], {"weight": randn(6), "bias": randn(6)})
case("1 group", "groupNorm", [randn(3, 4, 5), 1], {"weight": randn(4), "bias": randn(4), "eps": 0.01})
case("as many groups as channels", "groupNorm", [randn(2, 3, 4, 3), 3])
case("two dimensions", "groupNorm", [randn(3, 8), 4], {"weight": randn(8)})
case("5", "localResponseNorm", [randn(2, 7, 3, 2), 5])
case("even, strong", "localResponseNorm", [randn(2, 6, 3, 2), 4], {"alpha": 0.5, "beta": 0.6, "k": 2.0})
case("wider than the channels", "localResponseNorm", [randn(2, 3, 5), 7], {"alpha": 1.0})
case("2", "normalize", [randn(4, 5)])
case("1, dim -1", "normalize", [randn(2, 3, 4)], {"p": 1, "dim": -1})
case("3, dim 0", "normalize", [randn(4, 3)], {"p": 3, "dim": 0})
case("large eps", "normalize", [randn(3, 2)], {"eps": 1.0})

layers = []
for options in {}, {"momentum": 0.5, "eps": 0.01}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}:
    layer = torch.nn.BatchNorm2d(3, **options)
    steps = []
    for _ in range(3):
        x = randn(2, 3, 2, 3) * 2 + 1
        y = layer(x)
        state = {k: plain(v) for k, v in layer.state_dict().items()}
        steps.append({"x": plain(x), "y": plain(y), "state": state})
    layer.eval()
    camel = {"trackRunningStats" if k == "track_running_stats" else k: v for k, v in options.items()}
    x = randn(1, 3, 2, 2)
    layers.append({"options": camel, "steps": steps, "x": plain(x), "y": plain(layer(x))})

cases.write(__file__, indices=indices, batchNorm=layers)
