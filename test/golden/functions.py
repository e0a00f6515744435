"""Quern's functions in PyTorch, by name: the same arguments and options (in camelCase), for the scripts here."""

import re

import torch
import torch.nn.functional as F


def snake(name):
    return re.sub("[A-Z]", lambda m: "_" + m[0].lower(), name)


def renamed(fn):
    """fn with its options in camelCase."""
    return lambda *args, **options: fn(*args, **{snake(k): v for k, v in options.items()})


def each_dim(fn):
    """fn, which takes a tuple of dims, with `dim` as in Quern: a number, a list, or all."""

    def reduce(x, dim=None, keepdim=False, **options):
        dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
        return fn(x, tuple(dims), keepdim=keepdim, **options)

    return reduce


def wrapped(fn):
    """fn, whose integers are int32 and wrap around as such; PyTorch's are int64."""

    def wrap(*args, **options):
        y = fn(*args, **options)
        return y if y.is_floating_point() else y.to(torch.int32)

    return wrap


def div(a, b):
    """The quotients of integers are float32 whatever the default dtype."""
    y = torch.div(a, b)
    return y if any(v.is_floating_point() for v in (a, b) if isinstance(v, torch.Tensor)) else y.to(torch.float32)


def truth(fn):
    """fn of what is not zero; of uint8 PyTorch's gives uint8."""
    return lambda x, **options: fn(x.bool(), **options)


def prod(x, dims, keepdim):
    for d in sorted((d % x.ndim for d in dims), reverse=True):  # torch.prod takes one dimension
        x = torch.prod(x, d, keepdim=keepdim)
    return x


def batch_norm(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Its running statistics stay as they are."""
    clone = lambda t: None if t is None else t.clone()
    return F.batch_norm(x, clone(mean), clone(var), weight, bias, training, momentum, eps)


def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    return F.layer_norm(x, [shape] if isinstance(shape, int) else shape, weight, bias, eps)


def hinge_loss(x, target, margin=1.0, reduction="mean"):
    """The sum over the other classes: multi_margin_loss is its mean over all classes."""
    return F.multi_margin_loss(x, target, margin=margin, reduction=reduction) * x.shape[-1]


def pad(x, pads, mode="constant", value=0.0):
    """F.pad; its other modes want a batch of channels, which any x becomes for them."""
    if mode == "constant":
        return F.pad(x, pads, mode, value)
    n = len(pads) // 2
    return F.pad(x.reshape(1, -1, *x.shape[x.ndim - n :]), pads, mode).reshape(*x.shape[: x.ndim - n], *padded(x, pads))


def padded(x, pads):
    n = len(pads) // 2
    return [x.shape[x.ndim - n + i] + pads[2 * (n - 1 - i)] + pads[2 * (n - 1 - i) + 1] for i in range(n)]


def slice_(x, dim, start=0, end=None, step=1):
    return x[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)]


def as_tensor(v, like):
    return v if isinstance(v, torch.Tensor) else like.new_tensor(v)


dtypes = {"float": torch.float64, "int32": torch.int64, "uint8": torch.uint8, "bool": torch.bool}


def made(fn):
    """fn with dtype 'float', which Quern's test replaces by its own, float64."""
    return lambda *args, dtype="float": fn(*args, dtype=dtypes[dtype])


def either_number(fn):
    """fn of two tensors, where one may be a number."""
    return lambda a, b: fn(as_tensor(a, b), as_tensor(b, a))


def first_number(fn):
    """fn of two operands, the second a number if need be, where the first may be one too."""
    return lambda a, b: fn(as_tensor(a, b), b)


functions = {
    **{op: getattr(torch, op) for op in "abs neg exp log sqrt rsqrt square reciprocal sin cos tanh".split()},
    **{op: getattr(torch, op) for op in "sigmoid sign relu expm1 log1p erf softmax cumsum matmul clone".split()},
    **{op: getattr(torch, op) for op in "floor ceil round trunc isnan isinf isfinite".split()},
    **{op: truth(getattr(torch, op)) for op in "any all".split()},
    **{f"logical{op.title()}": getattr(torch, f"logical_{op}") for op in "and or xor not".split()},
    **{op: first_number(getattr(torch, op)) for op in "add sub mul pow".split()},
    "div": first_number(div),
    **{op: either_number(getattr(torch, op)) for op in "maximum minimum".split()},
    **{op: getattr(torch, op) for op in "eq ne lt le gt ge clamp argmax argmin gather topk stack".split()},
    **{op: getattr(torch, op) for op in "reshape flatten permute transpose squeeze unsqueeze narrow".split()},
    **{op: getattr(torch, op) for op in "split chunk tile".split()},
    "where": lambda condition, a, b: either_number(lambda a, b: torch.where(condition, a, b))(a, b),
    "logSoftmax": torch.log_softmax,
    "contiguous": torch.clone,
    # F.hardsigmoid's gradient has 1/6 in float32, in float64 too
    "hardsigmoid": lambda x: F.relu6(x + 3) / 6,
    "logSigmoid": F.logsigmoid,
    **{op: getattr(F, op) for op in "gelu silu hardswish selu softsign relu6 elu softplus".split()},
    "leakyRelu": renamed(F.leaky_relu),
    "hardtanh": renamed(F.hardtanh),
    "sum": each_dim(wrapped(torch.sum)),
    "mean": each_dim(torch.mean),
    "prod": each_dim(wrapped(prod)),
    "max": each_dim(torch.amax),
    "min": each_dim(torch.amin),
    "variance": each_dim(torch.var),
    "std": each_dim(torch.std),
    "norm": each_dim(lambda x, dims, keepdim: torch.linalg.vector_norm(x, 2, dims, keepdim)),
    "logsumexp": each_dim(torch.logsumexp),
    "linear": lambda x, weight, bias=None: F.linear(x, weight, bias),
    "conv1d": F.conv1d,
    "conv2d": F.conv2d,
    "convTranspose2d": renamed(F.conv_transpose2d),
    "maxPool1d": renamed(F.max_pool1d),
    "maxPool2d": renamed(F.max_pool2d),
    "avgPool1d": renamed(F.avg_pool1d),
    "avgPool2d": renamed(F.avg_pool2d),
    "adaptiveAvgPool1d": F.adaptive_avg_pool1d,
    "adaptiveMaxPool1d": renamed(F.adaptive_max_pool1d),
    "adaptiveAvgPool2d": F.adaptive_avg_pool2d,
    "adaptiveMaxPool2d": renamed(F.adaptive_max_pool2d),
    "batchNorm": batch_norm,
    "layerNorm": layer_norm,
    "groupNorm": F.group_norm,
    "localResponseNorm": F.local_response_norm,
    "normalize": F.normalize,
    "dropout": F.dropout,
    "dropout2d": F.dropout2d,
    "crossEntropy": renamed(F.cross_entropy),
    "nllLoss": renamed(F.nll_loss),
    "mseLoss": F.mse_loss,
    "l1Loss": F.l1_loss,
    "smoothL1Loss": F.smooth_l1_loss,
    "bceLoss": F.binary_cross_entropy,
    "bceWithLogitsLoss": renamed(F.binary_cross_entropy_with_logits),
    "klDivLoss": renamed(F.kl_div),
    "hingeLoss": hinge_loss,
    "multiMarginLoss": F.multi_margin_loss,
    "indexSelect": torch.index_select,
    "scatterAdd": torch.scatter_add,
    "embedding": renamed(F.embedding),
    "oneHot": F.one_hot,
    "pad": pad,
    "flip": lambda x, dims: torch.flip(x, [dims] if isinstance(dims, int) else dims),
    "repeat": lambda x, repeats: x.repeat(repeats),
    "expand": lambda x, shape: x.expand(shape),
    "slice": slice_,
    "concat": torch.cat,
    "to": lambda x, dtype: x.to(dtypes[dtype]),
    **{op: made(getattr(torch, op)) for op in "arange linspace eye full ones zeros".split()},
    "onesLike": torch.ones_like,
    "zerosLike": torch.zeros_like,
}
