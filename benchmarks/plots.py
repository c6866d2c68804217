"""The plots of BENCHMARKS.md."""

from typing import Any

from matplotlib.figure import Figure

from benchmarks.harness import ROOT
from matching_spark.evaluation import plots

MARKED = ("o-", "s--", "^-.", "D:", "v-", "x--")  # told apart without their colours


def _keep(figure: Figure, name: str) -> None:
    folder = ROOT / "docs" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=110)


def lines(
    name: str,
    points: dict[str, list[tuple[float, float]]],
    x: str,
    y: str,
    title: str,
    ticks: bool = False,
) -> None:
    """docs/benchmarks/NAME.png: a line for each subject, on logarithmic axes.

    ticks: x is named where something was measured, not at powers of ten.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for i, (subject, values) in enumerate(points.items()):
        xs, ys = zip(*values, strict=True)
        axes.plot(xs, ys, MARKED[i % len(MARKED)], markersize=5, linewidth=1.5, label=subject)
    axes.set_xscale("log")
    axes.set_yscale("log")
    if ticks:
        measured = sorted({at for values in points.values() for at, _ in values})
        axes.set_xticks(measured, [f"{at:,.0f}" for at in measured], fontsize=7)
        axes.set_xticks([], minor=True)
    axes.set(xlabel=x, ylabel=y, title=title)
    axes.grid(alpha=0.3, which="both")
    figure.legend(fontsize=8, ncols=2, loc="outside lower center")  # over no point
    _keep(figure, name)
    pyplot.close(figure)


def reliability(every: dict[int, dict[str, Any]], name: str = "lists") -> None:
    """docs/benchmarks/NAME.png: of every size of table, how often what is said in bins of one width
    is true; every[posts][kind] as Lists.figures has them."""
    what = {"first": "the first place", "not_here": '"not here"'}
    panels = {
        f"{words}, {told}": {
            f"{n:,} posts": kinds[kind][part]["bins"] for n, kinds in every.items()
        }
        for kind, told in (("both", "all facts"), ("image bare", "a photo alone"))
        for part, words in what.items()
    }
    _keep(plots.reliability(panels), name)


def panels(name: str, of: dict[str, dict[str, list[tuple[float, float]]]], x: str) -> None:
    """docs/benchmarks/NAME.png: a panel of lines for each quantity, below each other, from 0 on."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, every = pyplot.subplots(
        len(of), 1, figsize=(7, 2.2 * len(of)), layout="constrained", sharex=True
    )
    for axes, (y, points) in zip(every, of.items(), strict=True):
        for i, (subject, values) in enumerate(points.items()):
            xs, ys = zip(*values, strict=True)
            axes.plot(xs, ys, MARKED[i % len(MARKED)], markersize=2, linewidth=1.2, label=subject)
        axes.set(ylabel=y, ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))  # over no point
    every[-1].set_xlabel(x)
    _keep(figure, name)
    pyplot.close(figure)
