"""Makes optim.json: trajectories of PyTorch's optimisers in float64.

    python3 test/golden/optim.py

Made with PyTorch 1.13 (CPU). One parameter vector p, whose gradient at every step is the formula

    g = A p - b + p³/4        (the gradient of pᵀAp/2 - bᵀp + Σ p⁴/16; A is symmetric)

so no autograd is needed. `runs` has, per optimiser and options (in camelCase), p after 1, 10 and 100 steps, and in `moved`
how far PyTorch's own p is from that, relative to the largest element, when one element starts 2^-51 off: some runs end in
chaotic swings around the minimum, where no two orders of rounding agree.
"""

import json
import re
from pathlib import Path

import torch

torch.set_num_threads(1)
tensor = lambda x: torch.tensor(x, dtype=torch.float64)

# Multiples of 1/16: the same in float32.
A = [
    [2.0, -0.5, 0.25, 0.0, 0.125, 0.0],
    [-0.5, 1.5, 0.0, 0.375, 0.0, -0.25],
    [0.25, 0.0, 3.0, -1.0, 0.5, 0.0],
    [0.0, 0.375, -1.0, 2.5, 0.0, 0.75],
    [0.125, 0.0, 0.5, 0.0, 0.5, -0.125],
    [0.0, -0.25, 0.0, 0.75, -0.125, 1.0],
]
B = [1.0, -2.0, 0.5, 3.0, -0.25, 0.0]
START = [0.5, 1.0, -1.5, 0.25, 2.0, -0.75]
KEEP = 1, 10, 100

RUNS = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "weightDecay": 0.1}),
    ("SGD", {"lr": 0.02, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.5}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "dampening": 0.1, "weightDecay": 0.05}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weightDecay": 0.05}),
    ("Adam", {}),
    ("Adam", {"lr": 0.02}),
    ("Adam", {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-3}),
    ("Adam", {"lr": 0.02, "weightDecay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.02}),
    ("AdamW", {"lr": 0.02, "weightDecay": 0.0}),
    ("AdamW", {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-3, "weightDecay": 0.2}),
    ("AdamW", {"lr": 0.1, "amsgrad": True}),
    ("Adagrad", {"lr": 0.2}),
    ("Adagrad", {"lr": 0.2, "lrDecay": 0.01, "weightDecay": 0.1, "initialAccumulatorValue": 0.5}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 2.0, "rho": 0.8, "eps": 1e-4, "weightDecay": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.5, "weightDecay": 0.1}),
    ("RMSprop", {"lr": 0.01, "centered": True}),
]


def follow(name, options, start):
    p = tensor(start).requires_grad_()
    snake = {re.sub("[A-Z]", lambda m: "_" + m[0].lower(), k): v for k, v in options.items()}
    optimizer = getattr(torch.optim, name)([p], **snake)
    after = {}
    for step in range(1, max(KEEP) + 1):
        with torch.no_grad():
            p.grad = tensor(A) @ p - tensor(B) + p * p * p / 4
        optimizer.step()
        if step in KEEP:
            after[str(step)] = p.detach().clone()
    return after


def run(name, options):
    after = follow(name, options, START)
    moved = dict.fromkeys(after, 0.0)
    for i in range(len(START)):
        other = follow(name, options, [x + 2**-51 * (i == k) for k, x in enumerate(START)])
        for step, p in after.items():
            distance = (other[step] - p).abs().max() / p.abs().max()
            moved[step] = max(moved[step], float(f"{distance.item():.1e}"))
    lists = {step: p.tolist() for step, p in after.items()}
    return {"optimizer": name, "options": options, "after": lists, "moved": moved}


def main():
    head = {"made_by": "test/golden/optim.py", "torch": torch.__version__, "A": A, "b": B, "start": START}
    runs = ",\n".join(json.dumps(run(*r)) for r in RUNS)
    text = f'{json.dumps(head)[:-1]}, "runs": [\n{runs}\n]}}\n'
    Path(__file__).with_name("optim.json").write_text(text)


if __name__ == "__main__":
    main()
