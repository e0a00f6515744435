"""PyTorch as a contestant of the bench: one JSON object per line of stdin, one per line of stdout (see serve.mjs).

    {"open": work}     {"variants": [{"name": layout}]}: both memory layouts where they differ
    {"run": n, "variant": i}   {"seconds"}
    {"export": work, "file": path}   {"file"}: the work's forward pass as ONNX
    {"memory": true}   {"peak"}, bytes

The BLAS that PyTorch found is in the first line, for it decides the speed of the linear layers: Debian's reference BLAS is
many times slower than OpenBLAS, and OpenBLAS with threads of its own (libopenblas0-pthread) contends with PyTorch's.
`apt-get install libopenblas0-openmp` shares them.

Exit code 3: PyTorch is not installed.
"""

import argparse
import json
import os
import resource
import sys
import time
import warnings

try:
    import torch
except (ImportError, OSError) as error:
    print(f"PyTorch cannot be imported ({error})", file=sys.stderr)
    sys.exit(3)

from pytorch_kernels import KERNELS, forward_module
from pytorch_models import MODELS

LAYOUTS = {"NCHW": torch.contiguous_format, "channels last": torch.channels_last}


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


def training(work, layout):
    torch.manual_seed(0)
    make, shape, targets, criterion, optimizer = MODELS[work["model"]]
    model = make().to(memory_format=layout)
    x = torch.rand(work["batch"], *shape)
    if x.dim() == 4:
        x = x.contiguous(memory_format=layout)
    optimizer = optimizer(model.parameters())

    def step():
        y = targets(work["batch"])  # new each time: learnt by heart, gradients become denormal
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        if work.get("awaited"):
            loss.item()

    return step


def inference(work, layout):
    make, shape, *_ = MODELS[work["model"]]
    model = make().to(memory_format=layout).eval()
    x = torch.rand(work["batch"], *shape).contiguous(memory_format=layout)

    def step():
        with torch.no_grad():
            model(x)

    return step


def images(work):
    """Whether the memory layout makes a difference."""
    if work["op"] in ("train", "infer"):
        return len(MODELS[work["model"]][1]) == 3
    return "h" in work


def open_work(work):
    """The ways of doing it, by name."""
    layouts = LAYOUTS if images(work) else {"": torch.contiguous_format}
    if "layout" in work:
        layouts = {work["layout"]: LAYOUTS[work["layout"]]}
    if work.get("encode"):
        return {}
    make = {"train": training, "infer": inference}.get(work["op"]) or KERNELS.get(work["op"])
    if not make or (work["op"] in ("train", "infer") and work["model"] not in MODELS):
        return {}
    return {name: make(work, layout) for name, layout in layouts.items()}


def export(work, path):
    """Writes the forward pass as ONNX; the shapes are fixed."""
    if work["op"] == "infer":
        make, shape, *_ = MODELS[work["model"]]
        module, inputs = make().eval(), (torch.rand(work["batch"], *shape),)
    else:
        module, inputs = forward_module(work)
    names = [f"x{i}" for i in range(len(inputs))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), inputs, path, input_names=names, output_names=["y"], opset_version=13)
    return path


def peak():
    """The most memory this process has held, bytes."""
    try:
        return 1024 * next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
    except OSError:
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run(step, count):
    start = time.perf_counter()
    for _ in range(count):
        step()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    def say(line):
        print(json.dumps(line), flush=True)

    say({"ready": True, "version": torch.__version__, "detail": blas(), "threads": args.threads})
    variants = {}
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if "open" in message:
                variants.clear()
                variants.update(open_work(message["open"]))
                say({"variants": [{"name": name} for name in variants]})
            elif "export" in message:
                say({"file": export(message["export"], message["file"])})
            elif "run" in message:
                say({"seconds": run(list(variants.values())[message["variant"]], message["run"])})
            else:
                say({"peak": peak()})
        except Exception as error:  # the bench shows it and goes on without this row
            say({"error": f"{type(error).__name__}: {error}".split("\n")[0]})


if __name__ == "__main__":
    main()
