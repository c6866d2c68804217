"""CLIP on ONNX Runtime: a model folder becomes two functions, photos and texts to unit vectors.

The folder has the layout of immich-app's ONNX exports: config.json, visual/model.onnx,
visual/preprocess_cfg.json, textual/model.onnx, textual/tokenizer.json,
textual/tokenizer_config.json.
"""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from matching_spark.embed import digests, hub
from matching_spark.embed.preprocess import Preprocess, photo_pixels
from matching_spark.embed.tokens import Tokens
from matching_spark.errors import ModelError
from matching_spark.guard.numbers import is_number
from matching_spark.knn.similarity import Float32, unit

if TYPE_CHECKING:
    import onnxruntime as ort
    from PIL import Image

    from matching_spark.config import Model

FILES = (
    "config.json",
    "visual/model.onnx",
    "visual/preprocess_cfg.json",
    "textual/model.onnx",
    "textual/tokenizer.json",
    "textual/tokenizer_config.json",
)
Device = Literal["auto", "cpu", "cuda"]
CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
# How many photos the tower takes while the next are decoded. A CPU gains nothing from more, and the
# first are waited for; on a card the copy and the run of some hide behind the decoding of the next,
# and a task has four times as many.
STRIDE = {CPU: 8, CUDA: 16}
# A tower of words of fewer bytes runs in one thread: to hand its work out takes longer than it
# saves (0.42 ms and ten changes of thread a text, 0.25 ms in one).
ALONE_BYTES = 16 << 20


def provider(device: Device) -> str:
    """What ONNX Runtime runs models on for a device setting; it never falls back to another.

    Raises ModelError for a device that is not there.
    """
    import onnxruntime as ort  # a search by a vector or a post embeds nothing

    there = CUDA in ort.get_available_providers()
    if device == "cuda" and not there:
        raise ModelError("device cuda: this onnxruntime has no CUDA; install onnxruntime-gpu")
    return CUDA if there and device != "cpu" else CPU


class NoVectorError(ModelError):
    """What a tower gives for a photo or a text has NaN, infinity or no length, as half precision
    has where numbers grow too large: another photo may well have a vector."""


class ClipModel:
    """A model folder. `name` carries the checksum of its files: vectors of two never mix.

    threads: ONNX Runtime's own; 1 inside a Spark task, whose cores are counted by Spark. device:
    'auto' is CUDA where onnxruntime-gpu has it, else the CPU; `provider` says what runs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        threads: int | None = None,
        batch_size: int = 64,
        device: Device = "auto",
    ) -> None:
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise ModelError(f"{folder} is no CLIP model folder: it lacks {', '.join(missing)}")
        self.folder = folder
        self.batch_size = batch_size
        self.device = device
        self._threads = threads
        # Read here: what is wrong with a folder is told before a photo or a text is blamed for it.
        where = folder / "config.json"
        self._config = hub.read_json(where)
        text_config = hub.part(self._config, "text_cfg", where)
        self.dimension = hub.number(self._config, "embed_dim", where)
        # Tokens of a text; more are cut off.
        self.context_length = hub.number(
            {"context_length": 77} | text_config, "context_length", where
        )
        self._tokens = Tokens(folder, text_config, self.context_length)
        where = folder / "visual" / "preprocess_cfg.json"
        self.preprocess = Preprocess.of(hub.read_json(where), str(where))

    @classmethod
    def load(
        cls,
        name: str = "small-clip",
        *,
        threads: int | None = None,
        batch_size: int = 64,
        device: Device = "auto",
    ) -> "ClipModel":
        """The shipped model by its name, a folder by its path, a hub's model as owner/model.

        NAME@COMMIT is a hub's at that commit, NAME@CHECKSUM any as `name` gives it. Raises
        ModelError when there is none of them, or it has another checksum.
        """
        found = hub.PINNED.fullmatch(name)
        called, pin = found.groups() if found else (name, "")
        folder = hub.resolve(called, pin if len(pin) == 40 else None)
        model = cls(folder, threads=threads, batch_size=batch_size, device=device)
        if len(pin) == 12 and not model.name.endswith(f"@{pin}"):
            raise ModelError(f"{name} is not here: {folder} holds {model.name}")
        return model

    @classmethod
    def of(cls, wanted: "Model") -> "ClipModel":
        """The model that the settings name."""
        return cls.load(wanted.name, batch_size=wanted.batch_size, device=wanted.device)

    @property
    def place(self) -> str:
        """By what name this host loads it: a shipped one's, else its folder."""
        shipped = self.folder.resolve().parent == hub.SHIPPED.resolve()
        return self.folder.name if shipped else str(self.folder.resolve())

    @cached_property
    def name(self) -> str:
        """`<folder>@<12 hex digits>`: the checksum of all that a vector depends on."""
        digest = hashlib.sha256(str(self.context_length).encode())
        for tower in ("visual", "textual"):
            for path in sorted((self.folder / tower).rglob("*")):
                # Hidden ones are none of a model's: file managers leave them where somebody looked.
                if path.is_file() and not path.name.startswith("."):
                    digest.update(digests.sha256(path))
        return f"{_called(self.folder)}@{digest.hexdigest()[:12]}"

    @property
    def size_bytes(self) -> int:
        """Of all that lies in its folder."""
        return sum(each.stat().st_size for each in self.folder.rglob("*") if each.is_file())

    @property
    def provider(self) -> str:
        return provider(self.device)

    def default_threshold(self, pair: str) -> float | None:
        """The card's threshold for 'image-image' or 'text-image'; None without a card."""
        where = self.folder / "config.json"
        ours = hub.part(self._config, "matching_spark", where)
        value = hub.part(ours, "thresholds", where).get(pair)
        if value is None:
            return None
        if not (is_number(value) and -1 <= value <= 1):  # nor NaN
            raise ModelError(f"{where}: thresholds.{pair} {value!r} is not a cosine")
        return float(value)

    def pixels(self, photo: "bytes | Image.Image") -> Float32:
        """(3, height, width) of a photo's bytes, or of an opened one. Raises PhotoError."""
        return photo_pixels(photo, self.preprocess)

    def embed_images(self, photos: "Sequence[bytes | Image.Image]") -> Float32:
        """(n, dimension) float32 of unit length, row i of photos[i]. Raises PhotoError."""
        return self.embed_pixels([self.pixels(photo) for photo in photos])

    def embed_pixels(self, pixels: Sequence[Float32]) -> Float32:
        """The same of what `pixels` gave."""
        # Without a photo the tower, which takes as long as a query's words, is not loaded.
        if not pixels:
            return self._no_vectors()
        return self._run(self._visual, {self._visual.get_inputs()[0].name: pixels})

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """(n, dimension) float32 of unit length, row i of texts[i].

        Texts of one length run together, so that none is padded for a longer one: a text has the
        same vector whatever it is embedded beside.
        """
        if not texts:
            return self._no_vectors()
        # As many as the tower declares, or as each text has where it takes any number.
        fixed = isinstance(self._textual.get_inputs()[0].shape[1], int)
        encodings = self._tokens(texts, filled=fixed)
        rows_of_length: dict[int, list[int]] = {}
        for row, encoding in enumerate(encodings):
            rows_of_length.setdefault(len(encoding), []).append(row)
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for rows in rows_of_length.values():
            inputs = {
                node.name: [
                    np.array(
                        encodings[row].attention_mask if _is_mask(node) else encodings[row].ids
                    )
                    for row in rows
                ]
                for node in self._textual.get_inputs()
            }
            vectors[rows] = self._run(self._textual, inputs)
        return vectors

    def _run(
        self, session: "ort.InferenceSession", inputs: Mapping[str, Sequence[npt.NDArray[Any]]]
    ) -> Float32:
        """inputs[name][i]: row i of the tower's input of that name."""
        count = len(next(iter(inputs.values())))
        types = {node.name: DTYPES[node.type] for node in session.get_inputs()}
        fixed = _fixed_batch(session)
        size = fixed or self.batch_size
        rows = []
        for start in range(0, count, size):
            here = min(size, count - start)
            # Where the model fixes the size of a batch, the last row is repeated to fill it.
            at = [start + min(i, here - 1) for i in range(size if size == fixed else here)]
            feed = {
                name: np.stack([values[i] for i in at]).astype(types[name], copy=False)
                for name, values in inputs.items()
            }
            try:
                rows.append(session.run(None, feed)[0][:here])
            except Exception as error:  # as in _session
                raise ModelError(
                    f"{self.folder} cannot be run on {', '.join(feed)}: {error}"
                ) from error
        try:
            vectors = np.concatenate(rows).reshape(count, self.dimension)
        except ValueError as error:
            raise ModelError(
                f"{self.folder} gives no vectors of {self.dimension}: {error}"
            ) from None
        try:
            return unit(vectors)
        except ValueError as error:
            raise NoVectorError(f"{self.folder} gives a vector that is none: {error}") from None

    def _no_vectors(self) -> Float32:
        return np.empty((0, self.dimension), dtype=np.float32)

    @property
    def stride(self) -> int:
        """How many photos to prepare while the model runs on those before."""
        return _fixed_batch(self._visual) or min(self.batch_size, STRIDE[self.provider])

    @cached_property
    def _visual(self) -> "ort.InferenceSession":
        return self._session("visual", (3, *self.preprocess.size))

    @cached_property
    def _textual(self) -> "ort.InferenceSession":
        return self._session("textual", (self.context_length,))

    def _session(self, tower: str, given: tuple[int, ...]) -> "ort.InferenceSession":
        """given: the axes of what the tower is given, after the batch's."""
        import onnxruntime as ort  # as above

        path = self.folder / tower / "model.onnx"
        one = tower == "textual" and is_small(path.parent)
        options = ort.SessionOptions()
        if threads := 1 if one else self._threads:
            options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A thread that spins takes a core for 27 ms after each text: the scan's that comes next.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = ort.InferenceSession(
                str(path), options, providers=list(dict.fromkeys([self.provider, CPU]))
            )
        except Exception as error:  # onnxruntime's errors have no common ancestor
            raise ModelError(f"{path} cannot be run: {error}") from error
        if session.get_providers()[0] != self.provider:
            raise ModelError(
                f"{path}: CUDA is there but could not be used; see the log, or set model.device=cpu"
            )
        wanted = session.get_inputs()
        masks = sum(map(_is_mask, wanted)) if tower == "textual" else 0
        if len(wanted) - masks != 1 or masks > 1:
            asked = ", ".join(each.name for each in wanted)
            what = "a photo alone" if tower == "visual" else "tokens and their attention_mask"
            raise ModelError(f"{path} asks for {asked}: it can be given {what}")
        for each in wanted:
            if each.type not in DTYPES or not _fits(each.shape[1:], given):
                raise ModelError(
                    f"{path} asks for {each.name} as {each.type} of {each.shape}: by the folder's "
                    f"configuration it is given (batch, {', '.join(map(str, given))}) as one of "
                    f"{', '.join(DTYPES)}"
                )
        return session


@lru_cache(maxsize=2)
def worker_model(
    folder: str, batch_size: int, device: Device, name: str | None = None
) -> ClipModel:
    """The model of a Spark worker: loaded once a process, for all its tasks; one thread.

    name: of the model that the vectors are said to be of. Raises ModelError where the folder holds
    another, as it may on another host; one that was replaced since is loaded anew.
    """
    model = ClipModel(Path(folder), threads=1, batch_size=batch_size, device=device)
    if name and model.name.rpartition("@")[2] != name.rpartition("@")[2]:
        raise ModelError(
            f"{folder} on {platform.node()} holds {model.name}, where the ingest began {name}: lay "
            "the same folder on every host, and change it while none runs"
        )
    return model


def is_small(tower: Path) -> bool:
    """By all files of its folder: a large tower's weights may lie beside its model.onnx."""
    return sum(each.stat().st_size for each in tower.glob("*") if each.is_file()) < ALONE_BYTES


def _is_mask(node: "ort.NodeArg") -> bool:
    """multilingual-CLIP's towers ask for the mask of the tokens too, and in any order."""
    return "mask" in node.name


def _fits(axes: Sequence[int | str | None], given: tuple[int, ...]) -> bool:
    """Whether a tower takes it: an axis without a number is of any."""
    return len(axes) == len(given) and all(
        not isinstance(axis, int) or axis == here for axis, here in zip(axes, given, strict=True)
    )


def _fixed_batch(session: "ort.InferenceSession") -> int | None:
    """The rows that a tower takes, where it takes no other number."""
    rows = session.get_inputs()[0].shape[0]
    return rows if isinstance(rows, int) and rows > 0 else None


def _called(folder: Path) -> str:
    """A folder's own name; in the hub's cache (models--owner--model/snapshots/HASH) the model's."""
    whole = folder.absolute()
    for part in whole.parts:
        if part.startswith("models--"):
            return part.removeprefix("models--").replace("--", "/")
    return whole.name
