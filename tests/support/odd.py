"""Photos and texts that preprocessing stumbles over; the same on every machine."""

import numpy as np
from PIL import Image

TEXTS = [
    "검정 지갑",
    "어제 지하철에서 갈색 지갑을 잃어버렸어요",
    "A Photo of a RED umbrella!",
    "it&#39;s   my_bag &amp; keys",
    "ｆｕｌｌ ｗｉｄｔｈ and “curly” quotes",
    "🧳 캐리어 2개",
    "x",
    "very long words " * 40,
]


def odd_images() -> list[Image.Image]:
    """Very wide, very tall, tiny, grey, with transparency laid over white, large and plain."""
    rng = np.random.default_rng(5)

    def noise(width: int, height: int) -> Image.Image:
        # Smooth, as photos are: white noise would test the resampling filter alone.
        small = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)

    clear = noise(120, 90).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    white = Image.new("RGBA", clear.size, "white")
    return [
        noise(1000, 60),
        noise(50, 900),
        noise(5, 4),
        noise(97, 101).convert("L").convert("RGB"),
        Image.alpha_composite(white, clear).convert("RGB"),
        noise(3001, 2003),
        noise(224, 224),
        noise(333, 250),
    ]
