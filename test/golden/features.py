"""Makes features.json: unbatched inputs, ways of padding, layers of convolution, and operations on integers and bools.

    python3 test/golden/features.py

Made with PyTorch 1.13 (CPU). `cases` are as those of ops.json, told in ops.py. `whole` are operations without gradients, on
tensors whose dtype is told (float is float32): { name, op, args, options, outputs }. `layers` are convolutions whose padding
is not zero: { layer, args, options, weight, bias, x, y }. `pooled` are pooling layers with positions:
{ layer, args, options, x, y, indices }.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(41)
out = {"cases": [], "whole": [], "layers": [], "pooled": []}
dtypes = {torch.int32: "int32", torch.int64: "int32", torch.uint8: "uint8", torch.bool: "bool"}


def randn(*shape):
    return torch.round(torch.randn(shape, generator=generator) * 2048) / 2048


def ints(*shape, low=-9, high=9):
    return torch.randint(low, high, shape, generator=generator, dtype=torch.int32)


def number(x):
    if x != x or abs(x) == float("inf"):
        return str(x)
    x = float(f"{x:.15g}")
    return int(x) if x == int(x) else x


def plain(x):
    if not isinstance(x, torch.Tensor):
        return number(x) if isinstance(x, float) else x
    t = {"shape": list(x.shape), "data": [number(float(v)) for v in x.detach().flatten()]}
    if not x.is_floating_point():
        t["dtype"] = dtypes[x.dtype]
    return t


def case(name, op, fn, args, options=None):
    options = options or {}
    inputs = {str(i): a for i, a in enumerate(args)} | options
    inputs = {k: v for k, v in inputs.items() if isinstance(v, torch.Tensor)}
    for v in inputs.values():
        v.requires_grad_(True)
    output = fn(*args, **options)
    upstream = randn(*output.shape)
    grads = torch.autograd.grad(output, list(inputs.values()), upstream)
    out["cases"].append({
        "name": f"{op}: {name}",
        "op": op,
        "args": [plain(a) for a in args],
        "options": {k: plain(v) for k, v in options.items()},
        "output": plain(output),
        "gradOutput": plain(upstream),
        "grads": {k: plain(g) for k, g in zip(inputs, grads)},
    })  # fmt: skip


def whole(name, op, fn, args, options=None):
    """The outputs of fn, its dtypes as Quern has them: int64 is int32."""
    options = options or {}
    result = fn(*args, **options)
    outputs = list(result) if isinstance(result, tuple) else [result]
    out["whole"].append({
        "name": f"{op}: {name}",
        "op": op,
        "args": [plain(a) for a in args],
        "options": options,
        "outputs": [plain(o) for o in outputs],
    })  # fmt: skip


# Without a batch
one = {"bias": randn(4), "padding": 1}
case("no batch", "conv1d", F.conv1d, [randn(3, 9), randn(4, 3, 3)], {**one})
case("no batch, no bias", "conv1d", F.conv1d, [randn(2, 7), randn(3, 2, 2)], {"stride": 2})
case("no batch", "conv2d", F.conv2d, [randn(3, 6, 5), randn(4, 3, 3, 3)], {**one, "bias": randn(4)})
case("no batch, depthwise", "conv2d", F.conv2d, [randn(3, 6, 5), randn(3, 1, 3, 2)], {"groups": 3, "stride": 2})
transposed = lambda x, w, bias=None, stride=1, outputPadding=0: F.conv_transpose2d(x, w, bias, stride, 0, outputPadding)
case("no batch", "convTranspose2d", transposed, [randn(3, 4, 5), randn(3, 2, 3, 3)], {"bias": randn(2), "stride": 2})
case("no batch", "maxPool2d", F.max_pool2d, [randn(3, 7, 6), 2], {"stride": 2, "padding": 1})
case("no batch", "maxPool1d", F.max_pool1d, [randn(3, 7), 3], {"stride": 2, "padding": 1})
case("no batch", "avgPool2d", F.avg_pool2d, [randn(3, 7, 6), 2], {"stride": 1, "padding": 1})
case("no batch", "avgPool1d", F.avg_pool1d, [randn(3, 7), 3], {"stride": 2, "padding": 1})
case("no batch", "adaptiveAvgPool2d", F.adaptive_avg_pool2d, [randn(3, 7, 6), [3, 2]])
case("no batch, global", "adaptiveAvgPool2d", F.adaptive_avg_pool2d, [randn(3, 7, 6), 1])
case("no batch", "adaptiveMaxPool2d", F.adaptive_max_pool2d, [randn(3, 7, 6), [3, 2]])
for op, fn in {"adaptiveAvgPool1d": F.adaptive_avg_pool1d, "adaptiveMaxPool1d": F.adaptive_max_pool1d}.items():
    for size in 1, 3, 7, 9:
        case(f"to {size}", op, fn, [randn(2, 3, 7), size])
    case("no batch", op, fn, [randn(3, 8), 3])

# Padding in a circle; F.pad wants the dimensions before the last ones
for shape, pads in [((2, 3, 5), [2, 1]), ((2, 3, 5), [5, 5]), ((2, 2, 4, 3), [1, 2, 3, 0]), ((2, 2, 4, 3), [3, 3, 4, 4])]:
    case(f"circular {pads}", "pad", F.pad, [randn(*shape), pads], {"mode": "circular"})

# Steps have no slope
for op in "floor ceil round trunc".split():
    x = torch.tensor([-2.5, -1.5, -1.25, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1.5, 2.5, 3, 1e9 + 0.5, -1e9 - 0.5])
    case("halves", op, getattr(torch, op), [x])

# Integers and bools
most = torch.tensor([2**31 - 1, -(2**31), 7, 0, -3, 2**31 - 2], dtype=torch.int32)
mask = torch.tensor([[True, False, True], [False, False, True]])
bytes_ = torch.tensor([[0, 255, 3, 3], [7, 200, 199, 1]], dtype=torch.uint8)
floats = torch.tensor([0, -0.0, 1.5, float("nan"), float("inf"), float("-inf"), 1e-40], dtype=torch.float32)
for op in "neg abs sign square".split():
    whole("int32", op, getattr(torch, op), [ints(3, 4)])
    whole("the largest", op, getattr(torch, op), [most])
whole("int32 by int32", "div", torch.div, [ints(3, 4), ints(4, low=1)])
whole("int32 by zero", "div", torch.div, [ints(5), torch.tensor([0, 1, 0, 2, 0], dtype=torch.int32)])
whole("int32 by a number", "div", torch.div, [ints(3, 4), 4])
whole("int32", "clamp", torch.clamp, [ints(3, 4), -2, 5])
whole("int32 from below", "clamp", torch.clamp, [most, -5])
for dtype in "int32", "uint8", "bool":
    a, b = (ints(2, 3, low=0, high=2).to(getattr(torch, dtype)) for _ in range(2))
    whole(dtype, "where", torch.where, [mask, a, b])
    whole(f"{dtype}, broadcast", "where", torch.where, [mask, a, b[:1]])
    for op in "eq ne lt le gt ge".split():
        whole(dtype, op, getattr(torch, op), [a, b])
    for op in "and or xor".split():
        whole(dtype, f"logical{op.title()}", getattr(torch, f"logical_{op}"), [a, b])
    whole(dtype, "logicalNot", torch.logical_not, [a])
for op, fn in {"sum": torch.sum, "prod": torch.prod}.items():
    for x in ints(2, 3, 5), mask, bytes_, ints(0, 3), ints(7):
        wrap = lambda x, fn=fn, **options: fn(x, **options).to(torch.int32)  # wraps
        whole(f"{dtypes[x.dtype]} {list(x.shape)}", op, wrap, [x])
        for d in range(x.ndim):
            whole(f"{dtypes[x.dtype]} {list(x.shape)} dim {d}", op, wrap, [x], {"dim": d})
            whole(f"{dtypes[x.dtype]} {list(x.shape)} dim {d}, kept", op, wrap, [x], {"dim": d, "keepdim": True})
    whole("wraps around", op, wrap, [most])
    whole("of nothing", op, wrap, [ints(0)])
two = lambda x, dim, keepdim=False: torch.sum(x, dim, keepdim).to(torch.int32)
whole("int32, two dims", "sum", two, [ints(2, 3, 5)], {"dim": [0, 2]})
whole("int32, two dims, kept", "sum", two, [ints(2, 3, 5)], {"dim": [2, 1], "keepdim": True})
for op, fn in {"max": torch.amax, "min": torch.amin}.items():
    for x in ints(3, 5), mask, bytes_, most:
        for d in range(x.ndim):
            whole(f"{dtypes[x.dtype]} {list(x.shape)} dim {d}", op, fn, [x], {"dim": d})
            whole(f"{dtypes[x.dtype]} {list(x.shape)} dim {d}, kept", op, fn, [x], {"dim": d, "keepdim": True})
        whole(f"{dtypes[x.dtype]} {list(x.shape)}", op, lambda x, fn=fn: fn(x, tuple(range(x.ndim))), [x])
for op in "argmax", "argmin":
    for x in most, torch.tensor([[5, 1, 9], [-4, 8, 2]], dtype=torch.int32), bytes_[:, [0, 1, 3]]:
        whole(f"{dtypes[x.dtype]} {list(x.shape)}", op, getattr(torch, op), [x])
        whole(f"{dtypes[x.dtype]} {list(x.shape)} last", op, getattr(torch, op), [x], {"dim": -1})
for largest in True, False:
    topk = lambda x, k, largest: tuple(torch.topk(x, k, largest=largest))
    whole(f"int32 {largest}", "topk", topk, [torch.tensor([[5, 1, 9, -7], [4, 8, 2, 3]], dtype=torch.int32), 3],
          {"largest": largest})  # fmt: skip
for op in "any", "all":
    fn = lambda x, op=op, **options: getattr(torch, op)(x.bool(), **options)
    for x in mask, ints(3, 4, low=0, high=2), floats, torch.ones(2, 3, dtype=torch.bool), torch.zeros(4, dtype=torch.bool):
        whole(f"{list(x.shape)} {x.dtype} {int(x.bool().sum())}", op, fn, [x])
        whole(f"{list(x.shape)} {x.dtype} {int(x.bool().sum())} last", op, fn, [x], {"dim": -1})
    whole("of nothing", op, fn, [mask[:0]])
    whole("of nothing, kept", op, fn, [mask[:0]], {"dim": 0, "keepdim": True})
for op in "isnan", "isinf", "isfinite":
    whole("float32", op, getattr(torch, op), [floats])
    whole("int32", op, getattr(torch, op), [most])
for op in "and or xor".split():
    whole("float32", f"logical{op.title()}", getattr(torch, f"logical_{op}"), [floats, floats.flip(0)])
whole("float32", "logicalNot", torch.logical_not, [floats])

# Layers
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
        out["layers"].append({
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
    out["pooled"].append({"layer": name, "args": args, "options": options, "x": plain(x), "y": plain(y), "indices": plain(indices)})

assert len({c["name"] for c in out["cases"]}) == len(out["cases"])
assert len({c["name"] for c in out["whole"]}) == len(out["whole"])
sections = [
    f'"{name}": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]" for name, cases in out.items()
]
head = json.dumps({"made_by": "test/golden/features.py", "torch": torch.__version__})[:-1]
Path(__file__).with_name("features.json").write_text(head + ", " + ", ".join(sections) + "}\n", encoding="utf-8")
