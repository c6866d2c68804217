"""CLIP on ONNX Runtime: a model folder becomes two functions, photos and texts to unit vectors.

The folder has the layout of immich-app's ONNX exports: config.json, visual/model.onnx,
visual/preprocess_cfg.json, textual/model.onnx, textual/tokenizer.json,
textual/tokenizer_config.json.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from PIL import Image
from tokenizers import Tokenizer

from matching_spark.errors import ModelError
from matching_spark.similarity import Float32, unit

SHIPPED = Path(__file__).parent / "models"
FILES = (
    "config.json",
    "visual/model.onnx",
    "visual/preprocess_cfg.json",
    "textual/model.onnx",
    "textual/tokenizer.json",
    "textual/tokenizer_config.json",
)
RESAMPLING = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
    "lanczos": Image.Resampling.LANCZOS,
}


class ClipModel:
    """A model folder. `name` carries the checksum of its files: vectors of two never mix.

    threads: ONNX Runtime's own; 1 inside a Spark task, whose cores are counted by Spark.
    """

    def __init__(self, folder: Path, *, threads: int | None = None, batch_size: int = 64) -> None:
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise ModelError(f"{folder} is no CLIP model folder: it lacks {', '.join(missing)}")
        self.folder = folder
        self.batch_size = batch_size
        self._threads = threads
        self._config = _read_json(folder / "config.json")
        self._preprocess = _read_json(folder / "visual" / "preprocess_cfg.json")

    @classmethod
    def load(
        cls, name: str = "small-clip", *, threads: int | None = None, batch_size: int = 64
    ) -> "ClipModel":
        """The shipped model by its name, or a model folder by its path.

        Raises ModelError when there is neither.
        """
        name = name.partition("@")[0]
        for folder in (SHIPPED / name, Path(name)):
            if folder.is_dir():
                return cls(folder, threads=threads, batch_size=batch_size)
        shipped = ", ".join(sorted(p.name for p in SHIPPED.iterdir() if p.is_dir()))
        raise ModelError(f"there is no model {name!r}; name a model folder, or one of: {shipped}")

    @cached_property
    def name(self) -> str:
        """'<folder>@<12 hex digits of the checksum of its files>'."""
        digest = hashlib.sha256()
        for file in FILES:
            digest.update(hashlib.sha256((self.folder / file).read_bytes()).digest())
        return f"{self.folder.resolve().name}@{digest.hexdigest()[:12]}"

    @property
    def dimension(self) -> int:
        return int(self._config["embed_dim"])

    def default_threshold(self, pair: str) -> float | None:
        """The card's threshold for 'image-image' or 'text-image'; None without a card."""
        value = self._config.get("matching_spark", {}).get("thresholds", {}).get(pair)
        return None if value is None else float(value)

    def embed_images(self, images: Sequence[Image.Image]) -> Float32:
        """(n, dimension) float32 of unit length, row i of images[i] (RGB)."""
        return self._run(self._visual, [self.preprocess(image) for image in images])

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """(n, dimension) float32 of unit length, row i of texts[i]."""
        length = int(self._config.get("text_cfg", {}).get("context_length", 77))
        encodings = self._tokenizer(length).encode_batch(list(texts))
        return self._run(self._textual, [np.array(e.ids, dtype=np.int64) for e in encodings])

    def preprocess(self, image: Image.Image) -> Float32:
        """One photo as the tower wants it: (3, height, width) float32, as preprocess_cfg says."""
        cfg = self._preprocess
        size = cfg["size"]
        height, width = (size, size) if isinstance(size, int) else size
        mode = cfg.get("resize_mode", "shortest")
        how = RESAMPLING[cfg.get("interpolation", "bicubic")]
        if mode == "squash":
            image = image.resize((width, height), how)
        elif mode in ("shortest", "longest"):
            pick = max if mode == "shortest" else min
            scale = pick(height / image.height, width / image.width)
            scaled = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image = image.resize(scaled, how)
            left, top = (scaled[0] - width) // 2, (scaled[1] - height) // 2
            if mode == "shortest":
                image = image.crop((left, top, left + width, top + height))
            else:
                fill = cfg.get("fill_color", 0)
                colour = (fill,) * 3 if isinstance(fill, int) else tuple(fill)
                canvas = Image.new("RGB", (width, height), colour)
                canvas.paste(image, (-left, -top))
                image = canvas
        else:
            raise ModelError(f"{self.folder}: resize_mode {mode!r} is not known")
        pixels = np.asarray(image, dtype=np.float32) / 255
        mean, std = np.float32(cfg["mean"]), np.float32(cfg["std"])
        return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1))

    def _run(self, session: ort.InferenceSession, inputs: Sequence[Any]) -> Float32:
        if not inputs:
            return np.empty((0, self.dimension), dtype=np.float32)
        wanted = session.get_inputs()[0]
        dtype = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}.get(wanted.type, np.float32)
        rows = []
        for start in range(0, len(inputs), self.batch_size):
            batch = np.stack(inputs[start : start + self.batch_size]).astype(dtype, copy=False)
            rows.append(session.run(None, {wanted.name: batch})[0])
        return unit(np.concatenate(rows))

    @cached_property
    def _visual(self) -> ort.InferenceSession:
        return self._session("visual")

    @cached_property
    def _textual(self) -> ort.InferenceSession:
        return self._session("textual")

    def _session(self, tower: str) -> ort.InferenceSession:
        options = ort.SessionOptions()
        if self._threads:
            options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        return ort.InferenceSession(
            str(self.folder / tower / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    @lru_cache(maxsize=1)  # noqa: B019 - a model lives as long as its process
    def _tokenizer(self, length: int) -> Tokenizer:
        tokenizer = Tokenizer.from_file(str(self.folder / "textual" / "tokenizer.json"))
        config = _read_json(self.folder / "textual" / "tokenizer_config.json")
        pad = config.get("pad_token") or "<pad>"
        token = pad["content"] if isinstance(pad, dict) else pad
        tokenizer.enable_padding(
            length=length, pad_token=token, pad_id=tokenizer.token_to_id(token) or 0
        )
        tokenizer.enable_truncation(max_length=length)
        return tokenizer


@lru_cache(maxsize=2)
def worker_model(folder: str, batch_size: int) -> ClipModel:
    """The model of a Spark worker: loaded once a process, one thread a task core."""
    return ClipModel(Path(folder), threads=1, batch_size=batch_size)


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
