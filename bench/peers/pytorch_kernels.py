"""One operation per row, as bench/quern/kernels.ts does it: each maker returns a function that does the work once."""

import torch
from torch import nn
from torch.nn import functional as F


def image(work, layout, requires_grad=False):
    x = torch.randn(work["n"], work["c"], work["h"], work["w"]).contiguous(memory_format=layout)
    return x.requires_grad_(requires_grad)


def forward(fn):
    def step():
        with torch.no_grad():
            fn()

    return step


def backward(y, inputs, layout):
    gradient = torch.randn(y.shape).contiguous(memory_format=layout)
    return lambda: torch.autograd.grad(y, inputs, gradient, retain_graph=True)


def gemm_operands(work):
    def operand(rows, columns, transposed):
        return torch.randn(columns, rows).t() if transposed else torch.randn(rows, columns)

    first, second = work["transposes"]
    return operand(work["m"], work["k"], first == "t"), operand(work["k"], work["n"], second == "t")


def gemm(work, _layout):
    a, b = gemm_operands(work)
    return forward(lambda: a @ b)


def conv(work, layout):
    name = work["pass"]
    x = image(work, layout, name == "data")
    shape = work["k"], work["c"] // work["groups"], work["kernel"], work["kernel"]
    weight = torch.randn(shape).contiguous(memory_format=layout).requires_grad_(name == "weights")

    def run():
        return F.conv2d(x, weight, None, work["stride"], work["padding"], 1, work["groups"])

    return forward(run) if name == "forward" else backward(run(), x if name == "data" else weight, layout)


def simple(function):
    """An operation on one image, forward or backward."""

    def make(work, layout):
        x = image(work, layout, work["pass"] == "backward")
        return forward(lambda: function(x, work)) if work["pass"] == "forward" else backward(function(x, work), x, layout)

    return make


def window(work):
    return work["kernel"], work["stride"], work["padding"]


def add_relu(work, layout):
    needed = work["pass"] == "backward"
    a, b = image(work, layout, needed), image(work, layout, needed)
    return backward(torch.relu(a + b), (a, b), layout) if needed else forward(lambda: torch.relu(a + b))


def batch_norm(work, layout):
    layers = nn.Sequential(nn.BatchNorm2d(work["c"]), nn.ReLU(inplace=True))
    x = image(work, layout, True)
    inputs = [x, *layers.parameters()]
    gradient = image(work, layout)
    return lambda: torch.autograd.grad(layers(x), inputs, gradient)


def cross_entropy(work, _layout):
    x = torch.randn(work["rows"], work["classes"], requires_grad=True)
    target = torch.randint(work["classes"], (work["rows"],))
    return lambda: torch.autograd.grad(F.cross_entropy(x, target), x)


def optimizer(work, _layout):
    parameters = [nn.Parameter(torch.randn(size)) for size in work["sizes"]]
    for p in parameters:
        p.grad = torch.randn(p.shape)
    made = {
        "adamw": lambda: torch.optim.AdamW(parameters),
        "adam": lambda: torch.optim.Adam(parameters),
        "sgd": lambda: torch.optim.SGD(parameters, lr=0.01, momentum=0.9),
    }[work["kind"]]()
    return made.step


def additions(work, _layout):
    a, b = torch.rand(4, requires_grad=work["recorded"]), torch.ones(4)
    return (lambda: a + b) if work["recorded"] else forward(lambda: a + b)


KERNELS = {
    "gemm": gemm,
    "conv": conv,
    "max-pool": simple(lambda x, work: F.max_pool2d(x, *window(work))),
    "avg-pool": simple(lambda x, work: F.avg_pool2d(x, *window(work))),
    "dropout": simple(lambda x, _: F.dropout(x)),
    "add-relu": add_relu,
    "batch-norm": batch_norm,
    "cross-entropy": cross_entropy,
    "optimizer": optimizer,
    "additions": additions,
}


class Product(nn.Module):
    """A matrix product whose operands are stored as the row says."""

    def __init__(self, transposes):
        super().__init__()
        self.transposes = transposes

    def forward(self, a, b):
        return (a.t() if self.transposes[0] == "t" else a) @ (b.t() if self.transposes[1] == "t" else b)


def forward_module(work):
    """The forward pass as a module and its inputs, to be written as ONNX; raises for what ONNX Runtime is not asked."""
    if work["op"] == "gemm":
        a, b = gemm_operands(work)
        first, second = work["transposes"]
        return Product(work["transposes"]), (a.t() if first == "t" else a, b.t() if second == "t" else b)
    if work["op"] == "conv" and work["pass"] == "forward":
        geometry = work["kernel"], work["stride"], work["padding"]
        module = nn.Conv2d(work["c"], work["k"], *geometry, groups=work["groups"], bias=False)
        return module, (image(work, torch.contiguous_format),)
    raise NotImplementedError("forward only")
