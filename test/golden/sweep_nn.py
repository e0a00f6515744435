"""Makes sweep_nn.json: random sizes and options of convolution, pooling, normalisation, activations and losses.

    python3 test/golden/sweep_nn.py

Made with PyTorch 1.13 (CPU) and Python's random.Random; cases.py tells the format.
"""

import torch
from cases import Sweep

sweep = Sweep(42)
add, randn, positive, numbers, ints = sweep.add, sweep.randn, sweep.positive, sweep.numbers, sweep.ints
shape, draw, choice, whole = sweep.shape, sweep.draw, sweep.random.choice, sweep.random.randint
pair_of = lambda value: list(value) if isinstance(value, list) else [value, value]
one_or_pair = lambda low, high: choice([whole(low, high), [whole(low, high), whole(low, high)]])

# Convolution


def channels():
    """Groups, channels in and out of each group: none, some, depthwise."""
    return choice([(1, choice([1, 2, 3, 5]), choice([1, 2, 5])), (2, 2, 1), (3, 1, 2), (choice([2, 5]), 1, 1)])


def window(rank, kernel, options):
    """Sizes of an image into which the window fits."""
    sizes = []
    for i in range(rank):
        extent = pair_of(options.get("dilation", 1))[i] * (kernel[i] - 1) + 1
        padding = options.get("padding", 0)
        padding = 0 if isinstance(padding, str) else pair_of(padding)[i]
        sizes.append(max(1, extent - 2 * padding, 0) + choice([0, 0, 1, 2]))
    return sizes


def convolution(rank, batch):
    side = (lambda low, high: whole(low, high)) if rank == 1 else one_or_pair
    groups, inputs, outputs = channels()
    kernel = [whole(1, 3 if rank == 2 else 5) for _ in range(rank)]
    options = draw(stride=[None, side(1, 3)], padding=[None, side(0, 2), side(0, 3), "same", "valid"], dilation=[None, None, side(1, 3)])
    if options.get("padding") == "same":
        options.pop("stride", None)
    if groups > 1:
        options["groups"] = groups
    if whole(0, 1):
        options["bias"] = randn(groups * outputs)
    x = randn(batch, groups * inputs, *window(rank, kernel, options))
    add(f"conv{rank}d", [x, randn(groups * outputs, inputs, *kernel)], options)


for i in range(30):
    convolution(1, 0 if i == 0 else whole(1, 3))
for i in range(36):
    convolution(2, 0 if i == 0 else whole(1, 2))
for c, o, n in (1, 1, 1), (7, 13, 1), (3, 17, 2), (17, 2, 2), (33, 2, 1):
    add("conv2d", [randn(n, c, 2, 1), randn(o, c, 1, 1)], {"bias": randn(o)})
for i in range(22):
    groups, inputs, outputs = channels()
    options = draw(stride=[None, one_or_pair(1, 3)], dilation=[None, None, one_or_pair(1, 2)])
    room = [max(pair_of(options.get("stride", 1))[k], pair_of(options.get("dilation", 1))[k]) - 1 for k in range(2)]
    options |= draw(outputPadding=[None, [whole(0, room[0]), whole(0, room[1])], whole(0, min(room))])
    options |= {"groups": groups} if groups > 1 else {}
    options |= {"bias": randn(groups * outputs)} if whole(0, 1) else {}
    kernel, image = [whole(1, 3), whole(1, 3)], [whole(1, 3), whole(1, 3)]
    if min(kernel) > 1 and min(image) > 1:
        options |= draw(padding=[None, 1, [1, 0]])
    batch = 0 if i == 0 else choice([1, 1, 2])
    add("convTranspose2d", [randn(batch, groups * inputs, *image), randn(groups * inputs, outputs, *kernel)], options)

# Pooling


def pooling(op, rank, batch, **choices):
    kernel = [whole(1, 4) for _ in range(rank)]
    size = kernel[0] if rank == 1 or kernel[0] == kernel[-1] else kernel
    padding = [choice([0, k // 2]) for k in kernel]
    options = draw(stride=[None, whole(1, 3) if rank == 1 else one_or_pair(1, 3)], ceilMode=[None, True, False], **choices)
    options |= {"padding": padding[0] if rank == 1 else padding} if any(padding) else {}
    add(op, [randn(batch, choice([1, 2, 3]), *(n + whole(0, 3) for n in window(rank, kernel, options))), size], options)


for i in range(14):
    batch = 0 if i == 0 else whole(1, 2)
    pooling("maxPool1d", 1, batch, dilation=[None, 1, 2], returnIndices=[None, True])
    pooling("avgPool1d", 1, batch, countIncludePad=[None, True, False])
for i in range(22):
    batch = 0 if i == 0 else whole(1, 2)
    pooling("maxPool2d", 2, batch, dilation=[None, None, 2, [1, 2]], returnIndices=[None, True])
    pooling("avgPool2d", 2, batch, countIncludePad=[None, True, False], divisorOverride=[None, None, 3])
for i in range(11):
    for op in "adaptiveAvgPool2d", "adaptiveMaxPool2d":
        x = [0 if i == 0 else whole(1, 2), choice([1, 2, 3]), choice([1, 3, 5, 7]), choice([1, 2, 4, 5])]
        options = draw(returnIndices=[None, True]) if op == "adaptiveMaxPool2d" else {}
        add(op, [randn(*x), choice([whole(1, 5), [whole(1, 5), whole(1, 5)], [None, whole(1, 3)], [whole(1, 3), None]])], options)

# Normalisation


def cancelling(x, dims, options):
    """Normalised, two values become ±1 and one 0, so their gradients are near 0: the size of the terms of these."""
    x = x.reshape(x.shape if isinstance(dims, list) else (len(x), dims, -1))
    dims = dims if isinstance(dims, list) else [2]
    if x.numel() == 0 or x.numel() // x.sum(dims).numel() > 2:
        return None
    weight = options.get("weight", torch.ones(1)).abs().max().item()
    return {"0": 2 * weight / (x.var(dims, unbiased=False).min() + options.get("eps", 1e-5)).sqrt().item()}


affine = lambda *shape: choice([{}, {"weight": randn(*shape), "bias": randn(*shape)}, {"weight": randn(*shape)}])
for i in range(16):
    x = [choice([2, 3, 5]), choice([1, 3, 5, 7]), *shape(whole(0, 3), 8)]
    options = {**affine(x[1]), **draw(eps=[None, 0.01], momentum=[None, 0.5])}
    running = [randn(x[1]), positive(x[1])]
    if i % 2:
        running, options = choice([running, [None, None]]), {**options, "training": True}
    x = randn(*x)
    scale = cancelling(x, [0, *range(2, x.ndim)], options) if i % 2 else None
    add("batchNorm", [x, *running], options, constant=("1", "2"), scale=scale)
add("batchNorm", [randn(0, 3, 2, 2), randn(3), positive(3)], {"weight": randn(3)}, constant=("1", "2"))
for i in range(10):
    x = [3, *shape(whole(1, 3), 24)] if i else [0, 3, 5]
    tail = x[whole(1, len(x) - 1) :]
    tail = tail if i % 3 else tail[-1:]
    x, options = randn(*x), {**affine(*tail), **draw(eps=[None, 0.01])}
    scale = cancelling(x, list(range(-len(tail), 0)), options)
    if scale and tail == [1]:  # PyTorch rounds x · rstd - mean · rstd, which is 0
        scale["weight"] = scale["0"]
    add("layerNorm", [x, tail], options, scale=scale)
add("layerNorm", [randn(5, 37), 37])
for i in range(10):
    groups, each = choice([1, 2, 3]), choice([1, 2, 3, 5])
    x = [whole(1, 2) if i else 0, groups * each, *shape(whole(1, 3), 6)]
    x, options = randn(*x), {**affine(groups * each), **draw(eps=[None, 0.01])}
    scale = (cancelling(x, groups, options) if i else None) or {}
    if x.shape[1] == 1 and "weight" in options:  # one number: a sum of terms of about 1 and either sign
        scale["weight"] = 1
    add("groupNorm", [x, groups], options, scale=scale)
for size in 1, 2, 3, 5, 8:
    x = [whole(1, 2), choice([1, 3, 7, 13]), *shape(whole(1, 2), 4)]
    add("localResponseNorm", [randn(*x), size], draw(alpha=[None, 0.5, 1.5], beta=[None, 0.5], k=[None, 2]))
for i in range(9):
    x = [0, 5] if i == 0 else shape(whole(2, 3))
    options = draw(p=[None, 1, 2, 3, 1.5], dim=[None, 0, -1], eps=[None, 0.5])
    alone = x[options.get("dim", 1)] == 1  # ±1, whose gradient is 0
    x = randn(*x)
    add("normalize", [x], options, scale={"0": 2 / max(x.abs().min().item(), options.get("eps", 0))} if alone else None)

# Activations
for op, choices in {
    **{op: {} for op in "silu hardswish hardsigmoid selu logSigmoid softsign relu6".split()},
    "gelu": {"approximate": [None, "none", "tanh"]},
    "leakyRelu": {"negativeSlope": [None, 0.25, 0.1, 1.5]},
    "elu": {"alpha": [None, 0.5, 2]},
    "softplus": {"beta": [None, 0.5, 2], "threshold": [None, 3, 10]},
    "hardtanh": {"minVal": [None, -2, -0.5], "maxVal": [None, 0.25, 3]},
}.items():
    for x in [3], [1], [37], shape(2), shape(3), shape(4), [0], [2, 0, 3], []:
        add(op, [numbers(-7, 7, *x)], draw(**choices))

# Losses
unit = lambda *shape: numbers(0.0625, 0.9375, *shape)


def probabilities(*shape):
    t = torch.rand(shape, generator=sweep.generator)
    return torch.round(t / t.sum(1 if len(shape) > 1 else 0, keepdim=True) * 2048) / 2048


for r in "mean", "sum", "none":
    o = {} if r == "mean" else {"reduction": r}
    for x in [1], [17], shape(2, 24), shape(3, 24), [3, 5, 1, 1], [0, 3]:
        empty = {"finite": 0 not in x}
        broadcast = [1 if whole(0, 1) else n for n in x]
        for op in "mseLoss", "l1Loss":
            add(op, [randn(*x), randn(*x)], o, **empty)
        add("smoothL1Loss", [randn(*x), randn(*x)], {**draw(beta=[None, 0.25, 2]), **o}, **empty)
        add("bceLoss", [unit(*x), unit(*x)], {**draw(weight=[None, positive(*broadcast)]), **o}, **empty)
        weights = draw(weight=[None, positive(*broadcast)], posWeight=[None, positive(*x[-1:])])
        add("bceWithLogitsLoss", [randn(*x), unit(*x)], {**weights, **o}, **empty)
        add("klDivLoss", [randn(*x), unit(*x)], {**draw(logTarget=[None, True, False]), **o}, **empty)
    for classes, rows in (1, [2]), (3, [5]), (7, [3]), (13, []), (5, [2, 3]), (4, [1, 2, 2]), (3, [0]):
        x = [classes] if rows == [] else [rows[0], classes, *rows[1:]]
        empty = {"finite": 0 not in x}
        target = ints(classes, *rows)
        weight = [None, positive(classes)]
        ignored = draw(ignoreIndex=[None, None, int(target.flatten()[0])]) if target.numel() > 1 and len(set(target.flatten().tolist())) > 1 else {}
        smooth = draw(labelSmoothing=[None, 0.1, 0.5])
        add("crossEntropy", [randn(*x), target], {**draw(weight=weight), **ignored, **smooth, **o}, **empty)
        add("nllLoss", [randn(*x), target], {**draw(weight=weight), **ignored, **o}, **empty)
        if 0 not in x:
            add("crossEntropy", [randn(*x), probabilities(*x)], {**draw(weight=weight), **smooth, **o})
        if len(rows) < 2 and 0 not in x:
            add("hingeLoss", [randn(*x), target], {**draw(margin=[None, 0.5]), **o})
            add("multiMarginLoss", [randn(*x), target], {**draw(margin=[None, 0.5], p=[None, 1, 2], weight=weight), **o})
add("klDivLoss", [randn(3, 5), unit(3, 5)], {"reduction": "batchmean"})

sweep.write(__file__)
