"""What the scripts that make golden cases share: a seeded source of inputs, and the making and writing of cases.

One case per line:

    { name, op, args, options, output, gradOutput, grads, scale? }

A tensor is { shape, data, dtype? }, of the test's dtype unless dtype says int32, uint8, bool or float32, which outputs
meet exactly; or { shape, seed, low?, high?, put? } for what numbers() of test/cases/values.ts makes, `put` telling what
stands in some places instead. NaN and infinities are strings. `args` are positional and may hold numbers and lists of
tensors, and `options` may hold tensors, as in Quern's signatures; the dtype 'float' is the one of the test. `grads`
belong to the upstream gradient `gradOutput`, by argument index ("0", or "0.1" inside a list) or option name ("bias").
Of a function with several outputs `output` and `gradOutput` are lists; what has no gradient has null for it. `scale`
is, of gradients that are the difference of far larger terms, how large those are: errors are relative to it. Inputs and
upstream gradients are the same numbers in float32 and float64; outputs and gradients have 15 digits.
"""

import json
import math
import random
import struct
from pathlib import Path

import torch
from functions import functions

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
dtypes = {torch.int32: "int32", torch.int64: "int32", torch.uint8: "uint8", torch.bool: "bool", torch.float32: "float32"}
weighted_losses = ["crossEntropy", "nllLoss", "multiMarginLoss", "bceLoss", "bceWithLogitsLoss"]


def grid(t):
    """Multiples of 1/2048."""
    return torch.round(t * 2048) / 2048


def values(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def number(x):
    if not math.isfinite(x):
        return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    x = float(f"{x:.15g}")
    return int(x) if x == int(x) else x


def plain(x):
    """What JSON holds for x."""
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if not isinstance(x, torch.Tensor):
        return number(x) if isinstance(x, float) and not math.isfinite(x) else x
    if hasattr(x, "made"):
        return {"shape": list(x.shape), **x.made}
    t = {"shape": list(x.shape), "data": [number(v) for v in x.detach().flatten().tolist()]}
    if x.dtype in dtypes:
        t["dtype"] = dtypes[x.dtype]
    return t


def leaves(args, options):
    """The float tensors by name."""
    found = {str(i): a for i, a in enumerate(args)} | options
    lists = {k: v for k, v in found.items() if isinstance(v, (list, tuple))}
    found |= {f"{k}.{i}": item for k, v in lists.items() for i, item in enumerate(v)}
    return {k: v for k, v in found.items() if isinstance(v, torch.Tensor) and v.is_floating_point()}


class Cases:
    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)
        self.list = []

    def randn(self, *shape):
        return grid(torch.randn(shape, generator=self.generator))

    def uniform(self, low, width, *shape):
        return grid(low + width * torch.rand(shape, generator=self.generator))

    def positive(self, *shape):
        return self.uniform(0.25, 2, *shape)

    def ints(self, high, *shape, low=0):
        return torch.randint(low, high, shape, generator=self.generator)

    def case(self, name, op, args, options=None, constant=(), finite=True, scale=None):
        """Runs op(*args, **options), options in camelCase, and keeps what came; `constant` ones have no gradient."""
        options = options or {}
        if op in weighted_losses:
            constant = *constant, "weight", "posWeight"
        inputs = {k: v for k, v in leaves(args, options).items() if k not in constant}
        for v in inputs.values():
            v.requires_grad_(True)
        output = functions[op](*args, **options)
        outputs = output if isinstance(output, (list, tuple)) else [output]
        upstream = [self.randn(*y.shape) if y.requires_grad else None for y in outputs]
        grads = gradients(outputs, inputs, upstream)
        assert not finite or all(torch.isfinite(t).all() for t in [*outputs, *grads.values()]), name
        self.list.append({
            "name": f"{op}: {name}",
            "op": op,
            "args": plain(args),
            "options": {k: plain(v) for k, v in options.items()},
            "output": plain(output),
            "gradOutput": plain(upstream if outputs is output else upstream[0]),
            "grads": {k: plain(g) for k, g in grads.items()},
            **({"scale": scale} if scale else {}),
        })  # fmt: skip

    def write(self, script, **more):
        """Writes the file beside the script of the same name, `more` lists after the cases."""
        assert len({c["name"] for c in self.list}) == len(self.list)
        write(script, {}, cases=self.list, **more)


class Sweep(Cases):
    """Cases of random sizes and options. Inputs are not stored but made from seeds; names tell arguments, options."""

    sizes = 1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 33, 37, 67

    def __init__(self, seed):
        super().__init__(seed)
        self.random = random.Random(seed)
        self.seed = 1000 * seed
        self.names = set()

    def numbers(self, low, high, *shape):
        """As numbers() in test/cases/values.ts: representable in float32."""
        self.seed += 1
        state, made = (self.seed * 2654435761 + 12345) % 2**32, []
        for _ in range(math.prod(shape)):
            state = (state * 1664525 + 1013904223) % 2**32
            made += struct.unpack("f", struct.pack("f", low + (high - low) * state / 2**32))
        t = torch.tensor(made, dtype=torch.float64).reshape(shape)
        t.made = {"seed": self.seed} | ({} if (low, high) == (-2, 2) else {"low": low, "high": high})
        return t

    def randn(self, *shape):
        return self.numbers(-2, 2, *shape)

    def positive(self, *shape):
        return self.numbers(0.25, 2.25, *shape)

    def shape(self, rank, most=40):
        """Random sizes of at most so many elements together."""
        sizes = []
        for _ in range(rank):
            sizes.append(self.random.choice([n for n in self.sizes if n * math.prod(sizes) <= most]))
        return self.random.sample(sizes, rank)

    def draw(self, **choices):
        """One of the choices for each option; None leaves it out."""
        drawn = {k: self.random.choice(v) for k, v in choices.items()}
        return {k: v for k, v in drawn.items() if v is not None}

    def add(self, op, args, options=None, **more):
        options = options or {}
        name = ", ".join([*map(told, args), *(f"{k} {told(v)}" for k, v in options.items())])
        same = sum(known.split(" #")[0] == f"{op}: {name}" for known in self.names)
        name += f" #{same + 1}" if same else ""
        self.names.add(f"{op}: {name}")
        self.case(name, op, args, options, **more)


def told(v):
    if isinstance(v, torch.Tensor):
        return "×".join(map(str, v.shape)) or "scalar"
    if isinstance(v, (list, tuple)):
        return f"[{', '.join(map(told, v))}]"
    return {True: "true", False: "false", None: "null"}.get(v, str(v)) if isinstance(v, (bool, type(None))) else str(v)


def gradients(outputs, inputs, upstream):
    pairs = [(y, dy) for y, dy in zip(outputs, upstream) if dy is not None]
    if not pairs:
        return {}
    ys, upstream = zip(*pairs)
    found = torch.autograd.grad(ys, list(inputs.values()), upstream, allow_unused=True)
    return {k: torch.zeros_like(v) if g is None else g for (k, v), g in zip(inputs.items(), found)}


def write(script, head, **lists):
    """Writes the JSON file of this script's name: the head, then the lists, one item per line."""
    path = Path(script)
    head = json.dumps({"made_by": f"test/golden/{path.name}", "torch": torch.__version__, **head})[:-1]
    dump = lambda c: json.dumps(c, ensure_ascii=False, separators=(",", ":"))
    text = "".join(f', "{k}": [\n' + ",\n".join(map(dump, items)) + "\n]" for k, items in lists.items())
    path.with_suffix(".json").write_text(f"{head}{text}}}\n", encoding="utf-8")
