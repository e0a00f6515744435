"""Makes features.json: unbatched inputs, ways of padding, layers of convolution, and operations on integers and bools.

    python3 test/golden/features.py

Made with PyTorch 1.13 (CPU); cases.py tells the format. After the cases, `layers` are convolutions in every way of
padding, { layer, args, options, weight, bias, x, y }, and `pooled` are pooling layers with positions,
{ layer, args, options, x, y, indices }.
"""

from math import inf, nan

import torch
from cases import Cases, dtypes, plain, values
from torch import nn

cases = Cases(41)
case, randn = cases.case, cases.randn


def ints(*shape, low=-9, high=9):
    return cases.ints(high, *shape, low=low).int()


def described(x):
    return f"{dtypes.get(x.dtype, 'float')} {list(x.shape)}"


# Without a batch
one = {"bias": randn(4), "padding": 1}
case("no batch", "conv1d", [randn(3, 9), randn(4, 3, 3)], {**one})
case("no batch, no bias", "conv1d", [randn(2, 7), randn(3, 2, 2)], {"stride": 2})
case("no batch", "conv2d", [randn(3, 6, 5), randn(4, 3, 3, 3)], {**one, "bias": randn(4)})
case("no batch, depthwise", "conv2d", [randn(3, 6, 5), randn(3, 1, 3, 2)], {"groups": 3, "stride": 2})
case("no batch", "convTranspose2d", [randn(3, 4, 5), randn(3, 2, 3, 3)], {"bias": randn(2), "stride": 2})
case("no batch", "maxPool2d", [randn(3, 7, 6), 2], {"stride": 2, "padding": 1})
case("no batch", "maxPool1d", [randn(3, 7), 3], {"stride": 2, "padding": 1})
case("no batch", "avgPool2d", [randn(3, 7, 6), 2], {"stride": 1, "padding": 1})
case("no batch", "avgPool1d", [randn(3, 7), 3], {"stride": 2, "padding": 1})
case("no batch", "adaptiveAvgPool2d", [randn(3, 7, 6), [3, 2]])
case("no batch, global", "adaptiveAvgPool2d", [randn(3, 7, 6), 1])
case("no batch", "adaptiveMaxPool2d", [randn(3, 7, 6), [3, 2]])
for op in "adaptiveAvgPool1d", "adaptiveMaxPool1d":
    for size in 1, 3, 7, 9:
        case(f"to {size}", op, [randn(2, 3, 7), size])
    case("no batch", op, [randn(3, 8), 3])

# Padding in a circle
image = 2, 2, 4, 3
for shape, pads in ((2, 3, 5), [2, 1]), ((2, 3, 5), [5, 5]), (image, [1, 2, 3, 0]), (image, [3, 3, 4, 4]):
    case(f"circular {pads}", "pad", [randn(*shape), pads], {"mode": "circular"})

# Steps have no slope
for op in "floor ceil round trunc".split():
    x = values(-2.5, -1.5, -1.25, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1.5, 2.5, 3, 1e9 + 0.5, -1e9 - 0.5)
    case("halves", op, [x])

# Integers and bools
most = torch.tensor([2**31 - 1, -(2**31), 7, 0, -3, 2**31 - 2], dtype=torch.int32)
mask = torch.tensor([[True, False, True], [False, False, True]])
bytes_ = torch.tensor([[0, 255, 3, 3], [7, 200, 199, 1]], dtype=torch.uint8)
floats = values(0, -0.0, 1.5, nan, inf, -inf, 1e-40)
for op in "neg abs sign square".split():
    case("int32", op, [ints(3, 4)])
    case("the largest", op, [most])
case("int32 by int32", "div", [ints(3, 4), ints(4, low=1)])
case("int32 by zero", "div", [ints(5), torch.tensor([0, 1, 0, 2, 0])], finite=False)
case("int32 by a number", "div", [ints(3, 4), 4])
case("int32", "clamp", [ints(3, 4), -2, 5])
case("int32 from below", "clamp", [most, -5])
for dtype in "int32", "uint8", "bool":
    a, b = (ints(2, 3, low=0, high=2).to(getattr(torch, dtype)) for _ in range(2))
    case(dtype, "where", [mask, a, b])
    case(f"{dtype}, broadcast", "where", [mask, a, b[:1]])
    for op in "eq ne lt le gt ge".split():
        case(dtype, op, [a, b])
    for op in "and or xor".split():
        case(dtype, f"logical{op.title()}", [a, b])
    case(dtype, "logicalNot", [a])
for op in "sum", "prod":
    for x in ints(2, 3, 5), mask, bytes_, ints(0, 3), ints(7):
        case(described(x), op, [x])
        for d in range(x.ndim):
            case(f"{described(x)} dim {d}", op, [x], {"dim": d})
            case(f"{described(x)} dim {d}, kept", op, [x], {"dim": d, "keepdim": True})
    case("wraps around", op, [most])
    case("of nothing", op, [ints(0)])
case("int32, two dims", "sum", [ints(2, 3, 5)], {"dim": [0, 2]})
case("int32, two dims, kept", "sum", [ints(2, 3, 5)], {"dim": [2, 1], "keepdim": True})
for op in "max", "min":
    for x in ints(3, 5), mask, bytes_, most:
        for d in range(x.ndim):
            case(f"{described(x)} dim {d}", op, [x], {"dim": d})
            case(f"{described(x)} dim {d}, kept", op, [x], {"dim": d, "keepdim": True})
        case(described(x), op, [x])
for op in "argmax", "argmin":
    for x in most, torch.tensor([[5, 1, 9], [-4, 8, 2]]), bytes_[:, [0, 1, 3]]:
        case(described(x), op, [x])
        case(f"{described(x)} last", op, [x], {"dim": -1})
for largest in True, False:
    case(f"int32 {largest}", "topk", [torch.tensor([[5, 1, 9, -7], [4, 8, 2, 3]]), 3], {"largest": largest})
for op in "any", "all":
    for x in mask, ints(3, 4, low=0, high=2), floats, torch.ones(2, 3).bool(), torch.zeros(4).bool():
        name = f"{described(x)}, {x.bool().sum()} true"
        case(name, op, [x])
        case(f"{name}, last", op, [x], {"dim": -1})
    case("of nothing", op, [mask[:0]])
    case("of nothing, kept", op, [mask[:0]], {"dim": 0, "keepdim": True})
for op in "isnan", "isinf", "isfinite":
    case("float", op, [floats])
    case("int32", op, [most])
for op in "and or xor".split():
    case("float", f"logical{op.title()}", [floats, floats.flip(0)])
case("float", "logicalNot", [floats])

# Layers
layers, pooled = [], []
modes = "zeros", "reflect", "replicate", "circular"
for mode in modes:
    for name, make, x, args, options in [
        ("Conv1d", nn.Conv1d, (2, 3, 8), [3, 4, 3], {"padding": 2}),
        ("Conv1d", nn.Conv1d, (3, 8), [3, 4, 4], {"padding": "same", "dilation": 2}),
        ("Conv2d", nn.Conv2d, (2, 3, 6, 7), [3, 4, [3, 4]], {"padding": [2, 1], "stride": 2}),
        ("Conv2d", nn.Conv2d, (3, 6, 7), [3, 6, [2, 3]], {"padding": "same", "groups": 3, "dilation": [1, 2]}),
        ("Conv2d", nn.Conv2d, (1, 3, 6, 7), [3, 2, 3], {"padding": "valid"}),
    ]:
        layer = make(*args, **options, padding_mode=mode)
        layer.weight.data, layer.bias.data = randn(*layer.weight.shape), randn(*layer.bias.shape)
        batched = len(x) == (3 if name == "Conv1d" else 4)
        x = randn(*x) if batched or mode != "circular" else randn(1, *x)  # PyTorch 1.13 pads no circle around one
        layers.append({
            "layer": name,
            "args": args,
            "options": {**options, "paddingMode": mode},
            **{k: plain(v) for k, v in {"weight": layer.weight, "bias": layer.bias, "x": x, "y": layer(x)}.items()},
        })  # fmt: skip
for name, make, x, args, options in [
    ("MaxPool1d", nn.MaxPool1d, (2, 3, 9), [3], {"stride": 2}),
    ("MaxPool1d", nn.MaxPool1d, (3, 9), [2], {}),
    ("MaxPool2d", nn.MaxPool2d, (2, 3, 6, 7), [2], {"padding": 1}),
    ("MaxPool2d", nn.MaxPool2d, (3, 6, 7), [3], {"stride": 2, "dilation": 2}),
    ("AdaptiveMaxPool1d", nn.AdaptiveMaxPool1d, (2, 3, 9), [4], {}),
    ("AdaptiveMaxPool2d", nn.AdaptiveMaxPool2d, (2, 3, 6, 7), [[4, 3]], {}),
    ("AdaptiveMaxPool2d", nn.AdaptiveMaxPool2d, (3, 6, 7), [1], {}),
]:
    x = randn(*x)
    y, indices = make(*args, **options, return_indices=True)(x)
    tensors = {k: plain(v) for k, v in {"x": x, "y": y, "indices": indices}.items()}
    pooled.append({"layer": name, "args": args, "options": options, **tensors})

cases.write(__file__, layers=layers, pooled=pooled)
