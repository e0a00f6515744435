"""Makes second.json: gradients of Σ v · (d Σ u · f(x) / dx), by PyTorch in float64.

    python3 test/golden/second.py

Each case: { op, options, x, u, v, gradient, second }; those from `more` have also the arguments in their order, `args`,
with null for x ("null" is null itself), and the gradient to u, `upstream`.
"""

import torch
import torch.nn.functional as F
from cases import Cases, write

randn = Cases(21).randn
cases = []


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


def argument(value):
    if isinstance(value, dict):
        return {key: argument(v) for key, v in value.items()}
    if not isinstance(value, torch.Tensor):
        return value
    if value.dtype == torch.int64:
        return {"shape": list(value.shape), "data": value.flatten().tolist(), "dtype": "int32"}
    return plain(value)


def more(op, fn, x, args=(None,), options=None):
    x.requires_grad_(True)
    y = fn(x)
    u, v = randn(*y.shape).requires_grad_(True), randn(*x.shape)
    (gradient,) = torch.autograd.grad(y, x, u, create_graph=True)
    second, upstream = torch.autograd.grad(gradient, [x, u], v, allow_unused=True)
    second = torch.zeros_like(x) + (0 if second is None else second)
    found = {"x": x, "u": u, "v": v, "gradient": gradient, "second": second, "upstream": upstream}
    given = {"op": op, "options": argument(options), "args": [argument(a) for a in args]}
    cases.append({**given, **{k: plain(t) for k, t in found.items()}})


def whole(*values):
    return torch.tensor(values)


more("erf", torch.erf, randn(2, 5))
more("expm1", torch.expm1, randn(2, 5))
more("log1p", torch.log1p, randn(2, 5).abs())
more("silu", F.silu, randn(3, 5))
more("gelu", F.gelu, randn(3, 5))
more("gelu", lambda x: F.gelu(x, approximate="tanh"), randn(3, 5), options={"approximate": "tanh"})
more("hardswish", F.hardswish, 3 * randn(3, 5))
more("leakyRelu", F.leaky_relu, randn(3, 5))
more("elu", F.elu, randn(3, 5))
more("selu", F.selu, randn(3, 5))
more("softplus", F.softplus, randn(3, 5))
more("logSigmoid", F.logsigmoid, randn(3, 5))
more("softsign", F.softsign, randn(3, 5))

index = whole(2, 0, 2, 1)
more("indexSelect", lambda x: x.index_select(1, index), randn(2, 3, 2), (None, 1, index))
rows = whole([1, 3], [3, 0])
more("embedding", lambda w: F.embedding(rows, w, padding_idx=3), randn(4, 3), (rows, None), {"paddingIdx": 3})
places = whole([0, 2], [1, 1], [2, 0])
more("gather", lambda x: x.gather(1, places), randn(3, 4), (None, 1, places))
start, added = randn(3, 4), randn(3, 2)
more("scatterAdd", lambda x: x.scatter_add(1, places, added), randn(3, 4), (None, 1, places, added))
more("scatterAdd", lambda s: start.scatter_add(1, places, s), randn(3, 2), (start, 1, places, None))
more("cumsum", lambda x: x.cumsum(1), randn(2, 4), options={"dim": 1})
more("pad", lambda x: F.pad(x, (2, 1), mode="reflect"), randn(2, 4), (None, [2, 1]), {"mode": "reflect"})
more("flip", lambda x: x.flip(1), randn(2, 4), (None, 1))

pooling = {"stride": 2, "padding": 1}
more("maxPool2d", lambda x: F.max_pool2d(x, 3, **pooling), randn(1, 2, 5, 5), (None, 3), pooling)
more("avgPool2d", lambda x: F.avg_pool2d(x, 3, **pooling), randn(1, 2, 5, 5), (None, 3), pooling)
more("adaptiveMaxPool2d", lambda x: F.adaptive_max_pool2d(x, 3), randn(1, 2, 5, 4), (None, 3))
more("adaptiveAvgPool2d", lambda x: F.adaptive_avg_pool2d(x, 3), randn(1, 2, 5, 4), (None, 3))
image, kernel, wide = randn(1, 2, 4, 4), randn(3, 2, 3, 3), randn(2, 3, 3, 3)
more("conv2d", lambda x: F.conv2d(x, kernel, padding=1), randn(1, 2, 4, 4), (None, kernel), {"padding": 1})
more("conv2d", lambda w: F.conv2d(image, w, stride=2), randn(3, 2, 2, 2), (image, None), {"stride": 2})
stride = {"stride": 2, "padding": 1}
more("convTranspose2d", lambda x: F.conv_transpose2d(x, wide, **stride), randn(1, 2, 3, 3), (None, wide), stride)
more("convTranspose2d", lambda w: F.conv_transpose2d(image, w, **stride), randn(2, 1, 3, 3), (image, None), stride)

weight, bias, average, spread = randn(3), randn(3), randn(3), randn(3).abs() + 0.5
affine = {"weight": weight, "bias": bias}
train = {"training": True, **affine}
more("batchNorm", lambda x: F.batch_norm(x, None, None, **train), randn(2, 3, 2, 2), (None, "null", "null"), train)
more("batchNorm", lambda x: F.batch_norm(x, average, spread, **affine), randn(4, 3), (None, average, spread), affine)
more("layerNorm", lambda x: F.layer_norm(x, [3], **affine), randn(2, 3), (None, 3), affine)
more("groupNorm", lambda x: F.group_norm(x, 3, **affine), randn(2, 3, 4), (None, 3), affine)
response = {"alpha": 0.5, "k": 2}
more("localResponseNorm", lambda x: F.local_response_norm(x, 3, **response), randn(1, 4, 3), (None, 3), response)
more("normalize", F.normalize, randn(3, 4))

classes = whole(1, 0, 3)
more("crossEntropy", lambda x: F.cross_entropy(x, classes), randn(3, 4), (None, classes))
more("nllLoss", lambda x: F.nll_loss(x, classes, reduction="none"), randn(3, 4), (None, classes), {"reduction": "none"})
target, chances = randn(3, 4), randn(3, 4).sigmoid()
more("mseLoss", lambda x: F.mse_loss(x, target), randn(3, 4), (None, target))
more("l1Loss", lambda x: F.l1_loss(x, target), randn(3, 4), (None, target))
more("smoothL1Loss", lambda x: F.smooth_l1_loss(x, target), randn(3, 4), (None, target))
# F.binary_cross_entropy adds 1e-12 to a denominator of its second derivative.
likelihood = lambda x: -(chances * x.log() + (1 - chances) * (1 - x).log()).mean()
more("bceLoss", likelihood, randn(3, 4).sigmoid(), (None, chances))
more("bceWithLogitsLoss", lambda x: F.binary_cross_entropy_with_logits(x, chances), randn(3, 4), (None, chances))
batch = {"reduction": "batchmean"}
more("klDivLoss", lambda x: F.kl_div(x, chances, reduction="batchmean"), randn(3, 4), (None, chances), batch)

write(__file__, {}, cases=cases)
