"""Makes operators.json: activations, losses, indexing and rearrangement with their gradients, by PyTorch in float64.

    python3 test/golden/operators.py

Made with PyTorch 1.13 (CPU); cases.py tells the format.
"""

import torch
from cases import Cases, grid, values

cases = Cases(21)
case, randn, positive, ints = cases.case, cases.randn, cases.positive, cases.ints


# Activations


def act(op, *names, **options):
    for name, x in {"normal": randn(3, 8), "wide": grid(6 * torch.randn(2, 9, generator=cases.generator))}.items():
        case(", ".join([name, *names]), op, [x], options)


for op in "expm1 erf silu hardswish hardsigmoid selu logSigmoid softsign relu6".split():
    act(op)
case("positive", "log1p", [positive(3, 8)])
act("gelu")
act("gelu", "tanh", approximate="tanh")
act("leakyRelu")
act("leakyRelu", "0.2", negativeSlope=0.2)
act("elu")
act("elu", "alpha 0.5", alpha=0.5)
act("softplus")
act("softplus", "beta 2, threshold 3", beta=2, threshold=3)
act("hardtanh")
act("hardtanh", "-0.5 to 2", minVal=-0.5, maxVal=2)
edges = lambda: values(-6, -3, -1, 0, 1, 3, 6)
for op in "hardswish hardsigmoid hardtanh relu6 leakyRelu elu gelu".split():
    case("at zero and at the edges", op, [edges()])
case("large arguments", "softplus", [values(-100, -30, 19.5, 20.5, 100)])
case("large arguments", "logSigmoid", [values(-100, -30, 0, 30, 100)])
case("large arguments", "silu", [values(-100, -30, 0, 30, 100)])
case("large arguments", "gelu", [values(-40, -6, 0, 6, 40)])


# Losses

unit = lambda *shape: cases.uniform(0.05, 0.9, *shape)
labels = torch.tensor([3, 0, 3, 6, 1, 3])


def probabilities(*shape):
    t = torch.rand(shape, generator=cases.generator)
    return grid(t / t.sum(1, keepdim=True))


for r in "mean", "sum", "none":
    o = {"reduction": r}
    case(r, "nllLoss", [randn(6, 7), labels], o)
    case(f"weight, ignoreIndex, {r}", "nllLoss", [randn(6, 7), labels], {"weight": positive(7), "ignoreIndex": 3, **o})
    case(f"images, {r}", "nllLoss", [randn(2, 4, 2, 3), ints(4, 2, 2, 3)], o)
    case(r, "l1Loss", [randn(4, 5), randn(4, 5)], o)
    case(r, "smoothL1Loss", [randn(4, 5), randn(4, 5)], o)
    case(f"beta 0.3, {r}", "smoothL1Loss", [randn(4, 5), randn(4, 5)], {"beta": 0.3, **o})
    case(r, "bceLoss", [unit(4, 5), unit(4, 5)], o)
    case(f"weight, {r}", "bceLoss", [unit(4, 5), unit(4, 5)], {"weight": positive(5), **o})
    case(r, "bceWithLogitsLoss", [randn(4, 5), unit(4, 5)], o)
    everything = {"weight": positive(4, 1), "posWeight": positive(5), **o}
    case(f"weight, posWeight, {r}", "bceWithLogitsLoss", [randn(4, 5), unit(4, 5)], everything)
    case(r, "klDivLoss", [randn(4, 5), unit(4, 5)], o)
    case(f"logTarget, {r}", "klDivLoss", [randn(4, 5), randn(4, 5)], {"logTarget": True, **o})
    case(r, "hingeLoss", [randn(6, 7), labels], o)
    case(f"margin 0.3, {r}", "hingeLoss", [randn(6, 7), labels], {"margin": 0.3, **o})
    case(r, "multiMarginLoss", [randn(6, 7), labels], o)
    everything = {"p": 2, "margin": 0.5, "weight": positive(7), **o}
    case(f"everything, {r}", "multiMarginLoss", [randn(6, 7), labels], everything)
    case(f"probabilities, {r}", "crossEntropy", [randn(6, 7), probabilities(6, 7)], o)
    everything = {"labelSmoothing": 0.2, "weight": positive(7), **o}
    case(f"probabilities, everything, {r}", "crossEntropy", [randn(6, 7), probabilities(6, 7)], everything)
case("beta 0", "smoothL1Loss", [randn(4, 5), randn(4, 5)], {"beta": 0})
case("one row", "nllLoss", [randn(7), torch.tensor(4)])
case("one row", "hingeLoss", [randn(7), torch.tensor(4)])
case("one row", "multiMarginLoss", [randn(7), torch.tensor(4)])
case("batchmean", "klDivLoss", [randn(4, 5), unit(4, 5)], {"reduction": "batchmean"})
case("probabilities of images", "crossEntropy", [randn(2, 4, 2, 3), probabilities(2, 4, 2, 3)], {"weight": positive(4)})
case("large logits", "bceWithLogitsLoss", [values(-100, -40, 0, 40, 100), values(1, 0, 0.5, 1, 0)])

# Indexing
case("rows, some twice", "indexSelect", [randn(5, 3), 0, torch.tensor([4, 0, 4, 2])])
case("middle dim", "indexSelect", [randn(2, 5, 3), 1, torch.tensor([1, 1, 3])])
case("last dim", "indexSelect", [randn(4, 7), -1, torch.tensor([6, 0])])
case("dim 0", "gather", [randn(5, 4), 0, ints(5, 3, 4)])
case("dim 1", "gather", [randn(5, 4), 1, ints(4, 5, 9)])
case("smaller index", "gather", [randn(5, 4, 3), 1, ints(4, 2, 6, 2)])
case("dim 0", "scatterAdd", [randn(5, 4), 0, ints(5, 3, 4), randn(3, 4)])
case("dim 1", "scatterAdd", [randn(5, 4), 1, ints(4, 5, 9), randn(5, 9)])
case("smaller index", "scatterAdd", [randn(5, 4, 3), 1, ints(4, 2, 6, 2), randn(2, 6, 2)])
case("two dims", "embedding", [ints(6, 2, 5), randn(6, 3)])
case("paddingIdx", "embedding", [torch.tensor([0, 2, 2, 5, 1]), randn(6, 3)], {"paddingIdx": 2})
for dim in 0, 1, -1:
    case(f"dim {dim}", "cumsum", [randn(3, 4, 5)], {"dim": dim})


# Rearrangement

case("last dim", "pad", [randn(3, 4), [1, 2]])
case("two dims, value", "pad", [randn(2, 3, 4), [1, 2, 0, 3]], {"value": -1.5})
case("negative", "pad", [randn(4, 5), [-1, 2, 1, -2]], {"value": 2})
for mode in "reflect", "replicate":
    case(f"{mode}, one dim", "pad", [randn(2, 3, 5), [2, 3]], {"mode": mode})
    case(f"{mode}, two dims", "pad", [randn(1, 2, 4, 5), [1, 4, 2, 3]], {"mode": mode})
case("replicate far", "pad", [randn(1, 2, 3), [5, 4]], {"mode": "replicate"})
case("one dim", "flip", [randn(3, 4), [1]])
case("all", "flip", [randn(2, 3, 4), [0, 1, 2]])
case("as many", "tile", [randn(2, 3), [2, 3]])
case("fewer", "tile", [randn(2, 3), [2]])
case("more", "tile", [randn(2, 3), [2, 1, 3]])
case("more", "repeat", [randn(2, 3), [4, 1, 2]])

cases.write(__file__)
