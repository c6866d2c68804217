"""The model's card: `python card.py FOLDER --measured measured.json --curves DATA`.

Writes README.md and the curves into the model folder, and the default thresholds into config.json:
the cosine that 95 % of the held-out vendor's true pairs reach. A stage that was not run again keeps
the picture of its curve.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import matplotlib
import unseen
from backbone import SHA256
from captions import SENTENCE
from concepts import concepts
from space import COLOUR_SHARE, SEMANTIC

from matching_spark.embed.clip import ClipModel

matplotlib.use("Agg")
from matplotlib import pyplot as plt

TRUE_PAIRS = "p5"  # the percentile that a threshold leaves below it
PAIRS = {"image-image": "same item", "text-image": "text to its photo"}
HELD_OUT = "held-out vendor"
STAGES = {"image": "Where to look, and colours", "text": "Text tower"}
PHOTOGRAPHS = Path(__file__).parent / "photographs.json"  # measure.py's, of both sets


def thresholds(folder: Path, measured: dict[str, Any]) -> dict[str, float]:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    cosines = measured[HELD_OUT]["cosine"]
    out = {pair: round(cosines[name][TRUE_PAIRS], 2) for pair, name in PAIRS.items()}
    config["matching_spark"]["thresholds"] = out
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return out


def tables(measured: dict[str, Any]) -> str:
    lines = []
    for label in (HELD_OUT, "trained vendors"):
        found = measured[label]
        lines += [
            f"### {label[0].upper() + label[1:]}",
            "",
            "| query, among 1,000 photos | recall@1 | recall@5 | recall@10 |",
            "|---|---|---|---|",
        ]
        for name, row in found["recall"].items():
            cells = " | ".join(f"{r:.3f} ({low:.3f} to {high:.3f})" for r, low, high in row)
            lines.append(f"| {name} | {cells} |")
        lines += [
            "",
            "| cosine of | p1 | p5 | p10 | median | p90 | p99 |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, values in found["cosine"].items():
            lines.append(f"| {name} | " + " | ".join(f"{v:.2f}" for v in values.values()) + " |")
        lines.append("")
    return "\n".join(lines)


def photographs(measured: dict[str, Any]) -> str:
    """Both sets, side by side; a kind that a set has no photos of is left out there."""
    sets = [measured["tune"], measured["final"]]
    lines = [
        "| | tune @1 | tune @10 | final @1 | final @10 | queries / gallery |",
        "|---|---|---|---|---|---|",
    ]
    for name in (n for n, row in measured["tune"].items() if isinstance(row, dict)):
        rows = [found.get(name) for found in sets]
        cells = [_cell(row, k) for row in rows for k in ("@1", "@10")]
        sizes = ", ".join(f"{r['queries']:,} / {r['gallery']:,}" for r in rows if r)
        lines.append(f"| {name} | {' | '.join(cells)} | {sizes} |")
    return "\n".join(lines)


def _cell(row: dict[str, Any] | None, k: str) -> str:
    if row is None or k not in row:
        return ""
    share, low, high = row[k]
    return f"{share:.3f} ({low:.2f} to {high:.2f})"


def _digests(measured: dict[str, Any], name: str) -> str:
    """What the figures are of, where that is not the model of this card."""
    other = {measured[s]["model"] for s in ("tune", "final")} - {name}
    return f"Measured on {' and '.join(sorted(other))}, not on this build." if other else ""


def curve(log: Path, picture: Path, title: str) -> None:
    with log.open(encoding="utf-8") as file:
        rows = [(int(r["step"]), float(r["loss"])) for r in csv.DictReader(file)]
    figure, axes = plt.subplots(figsize=(6.4, 3.2), dpi=100, layout="constrained")
    axes.plot(*zip(*rows, strict=True), color="black", linewidth=1.5)
    axes.set(title=title, xlabel="step", ylabel="loss (mean of 50 steps)")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    figure.savefig(picture)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--measured", type=Path, required=True)
    parser.add_argument("--curves", type=Path, required=True)
    arguments = parser.parse_args()
    numbers = json.loads(arguments.measured.read_text(encoding="utf-8"))
    cuts = thresholds(arguments.folder, numbers)
    for stage, title in STAGES.items():
        if (log := arguments.curves / f"{stage}.csv").exists():
            curve(log, arguments.folder / f"curve-{stage}.png", title)
    config = json.loads((arguments.folder / "config.json").read_text(encoding="utf-8"))
    size = sum(p.stat().st_size for p in arguments.folder.rglob("*.onnx")) / 1e6
    seen = json.loads(PHOTOGRAPHS.read_text(encoding="utf-8"))
    text = (Path(__file__).parent / "card.md").read_text(encoding="utf-8")
    text = text.format(
        tables=tables(numbers),
        image=cuts["image-image"],
        text=cuts["text-image"],
        megabytes=f"{size:.1f}",
        dimension=config["embed_dim"],
        semantic=SEMANTIC,
        colour_share=COLOUR_SHARE,
        concepts=len(concepts()),
        sha256=SHA256,
        photographs=photographs(seen),
        digests=_digests(seen, ClipModel(arguments.folder).name),
        tune=f"{seen['tune']['photographs']:,} photographs",
        context=config["text_cfg"]["context_length"],
        unseen=unseen.UNSEEN.format(x="갈색 지갑", o="을"),
        sentence=SENTENCE.format(x="갈색 지갑", o="을"),
        others="\n".join(f"  - {form.format(x='갈색 지갑', o='을')}" for form in unseen.OTHERS),
        english=unseen.ENGLISH.format(x="brown wallet"),
    )
    (arguments.folder / "README.md").write_text(text, encoding="utf-8")
