"""The text tower: `python text.py --data DATA --out CHECKPOINT`.

It reads which thing a text is about and of which colour, and answers with where photos of that
lie. So its words are learnt by plain classification, from captions alone; where things lie
prototypes.py says afterwards.
"""

import random
from pathlib import Path

import torch
import torch.nn.functional as F
from captions import caption
from concepts import concepts, names
from draw import COLOURS
from fit import digest, fit, knobs
from phrases import KOREAN
from sources import words
from space import SEMANTIC, join, shades
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import nn

from matching_spark.domain.things import COLOURS as ENGLISH
from matching_spark.domain.things import Thing

CONTEXT = 64  # tokens; a sentence of 90 Korean letters whose words are not in the vocabulary
VOCABULARY = 5000
WIDTH, LAYERS, HEADS = 128, 2, 4
BATCH, PARTS = 256, 8
RATE = 3e-3
KOREAN_SHARE = 0.6
BARE_SHARE = 0.3  # captions that are no more than a name and perhaps a colour
NO_THING_SHARE = 0.05
SOMETHING = {
    "ko": (
        "{x}",
        "{x} 물건",
        "{x} 것",
        "{x} 거",
        "{x} 뭔가",
        "색은 {x}",
        "{x} 무언가 잃어버렸어요",
    ),
    "en": ("{x}", "something {x}", "a {x} thing", "{x} one", "it is {x}", "{x} stuff", "{x} item"),
}
BPE_DROPOUT = 0.1  # the same word cut in other places, as unseen words will be
SMOOTHING = 0.02
NONE = len(COLOURS)  # no colour is named


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
    """Token 0 is the padding. Two learned weights say how much each token counts: one for what the
    thing is, one for its colour; most tokens say nothing."""

    def __init__(self, vocabulary: int, things: torch.Tensor) -> None:
        """things: (concepts, SEMANTIC), unit: where photos of each lie."""
        super().__init__()
        self.token = nn.Embedding(vocabulary, WIDTH)
        nn.init.normal_(self.token.weight, std=0.02)
        self.position = nn.Parameter(torch.randn(CONTEXT, WIDTH) * 0.02)
        self.layers = nn.ModuleList(Layer(WIDTH, HEADS) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.weigh = nn.Linear(WIDTH, 2)
        self.thing = nn.Linear(WIDTH, len(things) + 1)  # the last: it names none of them
        self.colour = nn.Linear(WIDTH, NONE + 1)
        self.register_buffer("things", things)
        self.register_buffer("shades", shades())

    def read(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the concepts and of the colours; the last of both: none is named."""
        mask = (tokens == 0).float() * -1e4
        x = self.token(tokens) + self.position[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, mask[:, None, None, :])
        x = self.norm(x)
        pooled = (self.weigh(x) + mask[:, :, None]).softmax(1).transpose(1, 2) @ x
        return self.thing(pooled[:, 0]), self.colour(pooled[:, 1])

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        thing, colour = (logits.softmax(1) for logits in self.read(tokens))
        # What names no thing points nowhere: '검정' alone asks for anything black.
        semantic = F.normalize(thing[:, :-1] @ self.things, dim=1) * (1 - thing[:, -1:])
        return join(semantic, colour[:, :NONE] @ self.shades)


def tokenizer(data: Path, seed: int) -> Tokenizer:
    """Byte-level BPE over captions and emojibase's words; case and forms folded inside it."""
    rng = random.Random(seed)
    every = concepts()
    text = []
    for language in ("ko", "en"):
        some = words(data, language, names())
        text += some * 2
        for thing in every:
            for _ in range(30):
                text.append(caption(thing, rng.choice([None, *COLOURS]), language, rng, some))
    out = Tokenizer(models.BPE(unk_token=None))
    out.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    out.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    out.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    out.train_from_iterator(text, trainer)
    out.enable_padding(pad_id=0, pad_token="<pad>")
    out.enable_truncation(CONTEXT)
    return out


class TextTrainer(nn.Module):
    def __init__(self, vocabulary: int, things: int) -> None:
        super().__init__()
        self.text = TextTower(vocabulary, torch.zeros(things, SEMANTIC))

    def forward(
        self, tokens: torch.Tensor, thing: torch.Tensor, colour: torch.Tensor
    ) -> torch.Tensor:
        """The captions of about one length together: padding would cost three times the words."""
        length = (tokens != 0).sum(1)
        order = length.argsort()
        read = [self.text.read(tokens[i, : int(length[i].max())]) for i in order.chunk(PARTS)]
        things, colours = (torch.cat(part) for part in zip(*read, strict=True))
        return F.cross_entropy(things, thing[order], label_smoothing=SMOOTHING) + F.cross_entropy(
            colours, colour[order], label_smoothing=SMOOTHING
        )


def train(data: Path, out: Path, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    every, palette = concepts(), list(COLOURS)
    tok = tokenizer(data, seed)
    cut = Tokenizer.from_str(tok.to_str())
    cut.model.dropout = BPE_DROPOUT
    some = {language: words(data, language, names()) for language in ("ko", "en")}
    net = TextTrainer(tok.get_vocab_size(), len(every))

    def loss_at(step: int) -> torch.Tensor:
        rng = random.Random(f"{seed}/{step}")
        texts, thing, colour = [], [], []
        for _ in range(BATCH):
            which = rng.randrange(len(every)) if rng.random() > NO_THING_SHARE else len(every)
            shade = rng.randrange(NONE) if rng.random() < 0.75 else NONE
            language = "ko" if rng.random() < KOREAN_SHARE else "en"
            word = None if shade == NONE else palette[shade]
            if which == len(every):
                texts.append(_nothing(word, language, some[language], rng))
            elif rng.random() < BARE_SHARE:
                texts.append(_bare(every[which], word, language, rng))
            else:
                texts.append(caption(every[which], word, language, rng, some[language], every))
            thing.append(which)
            colour.append(shade)
        tokens = torch.tensor([e.ids for e in cut.encode_batch(texts)])
        return net(tokens, torch.tensor(thing), torch.tensor(colour))

    run = f"text tower, seed {seed}, names {digest(repr(every).encode())}"
    fit(net, loss_at, out, tok, run=run, steps=steps, peak=RATE)


def _bare(thing: Thing, colour: str | None, language: str, rng: random.Random) -> str:
    name = rng.choice(thing.korean if language == "ko" else thing.english)
    if colour is None:
        return name
    return f"{colour if language == 'ko' else ENGLISH[colour]} {name}"


def _nothing(colour: str | None, language: str, words: list[str], rng: random.Random) -> str:
    """A colour of something, or words that have nothing to do with any thing."""
    rest = " ".join(rng.sample(words, rng.randint(1, 4)))
    if colour is None:
        return rest
    shade = rng.choice(KOREAN[colour]) if language == "ko" else ENGLISH[colour]
    some = rng.choice(SOMETHING[language]).format(x=shade)
    return some if rng.random() < 0.7 else f"{some} {rest}"


def load(checkpoint: Path, things: torch.Tensor) -> tuple[TextTower, Tokenizer]:
    """The tower of a checkpoint, and where photos of each concept lie: (concepts, SEMANTIC)."""
    saved = torch.load(checkpoint, weights_only=True)
    tok = Tokenizer.from_str(saved["tokenizer"])
    net = TextTrainer(tok.get_vocab_size(), len(things))
    net.load_state_dict(saved["state"])
    net.text.things.copy_(things)
    return net.text.eval(), tok


if __name__ == "__main__":
    asked = knobs(__doc__, 2400)
    train(asked.data, asked.out, asked.steps, asked.seed)
