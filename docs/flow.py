"""Draw docs/flow.png, the way of the data: `python docs/flow.py`."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.patches import FancyBboxPatch

BOXES = {  # name: (x, y, text), in units of a box's width and height
    "in": (0, 1.1, "photos, JSONL, CSV,\nportal, Parquet"),
    "sources": (1, 1.1, "sources\npost or reject"),
    "clip": (2, 1.1, "photos, CLIP\nin Spark tasks"),
    "table": (3, 1.1, "posts table\nIceberg on HDFS"),
    "query": (0, 0, "photo, words,\npost or vector"),
    "embed": (1, 0, "the same CLIP"),
    "engine": (2, 0, "engine\nplan, prune"),
    "scan": (3, 0, "shards scored\nSpark | in process"),
    "rank": (4, 0, "merge, rank,\nexplain, threshold"),
    "out": (5, 0, "sorted matches\nJSON, page, table"),
}
ARROWS = [
    ("in", "sources"),
    ("sources", "clip"),
    ("clip", "table"),
    ("table", "scan"),
    ("query", "embed"),
    ("embed", "engine"),
    ("engine", "scan"),
    ("scan", "rank"),
    ("rank", "out"),
]
WIDTH, HEIGHT = 1.7, 0.8
STEP_X, STEP_Y = 2.15, 1.45


def draw(path: Path) -> None:
    figure, axes = plt.subplots(figsize=(12.6, 3.0), dpi=110)
    places = {name: (x * STEP_X, y * STEP_Y) for name, (x, y, _) in BOXES.items()}
    for name, (x, y) in places.items():
        kept = name == "table"
        axes.add_patch(
            FancyBboxPatch(
                (x, y),
                WIDTH,
                HEIGHT,
                boxstyle="round,pad=0.03,rounding_size=0.09",
                facecolor="#dfe6f7" if kept else "#ffffff",
                edgecolor="#30427a",
                linewidth=1.6,
            )
        )
        axes.text(x + WIDTH / 2, y + HEIGHT / 2, BOXES[name][2], ha="center", va="center", size=9)
    for start, end in ARROWS:
        (x0, y0), (x1, y1) = places[start], places[end]
        down = x0 == x1
        axes.annotate(
            "",
            (x1 + WIDTH / 2, y1 + HEIGHT) if down else (x1 - 0.02, y1 + HEIGHT / 2),
            (x0 + WIDTH / 2, y0) if down else (x0 + WIDTH + 0.02, y0 + HEIGHT / 2),
            arrowprops={"arrowstyle": "-|>", "color": "#30427a", "linewidth": 1.6},
        )
    axes.set_xlim(-0.1, 5 * STEP_X + WIDTH + 0.1)
    axes.set_ylim(-0.15, 1.1 * STEP_Y + HEIGHT + 0.15)
    axes.set_axis_off()
    figure.savefig(path, bbox_inches="tight", facecolor="white")


if __name__ == "__main__":
    draw(Path(__file__).parent / "flow.png")
