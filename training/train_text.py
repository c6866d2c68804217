"""Train the text tower against a finished image tower:
`python train_text.py VISUAL.onnx --data DATA --out CHECKPOINT`.

Photos of every thing in every colour by every trained vendor are embedded once. A step then costs
a text batch only, and compares each caption with a photo of every thing in every colour.
"""

import argparse
import hashlib
import math
import random
from pathlib import Path

import matching_spark  # noqa: F401  (says no to onnxruntime's telemetry before its import)

# isort: split
import numpy as np
import onnxruntime as ort
import torch
from captions import caption
from draw import COLOURS
from fit import fit
from model import DIMENSION, TextTower
from sources import TRAINED, sprites, things, words
from tokenizers import Tokenizer
from torch import nn
from train import World, contrast, normal, tokenizer, tokens

SHOTS = 32  # photos of each thing in each colour
OWN = len(COLOURS)  # the last column: the drawing's own colours
BATCH, PARTS = 256, 8
KOREAN_SHARE = 0.65
RATE = 2e-3
BPE_DROPOUT = 0.1  # the same word cut in other places, as unseen words will be


def digest(visual: Path) -> str:
    return hashlib.sha256(visual.read_bytes()).hexdigest()[:12]


def bank(visual: Path, data: Path, seed: int) -> torch.Tensor:
    """(things, colours and OWN, SHOTS, d): vectors of photos, half of them restyled; kept in data."""
    kept = data / f"photos-{digest(visual)}-{seed}.npy"
    if not kept.exists():
        world = World(sprites(data), things(), TRAINED, seed)
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = ort.InferenceSession(visual, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        out = np.empty((len(things()), OWN + 1, SHOTS, DIMENSION), np.float32)
        rng = random.Random(seed)
        world.generator.manual_seed(seed)
        for thing in range(len(out)):
            for half in (0, 1):
                world.restyled = half == 1
                colour = [c if c < OWN else -1 for c in range(OWN + 1) for _ in range(SHOTS // 2)]
                sprite = [rng.choice(world.of[thing]) for _ in colour]
                pixels = normal(world.shots(sprite, colour, 1)[0]).contiguous().numpy()
                vectors = session.run(None, {name: pixels})[0]
                out[thing, :, half::2] = vectors.reshape(OWN + 1, SHOTS // 2, DIMENSION)
            print(f"photos of {thing + 1} of {len(out)} things", flush=True)
        np.save(kept, out)
    return torch.from_numpy(np.load(kept))


class TextTrainer(nn.Module):
    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.text = TextTower(vocabulary)
        self.scale = nn.Parameter(torch.tensor(math.log(20.0)))

    def forward(self, token, photos, thing, colour, named) -> torch.Tensor:
        """photos: (things, OWN + 1, d), one of each. thing, colour, named: (captions,)."""
        things_, colours, _ = photos.shape
        logits = self.read(token) @ photos.flatten(0, 1).T * self.scale.exp().clamp(max=100)
        mine = torch.arange(things_).repeat_interleave(colours)[None] == thing[:, None]
        column = torch.arange(colours).repeat(things_)[None]
        positive = mine & ((column == colour[:, None]) | ~named[:, None])
        # Whether a thing in its own colours is, say, red, nobody has said: it counts for neither.
        unknown = mine & (column == OWN) & named[:, None] & ~positive
        return contrast(logits.masked_fill(unknown, -1e4), positive)

    def read(self, token: torch.Tensor) -> torch.Tensor:
        """The tower, by captions of about one length: padding would cost three times the words."""
        length = (token != 0).sum(1)
        order = length.argsort()
        parts = [self.text(token[i, : int(length[i].max())]) for i in order.chunk(PARTS)]
        return torch.cat(parts)[order.argsort()]


def train(visual: Path, data: Path, out: Path, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    photos = bank(visual, data, seed)
    names, palette = things(), list(COLOURS)
    tok = tokenizer(data, seed)
    cut = Tokenizer.from_str(tok.to_str())
    cut.model.dropout = BPE_DROPOUT
    some = {language: words(data, language) for language in ("ko", "en")}
    net = TextTrainer(tok.get_vocab_size())

    def loss_at(step: int) -> torch.Tensor:
        rng = random.Random(f"{seed}/{step}")
        thing = [rng.randrange(len(names)) for _ in range(BATCH)]
        colour = [rng.randrange(OWN + 1) for _ in range(BATCH)]
        named = [c < OWN and rng.random() > 0.15 for c in colour]
        texts = []
        for t, c, says in zip(thing, colour, named, strict=True):
            language = "ko" if rng.random() < KOREAN_SHARE else "en"
            word = palette[c] if says else None
            texts.append(caption(names[t], word, language, rng, some[language], names))
        shot = torch.from_numpy(
            np.random.default_rng([seed, step]).integers(SHOTS, size=photos.shape[:2])
        )
        one = photos.gather(2, shot[:, :, None, None].expand(-1, -1, 1, DIMENSION)).squeeze(2)
        return net(
            tokens(cut, texts), one, torch.tensor(thing), torch.tensor(colour), torch.tensor(named)
        )

    run = f"text tower, seed {seed}, image tower {digest(visual)}"
    fit(net, loss_at, out, tok, run=run, steps=steps, peak=RATE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("visual", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    train(arguments.visual, arguments.data, arguments.out, arguments.steps, arguments.seed)
