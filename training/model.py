"""The two towers: 64 x 64 photos and 64 tokens, each to a unit vector of 128 numbers."""

import torch
import torch.nn.functional as F
from torch import nn

DIMENSION = 128
CONTEXT = 64  # tokens; a sentence of 90 Korean letters whose words are not in the vocabulary
VOCABULARY = 3000


class Block(nn.Module):
    """A residual block with batch norm, halving the side when stride is 2."""

    def __init__(self, inside: int, out: int, stride: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
        self.na = nn.BatchNorm2d(out)
        self.b = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.nb = nn.BatchNorm2d(out)
        self.short = nn.Conv2d(inside, out, 1, stride) if stride > 1 or inside != out else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.na(self.a(x)))
        y = self.nb(self.b(y))
        return F.relu(y + (x if self.short is None else self.short(x)))


class ImageTower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(24)
        self.blocks = nn.Sequential(
            Block(24, 48, 2),
            Block(48, 96, 2),
            Block(96, 96, 1),
            Block(96, 192, 2),
            Block(192, 192, 1),
        )
        self.pools = nn.Linear(192, 4)  # four learned attention maps beside the mean
        self.out = nn.Linear(192 * 5, DIMENSION)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.blocks(F.relu(self.norm(self.stem(x)))).flatten(2).transpose(1, 2)
        weights = self.pools(y).softmax(1).transpose(1, 2)
        pooled = torch.cat([y.mean(1), (weights @ y).flatten(1)], 1)
        return F.normalize(self.out(pooled), dim=-1)


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        b, t, w = x.shape
        q, k, v = (
            self.qkv(self.n1(x)).view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        )
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.proj(seen.transpose(1, 2).reshape(b, t, w))
        return x + self.mlp(self.n2(x))


class TextTower(nn.Module):
    """Token 0 is the padding. A learned weight says how much each token counts: most say nothing."""

    def __init__(self, vocabulary: int, width: int = 128, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.token.weight, std=0.02)
        self.position = nn.Parameter(torch.randn(CONTEXT, width) * 0.02)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.weigh = nn.Linear(width, 1)
        self.out = nn.Linear(width, DIMENSION)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        mask = (tokens == 0).float() * -1e4
        x = self.token(tokens) + self.position[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, mask[:, None, None, :])
        x = self.norm(x)
        weights = (self.weigh(x).squeeze(2) + mask).softmax(1)
        return F.normalize(self.out((weights[:, :, None] * x).sum(1)), dim=-1)
