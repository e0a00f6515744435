"""Makes sweep.json: random sizes and options of elementwise functions, reductions, products, indexing and rearrangement.

    python3 test/golden/sweep.py

Made with PyTorch 1.13 (CPU) and Python's random.Random; cases.py tells the format.
"""

import torch
from cases import Sweep

sweep = Sweep(41)
add, randn, positive, numbers, ints = sweep.add, sweep.randn, sweep.positive, sweep.numbers, sweep.ints
shape, draw, choice, sample, whole = sweep.shape, sweep.draw, sweep.random.choice, sweep.random.sample, sweep.random.randint
ranks = lambda n, least=1: [least + i % 3 for i in range(n)]
dim_of = lambda x: choice(range(-len(x), len(x)))
resized = lambda x, dim, n: [n if i == dim % len(x) else k for i, k in enumerate(x)]
odd_shapes = lambda: [[1], [3], [5], [37], shape(2), shape(3), shape(4), [], [0], [3, 0, 2]]

# Elementwise: an interval for the inputs
for op, interval in {
    **dict.fromkeys("neg abs sign square relu sin cos tanh sigmoid exp expm1 erf".split(), (-4, 4)),
    **dict.fromkeys("log sqrt rsqrt reciprocal log1p".split(), (0.125, 6)),
}.items():
    for x in odd_shapes():
        add(op, [numbers(*interval, *x)])
for x in odd_shapes():
    add("clamp", [randn(*x), whole(-4, 0) / 4, whole(1, 4) / 4])
add("clamp", [randn(33), 0.5])
add("clamp", [randn(5, 7), float("-inf"), 0.5])


def pair():
    """Two shapes that broadcast to one."""
    full = shape(whole(1, 4))
    a, b = ([1 if whole(0, 2) == 0 else n for n in full] for _ in range(2))
    return sample([a if whole(0, 1) else full, b[whole(0, len(b)) :]], 2)


arithmetic = "add sub mul div pow maximum minimum".split()
comparisons = "eq ne lt le gt ge".split()
for op in arithmetic + comparisons:
    first, second = positive if op == "pow" else randn, positive if op in ("div", "pow") else randn
    same = shape(2)
    for a, b in [(same, same), pair(), pair(), pair(), ([0, 3], [3]), ([2, 1], [1, 0]), ([], [5])]:
        add(op, [first(*a), second(*b)])
    add(op, [first(*shape(2)), choice([2, 0.5, -1.5, 3])])
    if op in arithmetic:
        add(op, [choice([2, 0.5, 3]), second(*shape(2))])
for op in comparisons:
    add(op, [ints(3, 5, 7).double(), ints(3, 7).double()])
for a, b in [pair() for _ in range(5)]:
    both = torch.broadcast_shapes(a, b)
    add("where", [ints(2, *both).bool(), randn(*a), randn(*b)])
    add("where", [ints(2, *choice([a, b])).bool(), *sample([randn(*b), choice([0, 1.5])], 2)])

# Reductions


def dims(x):
    few = sorted(sample(range(len(x)), whole(1, len(x))))
    return choice([None, dim_of(x), dim_of(x), few, [d - len(x) for d in few]])


for op in "sum mean prod max min variance std norm logsumexp".split():
    for rank in ranks(9):
        x = shape(rank)
        options = draw(keepdim=[True, False, None])
        chosen = dims(x)
        if chosen is not None:
            options["dim"] = chosen
        if op in ("variance", "std"):
            count = torch.empty(x).sum(options.get("dim") or list(range(rank)), True).numel()
            options |= draw(correction=[0, 1, 2, None]) if count * 3 <= torch.empty(x).numel() else {"correction": 0}
            if op == "std" and count == torch.empty(x).numel():
                x = [13]
                options = {"keepdim": True}
        add(op, [randn(*x)], options)
    add(op, [randn(67)], {"dim": 0})
    add(op, [randn(2, 0, 3)], {"dim": [0, 2]})
for op in "sum", "mean", "prod", "logsumexp", "norm":
    add(op, [randn(3, 0)], {"dim": 1, "keepdim": True}, finite=False)
    add(op, [randn(0)], finite=False)
    add(op, [randn()])
for op in "argmax", "argmin":
    for rank in ranks(8):
        x = shape(rank)
        add(op, [randn(*x)], {"dim": dim_of(x), **draw(keepdim=[True, False, None])})
    add(op, [randn(5, 13)])
    add(op, [ints(3, 4, 7).double()], {"dim": 1})
for rank in ranks(7):
    x = shape(rank)
    add("cumsum", [randn(*x)], {"dim": dim_of(x)})
    add("softmax", [numbers(-6, 6, *x)], {"dim": dim_of(x)})
    add("logSoftmax", [numbers(-6, 6, *x)], {"dim": dim_of(x)})
for op in "cumsum", "softmax", "logSoftmax":
    add(op, [randn(3, 0)], {"dim": 1})
    add(op, [randn(0, 5)], {"dim": -1})

# Products
for m, k, n in [(1, 1, 1), (1, 37, 1), (3, 5, 7), (13, 3, 2), (2, 67, 3), (7, 17, 5), (0, 3, 2), (2, 0, 3), (3, 2, 0)]:
    add("matmul", [randn(m, k), randn(k, n)])
    add("linear", [randn(m, k), randn(n, k)], {"bias": randn(n)})
for a, b in [([0], [0]), ([31], [31]), ([5, 13], [13]), ([13], [13, 3]), ([0, 2, 3], [3, 4]), ([1, 3, 7], [5, 7, 2])]:
    add("matmul", [randn(*a), randn(*b)])
for a, b in [([2, 1, 3, 5], [3, 5, 2]), ([3, 1, 2, 5], [1, 2, 5, 3]), ([2, 3, 5], [5]), ([5], [3, 5, 2]), ([2, 2, 1, 7], [7, 1])]:
    add("matmul", [randn(*a), randn(*b)])
for x, n in [([13], 3), ([2, 3, 7], 5), ([0, 5], 3), ([1, 1, 2, 17], 1), ([3, 33], 2)]:
    add("linear", [randn(*x), randn(n, x[-1])], choice([{}, {"bias": randn(n)}]))

# Indexing
for rank in ranks(7):
    x = shape(rank)
    d = dim_of(x)
    n, m = x[d], choice([0, 1, 3, 7])
    part = resized([whole(1, k) for k in x], d, m)
    add("indexSelect", [randn(*x), d, ints(n, m)])
    add("gather", [randn(*x), d, ints(n, *resized(x, d, m))])
    add("gather", [randn(*x), d, ints(n, *part)])
    add("scatterAdd", [randn(*x), d, ints(n, *resized(x, d, m)), randn(*resized(x, d, m))])
    add("scatterAdd", [randn(*x), d, ints(n, *part), randn(*part)])
    add("topk", [randn(*x), whole(1, n)], {"dim": d, **draw(largest=[True, False, None])})
add("topk", [randn(0, 5), 3])
add("topk", [randn(3, 5), 0])
add("topk", [randn(37), 37], {"largest": False})
for rows, width, index in [(1, 1, [1]), (7, 3, [5]), (13, 5, [2, 3]), (5, 17, [3, 1, 2]), (3, 2, [0]), (31, 2, [])]:
    add("embedding", [ints(rows, *index), randn(rows, width)], draw(paddingIdx=[None, 0, rows - 1, -1]))
    add("oneHot", [ints(rows, *index), rows])

# Rearrangement


def pads(x, mode):
    sides = 2 * whole(1, min(3 if mode == "constant" else 2, len(x)))
    most = lambda i: x[-1 - i // 2] - 1 if mode == "reflect" else 3
    least = lambda i: -((x[-1 - i // 2] - 1) // 2) if mode == "constant" else 0
    return [whole(least(i), min(3, most(i))) for i in range(sides)]


for rank in ranks(6) + [4, 4]:
    for mode in "constant", "reflect", "replicate":
        x = shape(rank, 24)
        add("pad", [randn(*x), pads(x, mode)], {"mode": mode, **(draw(value=[None, 1.5, -2]) if mode == "constant" else {})})
    x = shape(rank, 48)
    d, e = dim_of(x), dim_of(x)
    start = whole(0, x[d])
    add("flip", [randn(*x), choice([d, sample(range(rank), whole(1, rank))])])
    add("tile", [randn(*shape(rank, 16)), [whole(1, 3) for _ in range(whole(1, rank + 1))]])
    add("repeat", [randn(*shape(rank, 12)), [whole(0 if i == 0 else 1, 2) for i in range(rank + whole(0, 1))]])
    add("split", [randn(*x), whole(1, x[d]), d])
    add("split", [randn(*x), [start, x[d] - start], d])
    add("chunk", [randn(*x), whole(1, 4), d])
    add("narrow", [randn(*x), d, start, whole(0, x[d] - start)])
    add("slice", [randn(*x), d, whole(-x[d], x[d]), whole(-x[d], x[d]), whole(1, 3)])
    add("slice", [randn(*x), d, start])
    add("transpose", [randn(*x), d, e])
    add("permute", [randn(*x), [choice([i, i - rank]) for i in sample(range(rank), rank)]])
    add("flatten", [randn(*x), *sorted([d % rank, e % rank])])
    add("reshape", [randn(*x), choice([[-1], [1, -1, x[-1]], [*x[::-1]], [*x[:-1], -1, 1]])])
    add("unsqueeze", [randn(*x), whole(-rank - 1, rank)])
    add("squeeze", [randn(*[choice([1, n]) for n in x]), d])
    add("squeeze", [randn(*[choice([1, n]) for n in x])])
    small = shape(rank, 16)
    add("expand", [randn(*resized(small, d, 1)), [2] * whole(0, 1) + resized([-1] * rank, d, 3)])
    add("concat", [[randn(*resized(small, d, whole(0, 3))) for _ in range(whole(1, 3))], d])
    add("stack", [[randn(*small) for _ in range(whole(1, 3))], whole(-rank - 1, rank)])
for op in "clone", "contiguous", "zerosLike", "onesLike":
    add(op, [randn(*shape(3))])
for p, training in (0, True), (0.5, False):
    add("dropout", [randn(5, 7)], {"p": p, "training": training})
    add("dropout2d", [randn(2, 3, 5, 1)], {"p": p, "training": training})

# Creation, conversion and whole numbers
floats, wholes = {"dtype": "float"}, {"dtype": "int32"}
for dtype in "int32", "bool":
    add("to", [numbers(-4, 4, 5, 7), dtype])
    add("to", [ints(3, 3, 1).bool(), dtype])
add("to", [numbers(0, 200, 33), "uint8"])
add("to", [ints(5, 13), "float"])
for start, end, step in (0, 7, 1), (-3, 8, 3), (5, -5, -2), (2, 2, 1), (1, 4, 0.25):
    add("arange", [start, end, step], floats)
add("arange", [-3, 30, 5], wholes)
for start, end, steps in (0, 1, 7), (3, -2, 13), (5, 9, 1), (0.5, 2, 0), (-1, 1, 33):
    add("linspace", [start, end, steps], floats)
for n, m in (3, 3), (1, 5), (7, 2), (0, 3):
    add("eye", [n, m], choice([floats, wholes]))
for op in "zeros", "ones":
    add(op, [[3, 5]], floats)
    add(op, [[0, 7]], wholes)
add("full", [[2, 3], 1.5], floats)
add("full", [[], 7], wholes)
several = lambda *shape: ints(9, *shape) - 4
for op in "add", "sub", "mul", "maximum", "minimum", *comparisons:
    add(op, [several(3, 7), several(7)])
    add(op, [several(13), 2])
add("cumsum", [several(3, 5)], {"dim": 1})
add("gather", [several(5, 7), 0, ints(5, 2, 7)])
add("indexSelect", [several(5, 7), 1, ints(7, 3)])
add("scatterAdd", [several(5, 3), 0, ints(5, 8, 3), several(8, 3)])
add("pad", [several(3, 5), [1, 2, 0, 1]], {"value": -2})
add("flip", [several(3, 5), 1])
add("concat", [[several(3, 5), several(1, 5)], 0])
add("stack", [[several(3), several(3)], 1])
add("tile", [several(3, 5), [2, 2]])

sweep.write(__file__)
