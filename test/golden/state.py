"""Makes state.safetensors and state.json: the state dict of a model with every kind of layer that has one, by PyTorch.

    python3 test/golden/state.py

Made with PyTorch 1.13 (CPU). state.safetensors holds the state dict in PyTorch's order and dtypes (F32, and I64 for
num_batches_tracked), state.json the shapes by key, what the model gives in evaluation (in float64) for `image` and
`index`, and `trained`: what it gives in training then. The test builds the same model in Quern.
"""

from pathlib import Path

import torch
from cases import Sweep, plain, write
from safetensors_file import safetensors
from torch import nn

torch.manual_seed(0)
sweep = Sweep(61)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 6, padding_idx=2)
        self.signal = nn.Sequential(
            nn.Conv1d(6, 8, 3, padding="same", groups=2),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Conv1d(8, 4, 3, stride=2, dilation=2, bias=False),
            nn.BatchNorm1d(4, affine=False),
        )
        self.scale = nn.Parameter(torch.ones(5))
        self.register_buffer("shift", torch.zeros(5))
        self.image = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8, momentum=None),
            nn.ReLU(),
            nn.Sequential(
                nn.Conv2d(8, 8, (3, 2), groups=8, bias=False),
                nn.BatchNorm2d(8, track_running_stats=False),
                nn.MaxPool2d(2),
            ),
            nn.GroupNorm(4, 8),
            nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
            nn.GroupNorm(3, 6, affine=False),
            nn.LocalResponseNorm(3),
            nn.ConvTranspose2d(6, 4, 2, bias=False),
            nn.LayerNorm([5, 5]),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.heads = nn.ModuleList([nn.Linear(4, 5), nn.Linear(4, 5, bias=False), nn.ModuleList([nn.Linear(5, 3)])])
        self.norm = nn.LayerNorm(5, elementwise_affine=False)
        self.shared = nn.Sequential(self.heads[0], nn.GELU(), nn.Linear(5, 4), nn.GELU(), self.heads[0])

    def forward(self, image, index):
        a = self.image(image)
        b = self.signal(self.embedding(index).transpose(1, 2)).mean(2)
        h = self.norm(self.shared(a) + self.heads[1](b)) * self.scale + self.shift
        return self.heads[2][0](h)


model = Model()
for t in [*model.parameters(), model.shift]:
    t.data = (t + sweep.numbers(-0.5, 0.5, *t.shape)).detach()
inputs = lambda n: (sweep.randn(n, 3, 6, 5), sweep.ints(11, n, 9))
for _ in range(3):
    model(*inputs(4))
model.float()
state = model.state_dict()
file = safetensors(state, {"made_by": "test/golden/state.py", "torch": torch.__version__})
Path(__file__).with_name("state.safetensors").write_bytes(file)
model.double()
image, index = inputs(2)
output = model.eval()(image, index)
trained = model.train()(image, index)
head = {"image": plain(image), "index": plain(index), "output": plain(output), "trained": plain(trained)}
write(__file__, head, shapes=[[k, list(v.shape)] for k, v in state.items()])
