"""A photo as a CLIP's image tower wants it, exactly as its preprocess_cfg.json says.

The rules are open_clip's (`image_transform_v2`, evaluation), so that a model gives the vectors that
it gives there: sides and offsets are rounded as torchvision rounds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from matching_spark.errors import ModelError
from matching_spark.guard.numbers import is_number, number
from matching_spark.knn.similarity import Float32

if TYPE_CHECKING:
    from PIL import Image

    from matching_spark.embed.photos import Box

INTERPOLATIONS = ("bicubic", "bilinear", "nearest")
RESIZE_MODES = ("shortest", "longest", "squash")
# A photo may be reduced to this many times the tower's size by cheaper means before the real
# resampling: of 78 photos the worst cosine to the whole photo's vector is 0.9998 (at 2, 0.9991).
GAP = 3
MAX_SIDE = 4096  # px of a tower's input; the largest of a CLIP is 1,024
KEYS = ("size", "mode", "mean", "std", "interpolation", "resize_mode", "fill_color")
SLACK = 1e-6  # px: a photo's true fraction is above 1 / its shorter side


@dataclass(frozen=True)
class Preprocess:
    """size: (height, width) in px. mean, std: (3,) of pixels in [0, 1]."""

    size: tuple[int, int]
    mean: Float32
    std: Float32
    interpolation: str
    resize_mode: str
    fill: tuple[int, int, int]

    @classmethod
    def of(cls, config: Mapping[str, Any], where: str) -> Self:
        """Raises ModelError naming `where` for a configuration that is not understood."""
        try:
            height, width = _whole(config["size"], 2, 1, MAX_SIDE)
            red, green, blue = _whole(config.get("fill_color", 0), 3, 0, 255)
            out = cls(
                (height, width),
                _of_colours(config["mean"]),
                _of_colours(config["std"]),
                config.get("interpolation") or "bicubic",
                config.get("resize_mode") or "shortest",
                (red, green, blue),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{where} is not understood: {error!r}") from error
        if strange := sorted(set(config) - set(KEYS)):
            # A do_resize or a rescale_factor, of other libraries, would change what a photo is.
            raise ModelError(f"{where}: {', '.join(strange)}: not known; {', '.join(KEYS)} are")
        if not (np.isfinite(out.mean).all() and np.isfinite(out.std).all() and (out.std > 0).all()):
            raise ModelError(
                f"{where}: mean {config['mean']} and std {config['std']} are not known; they are "
                "of pixels in [0, 1], and std is above 0"
            )
        if out.interpolation not in INTERPOLATIONS:
            raise ModelError(
                f"{where}: interpolation {out.interpolation!r} is not known; "
                f"{', '.join(INTERPOLATIONS)} are"
            )
        if out.resize_mode not in RESIZE_MODES or config.get("mode", "RGB") != "RGB":
            raise ModelError(
                f"{where}: mode {config.get('mode', 'RGB')!r} with resize_mode "
                f"{out.resize_mode!r} is not known; RGB and one of {', '.join(RESIZE_MODES)} are"
            )
        return out

    def __call__(self, image: "Image.Image", box: "Box | None" = None) -> Float32:
        """(3, height, width) float32, C-contiguous, of an RGB photo; box: where in it it ends."""
        from PIL import Image  # which words and vectors need not, as below

        size = image.size if box is None else (box[2] - box[0], box[3] - box[1])
        image = image.resize(self._scaled(size), Image.Resampling[self.interpolation.upper()], box)
        pixels = np.asarray(self._crop_or_pad(image), dtype=np.float32) / np.float32(255)
        return np.ascontiguousarray(((pixels - self.mean) / self.std).transpose(2, 0, 1))

    def quick(self, image: "Image.Image") -> Float32:
        """Nearly the same in a fraction of the time, of a photo that is much too large."""
        factor = self.spare_factor(image.size)
        if factor == 1:
            return self(image)
        return self(image.reduce(factor), (0, 0, image.width / factor, image.height / factor))

    def spare_factor(self, size: tuple[int, int]) -> int:
        """How many times smaller a photo of (width, height) may be and give the same vector."""
        if self.interpolation == "nearest":
            return 1
        scaled = self._scaled(size)
        return max(1, min(size[0] // (GAP * scaled[0]), size[1] // (GAP * scaled[1])))

    def _scaled(self, size: tuple[float, float]) -> tuple[int, int]:
        """(width, height) to resample to: but for squash of the ratio, one side the target's."""
        height, width = self.size
        if self.resize_mode == "squash":
            return width, height
        if self.resize_mode == "shortest" and height == width:
            # torchvision's Resize(int) cuts the longer side's fraction off; not what a division
            # left of a whole number: 224 * (2048 / 3) / (2048 / 3) is less than 224.
            short, long = min(size), int(height * max(size) / min(size) + SLACK)
            return (height, long) if size[0] == short else (long, height)
        pick = max if self.resize_mode == "longest" else min
        ratio = pick(size[1] / height, size[0] / width)
        return max(1, round(size[0] / ratio)), max(1, round(size[1] / ratio))

    def _crop_or_pad(self, image: "Image.Image") -> "Image.Image":
        from PIL import Image  # as above

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


def _of_colours(value: object) -> Float32:
    """(3,) of numbers, or of one for all of them. Raises ValueError for anything else."""
    numbers = value if isinstance(value, list | tuple) else [value]
    return np.broadcast_to(np.array([number(each) for each in numbers], np.float32), 3)


def _whole(value: object, count: int, least: int, most: int) -> list[int]:
    """So many whole numbers, or one for all of them. Raises ValueError for anything else."""
    numbers = value if isinstance(value, list | tuple) else [value] * count
    whole = [each for each in numbers if is_number(each) and isinstance(each, int)]
    fine = [each for each in whole if least <= each <= most]
    if not len(fine) == len(numbers) == count:
        raise ValueError(f"{value!r} is not {count} whole numbers from {least} to {most}, or one")
    return fine


def photo_pixels(photo: "bytes | Image.Image", preprocess: Preprocess) -> Float32:
    """(3, height, width): the one way from a photo to its pixels, for queries, ingest and demo.

    Bytes are decoded no larger than the tower needs; an opened photo is reduced as far. Raises
    PhotoError for bytes that are no photo.
    """
    from PIL import Image  # as above

    from matching_spark.embed.photos import open_reduced, plain

    if isinstance(photo, Image.Image):
        return preprocess.quick(plain(photo))
    return preprocess(*open_reduced(photo, preprocess.spare_factor))
