"""Photos of things, drawn in batches: tint, pose, background, shadow, clutter, light, blur, noise."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from backbone import SIDE

Numbers = Callable[..., torch.Tensor]  # of a shape, drawn at random
DRAWN = SIDE  # drawn as it is seen
SOFT = 8  # px: how far a shadow reaches
CROWD = 5  # other things that may lie all over a ground

# The portal's colour words as ranges of hue (turns), saturation and value.
COLOURS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "흰색": ((0.0, 1.0), (0.0, 0.06), (0.90, 1.0)),
    "검정": ((0.0, 1.0), (0.0, 0.15), (0.10, 0.24)),
    "빨강": ((-0.02, 0.02), (0.75, 0.95), (0.65, 0.90)),
    "주황": ((0.06, 0.09), (0.80, 0.95), (0.88, 1.0)),
    "노랑": ((0.13, 0.16), (0.70, 0.95), (0.90, 1.0)),
    "초록": ((0.28, 0.42), (0.50, 0.90), (0.40, 0.75)),
    "파랑": ((0.56, 0.65), (0.60, 0.95), (0.50, 0.90)),
    "갈색": ((0.04, 0.09), (0.50, 0.75), (0.35, 0.55)),
    "보라": ((0.74, 0.80), (0.45, 0.80), (0.50, 0.80)),
    "핑크": ((0.90, 0.96), (0.30, 0.60), (0.90, 1.0)),
    "회색": ((0.0, 1.0), (0.0, 0.06), (0.45, 0.65)),
}


def colour_rgb(names: list[int], generator: torch.Generator) -> torch.Tensor:
    """A shade of each colour word: (n, 3) in [0, 1]; any shade for -1, which is not used."""
    ranges = torch.tensor([COLOURS[list(COLOURS)[max(0, n)]] for n in names])
    draw = torch.rand(len(names), 3, generator=generator)
    hsv = ranges[:, :, 0] + draw * (ranges[:, :, 1] - ranges[:, :, 0])
    h, s, v = hsv[:, 0] % 1.0, hsv[:, 1], hsv[:, 2]
    k = (torch.tensor([5.0, 3.0, 1.0]) + h[:, None] * 6) % 6
    return v[:, None] * (1 - s[:, None] * torch.clamp(torch.minimum(k, 4 - k), 0, 1))


def tint(
    sprites: torch.Tensor, rgb: torch.Tensor, tinted: torch.Tensor, keep: torch.Tensor
) -> torch.Tensor:
    """Recolour (n, 4, s, s) sprites, shading kept: luma percentiles mapped dark, colour, light.

    rgb: (n, 3). tinted: (n,) bool. keep: (n,) share of the original colour.
    """
    colour, alpha = sprites[:, :3], sprites[:, 3:]
    luma = (colour * torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1, keepdim=True)
    flat = luma.flatten(1).clone()
    flat[alpha.flatten(1) < 0.5] = float("nan")
    low, mid, high = (torch.nan_to_num(flat.nanquantile(q, dim=1)) for q in (0.05, 0.5, 0.97))
    low, mid, high = (x[:, None, None, None] for x in (low, mid, high))
    mid = torch.maximum(mid, low + 0.02)
    high = torch.maximum(high, mid + 0.02)
    base = rgb[:, :, None, None]
    dark, light = base * 0.35, base + (1 - base) * 0.65
    down = ((luma - low) / (mid - low)).clamp(0, 1)
    up = ((luma - mid) / (high - mid)).clamp(0, 1)
    new = dark + (base - dark) * down + (light - base) * up
    share = torch.where(tinted, keep, torch.ones_like(keep))[:, None, None, None]
    return torch.cat([new * (1 - share) + colour * share, alpha], 1)


def restyle(items: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(n, 4, s, s) sprites as another artist might draw them: mirrored, outlined, flatter, bent.

    What an unseen vendor draws differs from the seen ones mostly in these.
    """
    n = len(items)

    def chance(p: float) -> torch.Tensor:
        return (torch.rand(n, generator=generator) < p)[:, None, None, None]

    items = torch.where(chance(0.5), items.flip(3), items)
    colour, alpha = items[:, :3], items[:, 3:]
    levels = 3 + torch.randint(0, 4, (n, 1, 1, 1), generator=generator)
    colour = torch.where(chance(0.15), (colour * levels).round() / levels, colour)
    # Black lines where the drawing has edges, and around it.
    luma = colour.mean(1, keepdim=True)
    edge = F.max_pool2d(luma, 3, 1, 1) + F.max_pool2d(-luma, 3, 1, 1)
    inner = ((edge - 0.25) * 6).clamp(0, 1) * 0.9
    lined = chance(0.3)
    colour = torch.where(lined, colour * (1 - inner), colour)
    wide = F.max_pool2d(alpha, 5, 1, 2)
    rim = (wide - alpha).clamp(0, 1)
    rimmed = torch.cat([colour * (alpha / wide.clamp(min=1e-3)), wide], 1)
    plain = torch.cat([colour, alpha], 1)
    out = torch.where(
        lined | (chance(0.1) & (rim.amax((1, 2, 3), keepdim=True) > 0)), rimmed, plain
    )
    # A slow bend of the shape, up to about a tenth of its side.
    bend = F.interpolate(
        torch.randn(n, 2, 3, 3, generator=generator) * 0.06, size=items.shape[2], mode="bicubic"
    )
    eye = torch.eye(2, 3).expand(n, 2, 3)
    grid = F.affine_grid(eye, list(out.shape), align_corners=False) + bend.permute(0, 2, 3, 1)
    bent = F.grid_sample(out, grid, align_corners=False)
    return torch.where(chance(0.6), bent, out)


def photos(
    items: torch.Tensor,
    clutter: torch.Tensor,
    generator: torch.Generator,
    crowd: torch.Tensor | None = None,
) -> torch.Tensor:
    """A photo of each tinted sprite (n, 4, s, s): (n, 3, DRAWN, DRAWN) in [0, 1].

    clutter: (n, 4, s, s), another thing that may lie small at the edge. crowd: (n, CROWD, 4, s, s)
    things that lie all over the ground of two photos of five.
    """
    n = len(items)

    def rand(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    canvas = _backgrounds(n, rand, normal)
    if crowd is not None:
        canvas = _crowded(canvas, crowd, rand)
    small = _place(
        clutter,
        scale=0.15 + 0.15 * rand(n),
        angle=rand(n) * 2 * math.pi,
        shift=_at_edge(rand(n), rand(n)),
        shear=torch.zeros(n),
        stretch=torch.ones(n),
    )
    small[:, 3] *= (rand(n) < 0.3)[:, None, None]
    canvas = _over(canvas, small)

    angle = normal(n) * (17 * math.pi / 180)
    spun = rand(n) < 0.2
    angle = torch.where(spun, rand(n) * 2 * math.pi, angle)
    cut = rand(n) < 0.12  # some things leave the picture
    reach = torch.where(cut, 0.5, 0.16)[:, None]
    placed = _place(
        items,
        scale=0.5 + 0.45 * rand(n),
        angle=angle,
        shift=(rand(n, 2) * 2 - 1) * reach,
        shear=normal(n) * 0.08,
        stretch=torch.exp(normal(n) * 0.06),
    )
    shade = F.interpolate(
        F.avg_pool2d(placed[:, 3:], SOFT, count_include_pad=False), size=DRAWN, mode="bilinear"
    )
    dx, dy = int(torch.randint(-SOFT, SOFT + 1, (1,), generator=generator)), SOFT
    shade = torch.roll(shade, (dy, dx), (2, 3)) * (0.15 + 0.4 * rand(n))[:, None, None, None]
    canvas = _over(canvas * (1 - shade), placed)

    ramp = torch.linspace(-1, 1, DRAWN)
    slope = normal(n, 2) * 0.12
    light = 1 + slope[:, :1, None] * ramp[None, :, None] + slope[:, 1:, None] * ramp[None, None, :]
    gain = torch.exp(normal(n, 1, 1, 1) * 0.12) * torch.exp(normal(n, 3, 1, 1) * 0.04)
    canvas = canvas * light[:, None] * gain
    out = canvas
    coarse = int(torch.randint(2, 5, (1,), generator=generator))
    soft = F.interpolate(F.avg_pool2d(out, coarse, ceil_mode=True), size=DRAWN, mode="bilinear")
    blur = (rand(n) * (rand(n) < 0.5))[:, None, None, None]
    out = out * (1 - blur) + soft * blur
    grey = out.mean(1, keepdim=True)
    out = grey + (out - grey) * (0.75 + 0.45 * rand(n))[:, None, None, None]
    out = out + normal(*out.shape) * (0.025 * rand(n))[:, None, None, None]
    return out.clamp(0, 1)


def _backgrounds(n: int, rand: Numbers, normal: Numbers) -> torch.Tensor:
    """Desk, floor, cloth, wall: a colour with a slow drift, grain or stripes."""
    value = 0.25 + 0.7 * rand(n, 1)
    base = (value + normal(n, 3) * 0.07 + torch.tensor([0.03, 0.0, -0.03]) * rand(n, 1)).clamp(0, 1)
    vivid = rand(n, 1) < 0.15
    base = torch.where(vivid, rand(n, 3), base)[:, :, None, None]
    drift = F.interpolate(normal(n, 3, 4, 4), size=DRAWN, mode="bicubic") * 0.05
    grain = F.interpolate(normal(n, 1, 96, 96), size=DRAWN, mode="bilinear") * 0.05
    across = torch.linspace(0, 1, DRAWN)
    lines = torch.sin(2 * math.pi * (across[None] * (3 + 20 * rand(n, 1)) + rand(n, 1)))
    turned = (rand(n) < 0.5)[:, None, None]
    stripes = torch.where(turned, lines[:, None, :], lines[:, :, None]).expand(n, DRAWN, DRAWN)
    strength = (0.12 * rand(n) * (rand(n) < 0.35))[:, None, None, None]
    busy = (rand(n) < 0.15).float()[:, None, None, None]
    noise = sum(
        F.interpolate(normal(n, 3, side, side), size=DRAWN, mode="bilinear") * 0.1
        for side in (12, 48)
    )
    picture = base + drift + grain * rand(n, 1, 1, 1) + stripes[:, None] * strength + busy * noise
    return picture.clamp(0, 1)


def _crowded(canvas: torch.Tensor, crowd: torch.Tensor, rand: Numbers) -> torch.Tensor:
    """Other things all over two grounds of five, some out of focus."""
    n = len(canvas)
    out = canvas
    for k in range(CROWD):
        layer = _place(
            crowd[:, k],
            scale=0.15 + 0.35 * rand(n),
            angle=rand(n) * 2 * math.pi,
            shift=rand(n, 2) * 2.2 - 1.1,
            shear=torch.zeros(n),
            stretch=torch.ones(n),
        )
        out = _over(out, layer * (rand(n) < 0.8)[:, None, None, None])
    far = F.interpolate(F.avg_pool2d(out, 4), size=DRAWN, mode="bilinear")
    out = torch.where((rand(n) < 0.4)[:, None, None, None], far, out)
    return torch.where((rand(n) < 0.4)[:, None, None, None], out, canvas)


def _place(
    pictures: torch.Tensor,
    *,
    scale: torch.Tensor,
    angle: torch.Tensor,
    shift: torch.Tensor,
    shear: torch.Tensor,
    stretch: torch.Tensor,
) -> torch.Tensor:
    """Pictures moved onto the canvas: (n, 4, DRAWN, DRAWN), colour premultiplied by alpha."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = torch.stack(
        [
            torch.stack([cos / scale * stretch, (sin + shear) / scale, -shift[:, 0] / scale], 1),
            torch.stack([-sin / scale, cos / scale / stretch, -shift[:, 1] / scale], 1),
        ],
        1,
    )
    grid = F.affine_grid(rows, [len(pictures), 4, DRAWN, DRAWN], align_corners=False)
    flat = torch.cat([pictures[:, :3] * pictures[:, 3:], pictures[:, 3:]], 1)
    return F.grid_sample(flat, grid, align_corners=False)


def _over(canvas: torch.Tensor, layer: torch.Tensor) -> torch.Tensor:
    return canvas * (1 - layer[:, 3:]) + layer[:, :3]


def _at_edge(along: torch.Tensor, side: torch.Tensor) -> torch.Tensor:
    """A point near the border of [-1, 1] squared."""
    at, which = along * 2 - 1, (side * 4).long()
    edge = torch.where(which % 2 == 0, -0.85, 0.85)
    return torch.where((which < 2)[:, None], torch.stack([at, edge], 1), torch.stack([edge, at], 1))
