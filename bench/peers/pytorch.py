"""PyTorch's training speed on this machine, on random data: forward, backward and optimiser step.

    python3 bench/peers/pytorch.py --threads 2 --model mnist-cnn --batch 64 --seconds 10

Work is timed in chunks of about half a second, alternately in both memory layouts; the one JSON line printed at the end
has the median images/s of each layout and the better of the two.

With --interactive a bench can interleave it with other work: it prints {"ready": true, ...}, then for each line read
from stdin times one chunk and prints one JSON line for it, alternating the layouts, until stdin ends. The reader takes
the median per layout.

The BLAS that PyTorch found is in the output, for it decides the speed of the linear layers: Debian's reference BLAS is
many times slower than OpenBLAS, and OpenBLAS with threads of its own (libopenblas0-pthread) contends with PyTorch's.
`apt-get install libopenblas0-openmp` shares them.

Exit code 3: PyTorch is not installed.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import time

try:
    import torch
    from torch import nn
except (ImportError, OSError) as error:
    print(f"pytorch.py: PyTorch cannot be imported ({error}); try: apt-get install python3-torch", file=sys.stderr)
    sys.exit(3)

LAYOUTS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}


def mnist_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip


class Block(nn.Module):
    """ResNet's basic block; `shortcut` is a 1×1 convolution where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet(stem, widths, blocks, classes):
    layers, inputs = list(stem), widths[0]
    for stage, width in enumerate(widths):
        for i in range(blocks):
            layers.append(Block(inputs, width, 2 if stage and i == 0 else 1))
            inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


def resnet20():
    stem = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)
    return resnet(stem, [16, 32, 64], 3, 10)


def resnet18():
    stem = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
    return resnet(stem, [64, 128, 256, 512], 2, 1000)


def blas():
    """The BLAS library in this process: "reference", "openblas-openmp", ...; null if it cannot be told."""
    try:
        paths = {line.split()[-1] for line in open("/proc/self/maps") if "blas" in line or "libmkl_core" in line}
    except OSError:
        return None
    for path in sorted(os.path.realpath(p) for p in paths):
        folder, name = path.split("/")[-2:]
        for known in "mkl", "openblas", "blis", "atlas":
            if known in name or known in folder:
                return folder if known in folder else known
    return "reference" if paths else None


def adamw(parameters):
    return torch.optim.AdamW(parameters, lr=1e-3)


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)


# name: (model, input shape, classes, optimiser, batch)
MODELS = {
    "mnist-cnn": (mnist_cnn, (1, 28, 28), 10, adamw, 64),
    "resnet20": (resnet20, (3, 32, 32), 10, sgd, 128),
    "resnet18": (resnet18, (3, 224, 224), 1000, sgd, 16),
}


class Trainer:
    """One model in one layout; chunk() times enough steps to fill about `seconds`."""

    def __init__(self, layout, name, batch, seconds):
        torch.manual_seed(0)
        make, shape, classes, optimizer, _ = MODELS[name]
        self.layout, self.batch, self.classes = layout, batch, classes
        self.model = make().to(memory_format=LAYOUTS[layout])
        self.x = torch.rand(batch, *shape).contiguous(memory_format=LAYOUTS[layout])
        self.optimizer = optimizer(self.model.parameters())
        self.run(3)
        self.steps = max(1, round(3 * seconds / self.run(3)))

    def run(self, steps):
        start = time.perf_counter()
        for _ in range(steps):
            y = torch.randint(self.classes, (self.batch,))  # new each time: learnt by heart, gradients become denormal
            self.optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(self.model(self.x), y).backward()
            self.optimizer.step()
        return time.perf_counter() - start

    def chunk(self):
        self.run(1)  # caches and threads, after whatever ran in between
        seconds = self.run(self.steps)
        images = self.steps * self.batch
        return {"layout": self.layout, "images": images, "seconds": seconds, "imagesPerSecond": images / seconds}


def say(line):
    print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser(description="PyTorch's training speed on this machine.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", choices=MODELS, default="mnist-cnn")
    parser.add_argument("--batch", type=int, help="default: the model's usual one")
    parser.add_argument("--seconds", type=float, default=10, help="total time, without --interactive")
    parser.add_argument("--chunk", type=float, default=0.5, help="seconds per chunk")
    parser.add_argument("--interactive", action="store_true", help="one chunk per line of stdin")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    batch = args.batch or MODELS[args.model][-1]
    about = {"peer": "pytorch", "version": torch.__version__, "blas": blas(), "threads": args.threads}
    about |= {"model": args.model, "batch": batch}
    if about["blas"] == "reference":
        print("pytorch.py: PyTorch runs on the slow reference BLAS; this is no fair measure of it", file=sys.stderr)
    trainers = [Trainer(layout, args.model, batch, args.chunk) for layout in LAYOUTS]
    turns = itertools.cycle(trainers)

    if args.interactive:
        say({"ready": True, **about})
        for _ in iter(sys.stdin.readline, ""):
            say(next(turns).chunk())
        return

    speeds = {layout: [] for layout in LAYOUTS}
    end = time.perf_counter() + args.seconds
    while time.perf_counter() < end or not all(speeds.values()):
        result = next(turns).chunk()
        speeds[result["layout"]].append(result["imagesPerSecond"])
    medians = {layout: round(statistics.median(s), 1) for layout, s in speeds.items()}
    best = max(medians, key=medians.get)
    chunks = sum(map(len, speeds.values()))
    say({**about, "chunks": chunks, "layouts": medians, "best": best, "imagesPerSecond": medians[best]})


if __name__ == "__main__":
    main()
