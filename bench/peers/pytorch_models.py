"""The models of bench/models in PyTorch."""

import torch
from torch import nn
from torch.nn import functional as F


def mnist_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip


def convnetjs_cifar10():
    def stage(inputs, outputs):
        return nn.Conv2d(inputs, outputs, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)

    return nn.Sequential(*stage(3, 16), *stage(16, 20), *stage(20, 20), nn.Flatten(), nn.Linear(320, 10))


def mlp():
    return nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))


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


def conv_norm(inputs, outputs, kernel, stride=1, groups=1):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
    return conv, nn.BatchNorm2d(outputs)


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, convolve each channel by itself, narrow."""

    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        width = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        widen = [] if expansion == 1 else [*conv_norm(inputs, width, 1), nn.ReLU6(inplace=True)]
        depthwise = *conv_norm(width, width, 3, stride, width), nn.ReLU6(inplace=True)
        self.body = nn.Sequential(*widen, *depthwise, *conv_norm(width, outputs, 1))

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


def mobilenet_v2():
    stages = (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)
    layers, inputs = [*conv_norm(3, 32, 3, 2), nn.ReLU6(inplace=True)], 32
    for expansion, channels, blocks, stride in stages:
        for i in range(blocks):
            layers.append(InvertedResidual(inputs, channels, stride if i == 0 else 1, expansion))
            inputs = channels
    head = *conv_norm(inputs, 1280, 1), nn.ReLU6(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*layers, *head, nn.Dropout(0.2), nn.Linear(1280, 1000))


def vgg16():
    layers, inputs = [], 3
    for stage in (64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512):
        for outputs in stage:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    hidden = nn.Linear(25088, 4096), nn.ReLU(inplace=True), nn.Dropout()
    more = nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout()
    return nn.Sequential(*layers, nn.Flatten(), *hidden, *more, nn.Linear(4096, 1000))


def classes(count):
    return lambda batch: torch.randint(count, (batch,))


def adamw(parameters):
    return torch.optim.AdamW(parameters, lr=1e-3)


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)


# name: (model, input shape, targets of a batch, loss, optimiser)
MODELS = {
    "mnist-cnn": (mnist_cnn, (1, 28, 28), classes(10), F.cross_entropy, adamw),
    "convnetjs-cifar10": (convnetjs_cifar10, (3, 32, 32), classes(10), F.cross_entropy, torch.optim.Adadelta),
    "resnet20": (resnet20, (3, 32, 32), classes(10), F.cross_entropy, sgd),
    "resnet18": (resnet18, (3, 224, 224), classes(1000), F.cross_entropy, sgd),
    "mobilenet-v2": (mobilenet_v2, (3, 224, 224), classes(1000), F.cross_entropy, sgd),
    "vgg16": (vgg16, (3, 224, 224), classes(1000), F.cross_entropy, sgd),
    "mlp": (mlp, (2,), lambda batch: torch.rand(batch, 1), F.mse_loss, torch.optim.Adam),
}
