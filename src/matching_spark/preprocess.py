"""A photo as a CLIP's image tower wants it, exactly as its preprocess_cfg.json says.

The rules are open_clip's (`image_transform_v2`, evaluation), so that a model gives the vectors that
it gives there: sides and offsets are rounded as torchvision rounds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from PIL import Image

from matching_spark.errors import ModelError
from matching_spark.similarity import Float32

INTERPOLATIONS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
}
RESIZE_MODES = ("shortest", "longest", "squash")


@dataclass(frozen=True)
class Preprocess:
    """size: (height, width) in px. mean, std: (3,) of pixels in [0, 1]."""

    size: tuple[int, int]
    mean: Float32
    std: Float32
    interpolation: Image.Resampling
    resize_mode: str
    fill: tuple[int, int, int]

    @classmethod
    def of(cls, config: Mapping[str, Any], where: str) -> Self:
        """Raises ModelError naming `where` for a configuration that is not understood."""
        try:
            size, fill = config["size"], config.get("fill_color", 0)
            out = cls(
                (size, size) if isinstance(size, int) else (int(size[0]), int(size[1])),
                np.asarray(config["mean"], np.float32),
                np.asarray(config["std"], np.float32),
                INTERPOLATIONS[config.get("interpolation") or "bicubic"],
                config.get("resize_mode") or "shortest",
                (fill, fill, fill) if isinstance(fill, int) else (fill[0], fill[1], fill[2]),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ModelError(f"{where} is not understood: {error!r}") from error
        if out.resize_mode not in RESIZE_MODES or config.get("mode", "RGB") != "RGB":
            raise ModelError(
                f"{where}: mode {config.get('mode', 'RGB')!r} with resize_mode "
                f"{out.resize_mode!r} is not known; RGB and one of {', '.join(RESIZE_MODES)} are"
            )
        return out

    def __call__(self, image: Image.Image) -> Float32:
        """(3, height, width) float32, C-contiguous, of an RGB photo."""
        height, width = self.size
        if self.resize_mode == "squash":
            image = image.resize((width, height), self.interpolation)
        else:
            image = self._crop_or_pad(image.resize(self._scaled(image.size), self.interpolation))
        pixels = np.asarray(image, dtype=np.float32) / np.float32(255)
        return np.ascontiguousarray(((pixels - self.mean) / self.std).transpose(2, 0, 1))

    def _scaled(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) that keeps the ratio; one side is the target's."""
        height, width = self.size
        if self.resize_mode == "shortest" and height == width:
            # torchvision's Resize(int) cuts the longer side's fraction off.
            short, long = min(size), int(height * max(size) / min(size))
            return (height, long) if size[0] == short else (long, height)
        pick = max if self.resize_mode == "longest" else min
        ratio = pick(size[1] / height, size[0] / width)
        return max(1, round(size[0] / ratio)), max(1, round(size[1] / ratio))

    def _crop_or_pad(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        if image.width < width or image.height < height:
            canvas = Image.new(
                "RGB", (max(width, image.width), max(height, image.height)), self.fill
            )
            canvas.paste(
                image, ((canvas.width - image.width) // 2, (canvas.height - image.height) // 2)
            )
            image = canvas
        left, top = round((image.width - width) / 2), round((image.height - height) / 2)
        return image.crop((left, top, left + width, top + height))
