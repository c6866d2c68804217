"""The plots of BENCHMARKS.md."""

from typing import Any

from benchmarks.harness import ROOT

MARKED = ("o-", "s--", "^-.", "D:", "v-", "x--")  # told apart without their colours


def lines(
    name: str,
    points: dict[str, list[tuple[float, float]]],
    x: str,
    y: str,
    title: str,
    log: bool = True,
) -> None:
    """docs/benchmarks/NAME.png: a line for each subject."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for i, (subject, values) in enumerate(points.items()):
        xs, ys = zip(*values, strict=True)
        axes.plot(xs, ys, MARKED[i % len(MARKED)], markersize=5, linewidth=1.5, label=subject)
    if log:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set(xlabel=x, ylabel=y, title=title)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    folder = ROOT / "docs" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=110)
    pyplot.close(figure)


def reliability(every: dict[int, dict[str, Any]], name: str = "lists") -> None:
    """docs/benchmarks/NAME.png: of every size of table, how often what is said in bins of one width
    is true, with 95 % intervals (Wilson's); every[posts][kind] as Lists.figures has them."""
    import matplotlib
    from scipy.stats import binomtest

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = (
        ("first", "both", "first place, all facts"),
        ("not_here", "both", "not here, all facts"),
        ("first", "image bare", "first place, a photo alone"),
        ("not_here", "image bare", "not here, a photo alone"),
    )
    figure, axes = pyplot.subplots(2, 2, figsize=(8, 8), layout="constrained")
    for panel, (what, kind, title) in zip(axes.flat, panels, strict=True):
        panel.plot((0, 1), (0, 1), color="grey", linewidth=1)
        for i, (posts, kinds) in enumerate(every.items()):
            bins = kinds[kind][what]["bins"]
            true = [each["true"] for each in bins]
            ends = [
                binomtest(round(each["true"] * each["lists"]), each["lists"]).proportion_ci(
                    method="wilson"
                )
                for each in bins
            ]
            bars = [[max(0, t - e.low) for t, e in zip(true, ends, strict=True)]]
            bars.append([max(0, e.high - t) for t, e in zip(true, ends, strict=True)])
            said = [each["probability"] for each in bins]
            panel.errorbar(
                said, true, bars, fmt=MARKED[i], markersize=4, linewidth=1, label=f"{posts:,} posts"
            )
        panel.set(title=title, xlabel="said", ylabel="true", xlim=(0, 1), ylim=(0, 1))
        panel.grid(alpha=0.3)
    axes[0][0].legend(fontsize=8)
    folder = ROOT / "docs" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=110)
    pyplot.close(figure)
