"""How good a model folder is: `python evaluate.py FOLDER --data DATA`.

Photos are drawn from the vendor that was kept out of training, and from the trained ones with
another seed. Recall is that of a gallery of 1,000 photos; the interval is a bootstrap over queries.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np
import onnxruntime as ort
from captions import caption
from draw import COLOURS
from sources import HELD_OUT, TRAINED, sprites, things
from tokenizers import Tokenizer
from train import World

GALLERY = 1000
SENTENCE = "어제 지하철에서 {x}을 잃어버렸어요"


def run(path: Path, inputs: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    parts = [session.run(None, {name: inputs[i : i + 100]})[0] for i in range(0, len(inputs), 100)]
    return np.concatenate(parts)


def recall(scores: np.ndarray, rng: np.random.Generator) -> dict[int, tuple[float, float, float]]:
    """k -> (recall, low, high) where row i's true column is i; 95 % by bootstrap."""
    rank = (scores > np.diag(scores)[:, None]).sum(1)
    out = {}
    for k in (1, 5, 10):
        hit = rank < k
        draws = rng.choice(hit, (1000, len(hit))).mean(1)
        out[k] = (hit.mean(), *np.percentile(draws, (2.5, 97.5)))
    return out


def evaluate(folder: Path, data: Path, seed: int = 1000) -> None:
    tok = Tokenizer.from_file(str(folder / "textual" / "tokenizer.json"))
    tok.enable_padding(length=32, pad_id=0, pad_token="<pad>")
    tok.enable_truncation(32)
    names, palette = things(), list(COLOURS)
    rng = np.random.default_rng(seed)
    for label, vendors in (("held-out vendor", (HELD_OUT,)), ("trained vendors", TRAINED)):
        world = World(sprites(data), names, vendors, seed)
        # Distinct pairs of a thing and a colour, so that a caption names one item of the gallery.
        pairs = [(t, c) for t in sorted(world.of) for c in range(len(palette))]
        random.Random(seed).shuffle(pairs)
        pairs = pairs[:GALLERY]
        sprite = [world.rng.choice(world.of[t]) for t, _ in pairs]
        colour = [c for _, c in pairs]
        shots = [world.shots(sprite[i : i + 100], colour[i : i + 100], 2)
                 for i in range(0, GALLERY, 100)]
        first, second = (
            np.concatenate([((s[n].numpy() - 0.5) / 0.25).astype(np.float32) for s in shots])
            for n in (0, 1)
        )
        a, b = (run(folder / "visual" / "model.onnx", x) for x in (first, second))
        own = random.Random(seed)
        texts = {
            "Korean words": [f"{palette[c]} {names[t].korean[0]}" for t, c in pairs],
            "Korean sentence": [
                SENTENCE.format(x=f"{palette[c]} {names[t].korean[0]}") for t, c in pairs
            ],
            "English": [caption(names[t], palette[c], "en", own) for t, c in pairs],
        }
        print(f"\n{label}, {GALLERY} photos, recall@1/5/10")
        show("same item", recall(a @ b.T, rng))
        for name, lines in texts.items():
            tokens = np.array([e.ids for e in tok.encode_batch(lines)], dtype=np.int64)
            show(name, recall(run(folder / "textual" / "model.onnx", tokens) @ a.T, rng))
            if name == "Korean words":
                words = np.sum(run(folder / "textual" / "model.onnx", tokens) * a, axis=1)
                print(f"  its cosine to its photo: {spread(words)}")
        scores = a @ b.T
        thing, tint = np.array([t for t, _ in pairs]), np.array(colour)
        same = np.eye(GALLERY, dtype=bool)
        recoloured = (thing[:, None] == thing[None]) & (tint[:, None] != tint[None])
        other = thing[:, None] != thing[None]
        for name, mask in (("same item", same), ("other colour", recoloured), ("other", other)):
            print(f"  cosine, {name}: {spread(scores[mask])}")


def show(name: str, found: dict[int, tuple[float, float, float]]) -> None:
    cells = "  ".join(f"{r:.3f} [{low:.3f}, {high:.3f}]" for r, low, high in found.values())
    print(f"  {name:16} {cells}")


def spread(values: np.ndarray) -> str:
    return "p10 {:.2f}, median {:.2f}, p90 {:.2f}, p99 {:.2f}".format(
        *np.percentile(values, (10, 50, 90, 99))
    )


def thresholds(folder: Path, image_image: float, text_image: float) -> None:
    """Write the card's thresholds into config.json."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    pair = {"image-image": image_image, "text-image": text_image}
    config["matching_spark"]["thresholds"] = pair
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--thresholds", type=float, nargs=2, metavar=("IMAGE", "TEXT"))
    arguments = parser.parse_args()
    evaluate(arguments.folder, arguments.data)
    if arguments.thresholds:
        thresholds(arguments.folder, *arguments.thresholds)
