"""Makes schedules.json: learning rates of PyTorch's schedules over 100 steps.

    python3 test/golden/schedules.py

Made with PyTorch 1.13 (CPU). Two parameter groups with base rates 0.1 and 0.02. One run per line:

    { schedule, options, lrs, momenta? }

lrs[t] holds both groups' rates after t calls of step(), from t = 0. Options have Quern's names; nested schedules (of
SequentialLR and warmup) are [name, options]. ReduceLROnPlateau is given `figures`. InverseSqrtLR, which PyTorch has not,
and warmup are made of LambdaLR.
"""

import json
import math
import re
from pathlib import Path

import torch
from torch.optim import lr_scheduler

STEPS = 100
BASE = 0.1, 0.02
FIGURES = [round(2 * math.exp(-t / 15) + 0.3 * abs(math.sin(3 * t)) + (t > 60) * 0.01, 6) for t in range(STEPS)]

RUNS = [
    ("StepLR", {"stepSize": 7}),
    ("StepLR", {"stepSize": 30, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [5, 20, 20, 81], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.95}),
    ("CosineAnnealingLR", {"tMax": 100}),
    ("CosineAnnealingLR", {"tMax": 33, "etaMin": 0.001}),
    ("CosineAnnealingWarmRestarts", {"t0": 13}),
    ("CosineAnnealingWarmRestarts", {"t0": 5, "tMult": 3, "etaMin": 0.002}),
    ("LinearLR", {}),
    ("LinearLR", {"startFactor": 1.0, "endFactor": 0.0, "totalIters": 120}),
    ("LinearLR", {"startFactor": 0.25, "endFactor": 0.75, "totalIters": 41}),
    ("InverseSqrtLR", {}),
    ("OneCycleLR", {"maxLr": 0.4, "totalSteps": 101}),
    ("OneCycleLR", {"maxLr": [0.4, 0.1], "totalSteps": 101, "annealStrategy": "linear", "pctStart": 0.2}),
    ("OneCycleLR", {"maxLr": 0.4, "totalSteps": 107, "threePhase": True, "divFactor": 10.0, "finalDivFactor": 100.0}),
    ("OneCycleLR", {"maxLr": 1.0, "totalSteps": 101, "threePhase": True, "annealStrategy": "linear", "baseMomentum": 0.7}),
    ("OneCycleLR", {"maxLr": 0.4, "totalSteps": 101, "cycleMomentum": False}),
    ("ReduceLROnPlateau", {"patience": 3}),
    ("ReduceLROnPlateau", {"factor": 0.5, "patience": 1, "cooldown": 4, "threshold": 0.02, "minLr": [0.01, 0.0001]}),
    ("ReduceLROnPlateau", {"mode": "max", "patience": 9, "threshold": 0.1, "thresholdMode": "abs"}),
    ("SequentialLR", {"schedules": [["LinearLR", {"startFactor": 0.1, "totalIters": 10}], ["ExponentialLR", {"gamma": 0.9}]], "milestones": [10]}),
    ("SequentialLR", {"schedules": [["StepLR", {"stepSize": 4}], ["CosineAnnealingWarmRestarts", {"t0": 9}], ["LinearLR", {}]], "milestones": [15, 60]}),
    ("warmup", {"schedule": ["CosineAnnealingLR", {"tMax": 90}], "steps": 10}),
    ("warmup", {"schedule": ["InverseSqrtLR", {}], "steps": 1}),
]

NAMES = {"tMax": "T_max", "t0": "T_0", "tMult": "T_mult"}


def snake(options):
    return {NAMES.get(k, re.sub("[A-Z]", lambda m: "_" + m[0].lower(), k)): v for k, v in options.items()}


def make(name, options, optimizer):
    if name == "InverseSqrtLR":
        return lr_scheduler.LambdaLR(optimizer, lambda t: 1 / math.sqrt(t + 1))
    return getattr(lr_scheduler, name)(optimizer, **snake(options))


def new_optimizer():
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in BASE]
    return torch.optim.SGD(groups, lr=1, momentum=0.9)


def trajectory(name, options):
    optimizer = new_optimizer()
    if name == "SequentialLR":
        inner = [make(*s, optimizer) for s in options["schedules"]]
        schedule = lr_scheduler.SequentialLR(optimizer, inner, options["milestones"])
    else:
        schedule = make(name, options, optimizer)
    optimizer.step()
    lrs, momenta = [], []
    for t in range(STEPS + 1):
        lrs.append([group["lr"] for group in optimizer.param_groups])
        momenta.append([group["momentum"] for group in optimizer.param_groups])
        if t < STEPS:
            schedule.step(*([FIGURES[t]] if name == "ReduceLROnPlateau" else []))
    return lrs, momenta


def run(name, options):
    if name == "warmup":
        after, momenta = trajectory(*options["schedule"])
        n = options["steps"]
        lrs = [[lr * (t + 1) / n for lr in after[0]] for t in range(n)] + after[: STEPS + 1 - n]
    else:
        lrs, momenta = trajectory(name, options)
    found = {"schedule": name, "options": options, "lrs": lrs}
    if name == "OneCycleLR":
        found["momenta"] = momenta
    return found


def main():
    head = {"made_by": "test/golden/schedules.py", "torch": torch.__version__, "base": BASE, "figures": FIGURES}
    runs = ",\n".join(json.dumps(run(*r)) for r in RUNS)
    text = f'{json.dumps(head)[:-1]}, "runs": [\n{runs}\n]}}\n'
    Path(__file__).with_name("schedules.json").write_text(text)


if __name__ == "__main__":
    main()
