"""Makes norm.json: values and gradients of PyTorch's normalisation, pooling and convolution variants in float64.

    python3 test/golden/norm.py

Made with PyTorch 1.13 (CPU). `cases` are as those of ops.json. `indices` has maxima with their positions, `batchNorm`
the running statistics of a layer after each of some batches, and what it gives in evaluation then.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(31)
cases = []


def randn(*shape):
    return torch.round(torch.randn(shape, generator=generator) * 2048) / 2048


def positive(*shape):
    return torch.round((0.25 + 2 * torch.rand(shape, generator=generator)) * 2048) / 2048


def number(x):
    x = float(f"{x:.15g}")
    return int(x) if x == int(x) else x


def plain(x):
    if not isinstance(x, torch.Tensor):
        return x
    t = {"shape": list(x.shape), "data": [number(v) for v in x.detach().flatten().tolist()]}
    if not x.is_floating_point():
        t["dtype"] = "int32"
    return t


def case(name, op, fn, args, options=None, constant=()):
    """Runs fn(*args, **options), options in camelCase, and keeps what came; `constant` arguments have no gradient."""
    options = options or {}
    inputs = {str(i): a for i, a in enumerate(args)} | options
    inputs = {k: v for k, v in inputs.items() if isinstance(v, torch.Tensor) and k not in constant}
    given = [plain(a) for a in args]
    for v in inputs.values():
        v.requires_grad_(True)
    output = fn(*args, **options)
    upstream = randn(*output.shape)
    grads = torch.autograd.grad(output, list(inputs.values()), upstream)
    assert all(torch.isfinite(t).all() for t in [output, *grads]), name
    cases.append({
        "name": f"{op}: {name}",
        "op": op,
        "args": given,
        "options": {k: plain(v) for k, v in options.items()},
        "output": plain(output),
        "gradOutput": plain(upstream),
        "grads": {k: plain(g) for k, g in zip(inputs, grads)},
    })  # fmt: skip


# Convolutions


def conv(op, name, x, weight, bias=None, **options):
    if bias:
        options["bias"] = randn(bias)
    functions = {"conv1d": F.conv1d, "conv2d": F.conv2d, "convTranspose2d": conv_transpose2d}
    case(name, op, functions[op], [randn(*x), randn(*weight)], options)


def conv_transpose2d(x, weight, outputPadding=0, **options):
    return F.conv_transpose2d(x, weight, output_padding=outputPadding, **options)


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


def pool(fn):
    names = {"ceilMode": "ceil_mode", "countIncludePad": "count_include_pad", "divisorOverride": "divisor_override"}
    return lambda x, size, **options: fn(x, size, **{names.get(k, k): v for k, v in options.items()})


avg1, avg2, max1 = pool(F.avg_pool1d), pool(F.avg_pool2d), pool(F.max_pool1d)
case("3", "avgPool1d", avg1, [randn(2, 3, 10), 3])
case("padding, ceilMode", "avgPool1d", avg1, [randn(2, 2, 10), 4], {"stride": 3, "padding": 2, "ceilMode": True})
case("padding not counted", "avgPool1d", avg1, [randn(1, 3, 7), 3], {"stride": 2, "padding": 1, "countIncludePad": False})
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
    case(name, "avgPool2d", avg2, [randn(*x), size], options)
case("3", "maxPool1d", max1, [randn(2, 3, 10), 3])
case("everything", "maxPool1d", max1, [randn(2, 2, 12), 3], {"stride": 2, "padding": 1, "dilation": 2, "ceilMode": True})
for name, x, size in [
    ("to 1", (2, 3, 5, 7), 1),
    ("divides", (1, 2, 6, 4), [3, 2]),
    ("does not divide", (1, 2, 7, 11), [3, 4]),
    ("grows", (1, 2, 3, 2), [5, 3]),
    ("keeps the width", (1, 3, 5, 4), [2, None]),
]:
    case(name, "adaptiveAvgPool2d", F.adaptive_avg_pool2d, [randn(*x), size])
    case(name, "adaptiveMaxPool2d", F.adaptive_max_pool2d, [randn(*x), size])

indices = []
for op, fn, x, size, options in [
    ("maxPool2d", F.max_pool2d, (2, 3, 6, 8), 2, {}),
    ("maxPool2d", F.max_pool2d, (1, 2, 9, 10), 3, {"stride": 2, "padding": 1, "dilation": [2, 1]}),
    ("maxPool2d", F.max_pool2d, (1, 1, 17, 18), 17, {"stride": 1, "padding": 1}),
    ("maxPool1d", F.max_pool1d, (2, 3, 11), 3, {"stride": 2, "padding": 1}),
    ("adaptiveMaxPool2d", F.adaptive_max_pool2d, (2, 3, 7, 5), [3, 2], {}),
]:
    x = randn(*x)
    y, positions = fn(x, size, return_indices=True, **options)
    indices.append({"op": op, "args": [plain(x), size], "options": options, "output": plain(y), "indices": plain(positions)})

# Normalisation


def batch_norm(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    clone = lambda t: None if t is None else t.clone()
    return F.batch_norm(x, clone(mean), clone(var), weight, bias, training, momentum, eps)


def batch(name, shape, running=True, affine=True, **options):
    c = shape[1]
    if affine:
        options |= {"weight": randn(c), "bias": randn(c)}
    mean, var = (randn(c), positive(c)) if running else (None, None)
    case(name, "batchNorm", batch_norm, [randn(*shape), mean, var], options, constant=("1", "2"))


batch("training", (3, 4, 2, 3), training=True)
batch("training, no running statistics", (2, 3, 4, 3), running=False, training=True)
batch("training, not affine, eps 0.1", (3, 5, 2, 2), affine=False, training=True, eps=0.1)
batch("evaluation", (2, 5, 3, 4))
batch("evaluation, not affine", (2, 5, 3, 4), affine=False)
batch("two dimensions", (7, 5), training=True)
batch("two dimensions, evaluation", (1, 5))
batch("three dimensions", (3, 4, 5), training=True)
batch("five dimensions", (2, 2, 2, 1, 3), training=True)
layer_norm = lambda x, shape, weight=None, bias=None, eps=1e-5: F.layer_norm(x, shape, weight, bias, eps)
case("last", "layerNorm", layer_norm, [randn(4, 7), [7]], {"weight": randn(7), "bias": randn(7)})
case("last two", "layerNorm", layer_norm, [randn(3, 4, 5), [4, 5]], {"weight": randn(4, 5), "bias": randn(4, 5)})
case("plain, eps 0.01", "layerNorm", layer_norm, [randn(2, 3, 6), [6]], {"eps": 0.01})
case("no bias", "layerNorm", layer_norm, [randn(2, 6), [6]], {"weight": randn(6)})
group_norm = lambda x, groups, weight=None, bias=None, eps=1e-5: F.group_norm(x, groups, weight, bias, eps)
case("2 groups", "groupNorm", group_norm, [randn(2, 6, 2, 3), 2], {"weight": randn(6), "bias": randn(6)})
case("1 group", "groupNorm", group_norm, [randn(3, 4, 5), 1], {"weight": randn(4), "bias": randn(4), "eps": 0.01})
case("as many groups as channels", "groupNorm", group_norm, [randn(2, 3, 4, 3), 3])
case("two dimensions", "groupNorm", group_norm, [randn(3, 8), 4], {"weight": randn(8)})
lrn = lambda x, size, **options: F.local_response_norm(x, size, **options)
case("5", "localResponseNorm", lrn, [randn(2, 7, 3, 2), 5])
case("even, strong", "localResponseNorm", lrn, [randn(2, 6, 3, 2), 4], {"alpha": 0.5, "beta": 0.6, "k": 2.0})
case("wider than the channels", "localResponseNorm", lrn, [randn(2, 3, 5), 7], {"alpha": 1.0})
normalize = lambda x, p=2.0, dim=1, eps=1e-12: F.normalize(x, p, dim, eps)
case("2", "normalize", normalize, [randn(4, 5)])
case("1, dim -1", "normalize", normalize, [randn(2, 3, 4)], {"p": 1, "dim": -1})
case("3, dim 0", "normalize", normalize, [randn(4, 3)], {"p": 3, "dim": 0})
case("large eps", "normalize", normalize, [randn(3, 2)], {"eps": 1.0})

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

assert len({c["name"] for c in cases}) == len(cases)
dump = lambda items: "[\n" + ",\n".join(json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in items) + "\n]"
head = json.dumps({"made_by": "test/golden/norm.py", "torch": torch.__version__})[:-1]
text = f'{head}, "cases": {dump(cases)}, "indices": {dump(indices)}, "batchNorm": {dump(layers)}}}\n'
Path(__file__).with_name("norm.json").write_text(text, encoding="utf-8")
