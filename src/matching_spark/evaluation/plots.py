"""Plots of the notebook: what is compared differs by line and mark too, so that grey tells it.

Needs the extra `notebook`. Every function returns a matplotlib Figure and shows nothing.
"""

import io
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from matching_spark import storage
from matching_spark.domain.results import Match

LINES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
COLOURS = ("#1b3a6b", "#c1531a", "#3d7f3d", "#7a4a9e", "#8a6d1a", "#3c8a8a", "#a03060", "#555555")
TILE_PX = 150  # of a photo in a gallery
SIZE = (7.2, 4.0)  # inches

Values = npt.ArrayLike


def _figure(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = SIZE
) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=size, dpi=80, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel():
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, list(grid.ravel())


def _font() -> str | None:
    """A font with Hangul, from the package that carries one; None where it is not installed."""
    spec = find_spec("koreanize_matplotlib")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "fonts" / "NanumGothic.ttf"
    font_manager.fontManager.addfont(path)
    return font_manager.FontProperties(fname=str(path)).get_name()


def lines(  # noqa: PLR0913  (a plot's words, each by its name)
    x: Values,
    ys: Mapping[str, Values],
    *,
    title: str,
    x_label: str,
    y_label: str,
    points: Mapping[str, float] | None = None,
    log_x: bool = False,
    log_y: bool = False,
) -> Figure:
    """One line a name over `x`; `points` are values of x marked by name, as operating points."""
    figure, (axes,) = _figure()
    for i, (name, y) in enumerate(ys.items()):
        axes.plot(
            x,
            y,
            LINES[i % len(LINES)],
            marker=MARKS[i % len(MARKS)],
            color=COLOURS[i % len(COLOURS)],
            markersize=4,
            label=name,
        )
    for i, (name, at) in enumerate((points or {}).items()):
        axes.axvline(at, color="0.35", linestyle=LINES[(i + 1) % len(LINES)], linewidth=1)
        axes.annotate(
            f" {name} {at:.2f}",
            (at, 0.97 - 0.08 * (i % 3)),
            xycoords=("data", "axes fraction"),
            fontsize=8,
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
            zorder=5,  # over the lines it would be crossed by
        )
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    _label(axes, title, x_label, y_label)
    if len(ys) > 1:
        axes.legend(fontsize=8)
    return figure


def distributions(
    groups: Mapping[str, Values], *, title: str, x_label: str, bins: int = 40
) -> Figure:
    """How values are spread, a line a group, each group's area 1; NaN is left out."""
    figure, (axes,) = _figure()
    arrays = {name: _known(values) for name, values in groups.items()}
    edges = np.linspace(
        min(v.min() for v in arrays.values() if len(v)),
        max(v.max() for v in arrays.values() if len(v)),
        bins + 1,
    )
    for i, (name, values) in enumerate(arrays.items()):
        axes.hist(
            values,
            edges.tolist(),
            density=True,
            histtype="step",
            linestyle=LINES[i % len(LINES)],
            color=COLOURS[i % len(COLOURS)],
            linewidth=1.6,
            label=f"{name} ({len(values):,})",
        )
    _label(axes, title, x_label, "share of the group, per unit")
    axes.legend(fontsize=8)
    return figure


def boxes(groups: Mapping[str, tuple[Values, Values]], *, title: str, x_label: str) -> Figure:
    """Two boxes a group, the quartiles and the 5th and 95th percentile: true and false."""
    figure, (axes,) = _figure(size=(SIZE[0], 0.8 + 0.42 * len(groups)))
    places = np.arange(len(groups))[::-1] * 1.0
    for which in (0, 1):
        drawn = axes.boxplot(
            [_known(pair[which]) for pair in groups.values()],
            positions=places + (0.19 if which == 0 else -0.19),
            widths=0.3,
            orientation="horizontal",
            whis=(5, 95),
            showfliers=False,
            patch_artist=True,
            medianprops={"color": "black"},
        )
        for box in drawn["boxes"]:
            box.set(facecolor=("#ffffff", "#b9c4dd")[which], hatch=("", "///")[which])
        drawn["boxes"][0].set_label(("true pairs", "false pairs")[which])
    axes.set_yticks(places, list(groups), fontfamily=_font())
    _label(axes, title, x_label, "")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def intervals(
    rows: Mapping[str, Mapping[str, Mapping[str, float]]],
    names: Sequence[str],
    *,
    title: str,
    x_label: str,
) -> Figure:
    """Figures with their intervals: rows[subject][name] has value, low and high."""
    figure, (axes,) = _figure(size=(SIZE[0], 0.9 + 0.5 * len(names)))
    places = np.arange(len(names))[::-1] * 1.0
    for i, (subject, figures) in enumerate(rows.items()):
        value = np.array([figures[name]["value"] for name in names])
        low = np.array([figures[name]["low"] for name in names])
        high = np.array([figures[name]["high"] for name in names])
        axes.errorbar(
            value,
            places + 0.22 * (len(rows) - 1) / 2 - 0.22 * i,
            xerr=np.maximum([value - low, high - value], 0),
            fmt=MARKS[i % len(MARKS)],
            color=COLOURS[i % len(COLOURS)],
            capsize=3,
            markersize=5,
            label=subject,
        )
    axes.set_yticks(places, [name.replace("_", " ") for name in names])
    _label(axes, title, x_label, "")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def reliability(panels: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]) -> Figure:
    """How often what is said is true: of each panel and name the bins that lists.reliability gives,
    with 95 % intervals (Wilson 1927). A perfect one lies on the grey line."""
    from scipy.stats import binomtest  # of the extra, and slow to import

    rows = -(-len(panels) // 2)
    figure, every = _figure(rows, 2, (SIZE[0], SIZE[1] * rows))
    for axes, (title, named) in zip(every, panels.items(), strict=False):
        axes.plot((0, 1), (0, 1), color="0.6", linewidth=1)
        for i, (name, bins) in enumerate(named.items()):
            true = np.array([each["true"] for each in bins])
            ends = [
                binomtest(round(each["true"] * each["lists"]), round(each["lists"])).proportion_ci(
                    method="wilson"
                )
                for each in bins
            ]
            low, high = np.array([(end.low, end.high) for end in ends]).T
            axes.errorbar(
                [each["probability"] for each in bins],
                true,
                np.maximum([true - low, high - true], 0),
                fmt=MARKS[i % len(MARKS)] + LINES[i % len(LINES)],
                color=COLOURS[i % len(COLOURS)],
                markersize=4,
                linewidth=1,
                label=name,
            )
        _label(axes, title, "said", "true")
        axes.legend(fontsize=8)
    return figure


def embedding_map(points: Values, labels: Sequence[str], *, title: str, most: int = 8) -> Figure:
    """points (n, 2) by label, the `most` frequent labels with a mark of their own."""
    where = np.asarray(points, dtype=float)
    of = np.asarray(labels)
    names, counts = np.unique(of, return_counts=True)
    shown = [str(n) for n in names[np.argsort(-counts)][:most]]
    figure, (axes,) = _figure(size=(7.2, 5.4))
    rest = ~np.isin(of, shown)
    if rest.any():
        axes.scatter(where[rest, 0], where[rest, 1], s=8, color="0.8", label="others")
    for i, name in enumerate(shown):
        here = of == name
        axes.scatter(
            where[here, 0],
            where[here, 1],
            s=22,
            marker=MARKS[i % len(MARKS)],
            color=COLOURS[i % len(COLOURS)],
            edgecolors="white",
            linewidths=0.4,
            label=name or "-",
        )
    _label(axes, title, "first principal component", "second principal component")
    font = font_manager.FontProperties(family=_font(), size=8)
    axes.legend(prop=font, ncols=2)
    return figure


def gallery(
    rows: Sequence[tuple[str, Image.Image | str | None, Sequence[Match]]],
    *,
    title: str,
    right: Mapping[str, str] | None = None,
    columns: int = 5,
) -> Figure:
    """Queries with their matches: a row each, the query first.

    rows: (what is asked, its photo or uri, its matches). right: what is asked -> the post_id that
    is right, whose frame is thick; other matches have a thin one.
    """
    figure, grid = _figure(len(rows), columns + 1, (1.6 * (columns + 1), 1.95 * len(rows) + 0.3))
    font = font_manager.FontProperties(family=_font(), size=7.5)
    for at, (asked, photo, matches) in enumerate(rows):
        cells = grid[at * (columns + 1) : (at + 1) * (columns + 1)]
        _tile(cells[0], photo, f"asked: {asked[:24]}", font, 0.0)
        for cell, match in zip(cells[1:], matches, strict=False):
            same = right is not None and right.get(asked) == match.post_id
            words = match.title or match.post_id
            _tile(cell, match.photo, f"{match.score:.2f} {words[:13]}", font, 3.0 if same else 0.6)
        for cell in cells[1 + len(matches) :]:
            cell.set_axis_off()
    figure.suptitle(title, fontproperties=font_manager.FontProperties(family=_font(), size=11))
    return figure


def _tile(
    axes: Axes,
    photo: Image.Image | str | None,
    words: str,
    font: font_manager.FontProperties,
    frame: float,
) -> None:
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_linewidth(frame)
    axes.set_title(words, fontproperties=font)
    if photo is None:
        axes.text(0.5, 0.5, "words only", ha="center", va="center", fontsize=8, color="0.4")
        return
    if isinstance(photo, str):
        with Image.open(io.BytesIO(storage.read_bytes(photo))) as opened:
            photo = opened.convert("RGB")
    small = photo.copy()
    small.thumbnail((TILE_PX, TILE_PX))
    axes.imshow(np.asarray(small))


def _label(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)


def _known(values: Values) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return array[~np.isnan(array)]
