"""Train both towers of the small CLIP: `python train.py --data DATA --out CHECKPOINT`.

Batches are a function of the seed and the step, so that a run cut off and started again goes on
from its last checkpoint and draws what it would have drawn. The text tower is then trained on by
train_text.py, which costs a tenth a step.
"""

import argparse
import math
import random
from pathlib import Path

import torch
from captions import caption
from draw import COLOURS, colour_rgb, photos, restyle, tint
from fit import fit
from model import CONTEXT, VOCABULARY, ImageTower, TextTower
from sources import TRAINED, Sprites, Thing, sprites, things, words
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import nn

CLASSES, PHOTOS_AN_ITEM = 64, 2
RATE = 2e-3


def tokenizer(data: Path, seed: int, size: int = VOCABULARY) -> Tokenizer:
    """Byte-level BPE over captions and emojibase's words; case and forms folded inside it."""
    rng = random.Random(seed)
    text = []
    for language in ("ko", "en"):
        some = words(data, language)
        text += some * 2
        for thing in things():
            for _ in range(40):
                text.append(caption(thing, rng.choice([None, *COLOURS]), language, rng, some))
    out = Tokenizer(models.BPE(unk_token=None))
    out.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    out.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    out.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<pad>"], initial_alphabet=alphabet, show_progress=False
    )
    out.train_from_iterator(text, trainer)
    out.enable_padding(pad_id=0, pad_token="<pad>")
    out.enable_truncation(CONTEXT)
    return out


class World:
    """Draws items, their photos and captions."""

    def __init__(
        self, art: Sprites, names: list[Thing], vendors: tuple[str, ...], seed: int
    ) -> None:
        keep = [i for i, v in enumerate(art.vendor) if art.vendors[v] in vendors]
        self.pictures = torch.from_numpy(art.pictures[keep]).permute(0, 3, 1, 2).float() / 255
        self.thing = art.thing[keep]
        self.vendor = art.vendor[keep]
        self.of: dict[int, list[int]] = {}
        for i, t in enumerate(self.thing):
            self.of.setdefault(int(t), []).append(i)
        self.names = names
        self.seed = seed
        self.restyled = False
        self.rng = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)

    def shots(self, sprite: list[int], colour: list[int], times: int) -> torch.Tensor:
        """(times, items, 3, DRAWN, DRAWN): photos of items, each in one shade of its colour."""
        n = len(sprite)
        rgb = colour_rgb(colour, self.generator)
        keep = torch.rand(n, generator=self.generator) * 0.3
        art = self.pictures[sprite]
        tinted = tint(art, rgb, torch.tensor(colour) >= 0, keep)
        if self.restyled:
            tinted = restyle(tinted, self.generator)
        out = []
        for _ in range(times):
            other = torch.randint(len(self.pictures), (n,), generator=self.generator)
            out.append(photos(tinted, self.pictures[other], self.generator))
        return torch.stack(out)

    def batch(
        self, step: int
    ) -> tuple[torch.Tensor, list[str], torch.Tensor, torch.Tensor, torch.Tensor]:
        """Photos (2, n, ...), captions (2n), and thing (n,), colour (n,), colour named (2n,)."""
        rng = random.Random(f"{self.seed}/{step}")
        self.generator.manual_seed(self.seed * 1_000_003 + step)
        self.restyled = True
        sprite, colour = [], []
        for thing in rng.sample(sorted(self.of), CLASSES):
            first = rng.choice(self.of[thing])
            second = first if rng.random() < 0.5 else rng.choice(self.of[thing])
            tints = rng.sample(range(len(COLOURS)), 2)
            for s, c in zip((first, second), tints, strict=True):
                sprite.append(s)
                colour.append(-1 if rng.random() < 0.08 else c)
        texts, named = [], []
        for language in ("ko", "en"):
            for s, c in zip(sprite, colour, strict=True):
                says = c >= 0 and rng.random() > 0.2
                word = list(COLOURS)[c] if says else None
                texts.append(caption(self.names[self.thing[s]], word, language, rng))
                named.append(says)
        thing = torch.tensor([int(self.thing[s]) for s in sprite])
        return (
            self.shots(sprite, colour, PHOTOS_AN_ITEM),
            texts,
            thing,
            torch.tensor(colour),
            torch.tensor(named),
        )


def tokens(tok: Tokenizer, texts: list[str]) -> torch.Tensor:
    return torch.tensor([e.ids for e in tok.encode_batch(texts)])


def contrast(logits: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
    """Multi-positive InfoNCE, the mean log-probability of the positives, both ways."""

    def one(z: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        weights = p / p.sum(1, keepdim=True).clamp(min=1)
        return -(weights * z.log_softmax(1)).sum(1)[p.any(1)].mean()

    return (one(logits, positive.float()) + one(logits.T, positive.T.float())) / 2


class Trainer(nn.Module):
    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.image = ImageTower()
        self.text = TextTower(vocabulary)
        self.scale_it = nn.Parameter(torch.tensor(math.log(10.0)))
        self.scale_ii = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, shots, token, thing, colour, named) -> torch.Tensor:
        both = self.image(normal(shots.flatten(0, 1)))
        text = self.text(token)
        n = len(thing)
        # A caption speaks of every photo of its thing whose colour it does not contradict.
        same = thing.repeat(2)[:, None] == thing.repeat(2)[None]
        alike = colour.repeat(2)[:, None] == colour.repeat(2)[None]
        positive = same & (alike | ~named[None])
        image_text = contrast(both @ text.T * self.scale_it.exp().clamp(max=60), positive)
        a, b = both[:n], both[n:]
        pairs = contrast(
            a @ b.T * self.scale_ii.exp().clamp(max=60), torch.eye(n, dtype=torch.bool)
        )
        return (image_text + pairs) / 2


def normal(pixels: torch.Tensor) -> torch.Tensor:
    """[0, 1] to mean 0.5, deviation 0.25, as preprocess_cfg.json says."""
    return ((pixels - 0.5) / 0.25).contiguous(memory_format=torch.channels_last)


def train(data: Path, out: Path, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    tok = tokenizer(data, seed)
    world = World(sprites(data), things(), TRAINED, seed)
    net = Trainer(tok.get_vocab_size()).to(memory_format=torch.channels_last)

    def loss_at(step: int) -> torch.Tensor:
        shots, texts, thing, colour, named = world.batch(step)
        return net(shots, tokens(tok, texts), thing, colour, named)

    fit(net, loss_at, out, tok, run=f"both towers, seed {seed}", steps=steps, peak=RATE)


def load(path: Path) -> tuple[Trainer, Tokenizer, dict]:
    saved = torch.load(path, weights_only=True)
    tok = Tokenizer.from_str(saved["tokenizer"])
    net = Trainer(tok.get_vocab_size())
    net.load_state_dict(saved["state"])
    return net.eval(), tok, saved


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    torch.set_flush_denormal(True)
    train(arguments.data, arguments.out, arguments.steps, arguments.seed)
