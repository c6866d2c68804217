"""matching-spark evaluate and calibrate: how good the scores are, and weights learnt from truth."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from matching_spark import operations
from matching_spark.cli.options import Common, ModelOption, on_a_table, terminal
from matching_spark.cli.views import facts, titled
from matching_spark.errors import UsageError

SELF = "self"  # a truth that is the table itself
TRUTH = typer.Argument(
    help="JSONL of lost_id, found_id, same; decisions: what was decided; demo: drawn worlds."
)
LEARNT_FROM = typer.Argument(
    help="JSONL of lost_id, found_id, same; decisions: what was decided; self: the table's own "
    "posts, without a label; demo: drawn worlds."
)
ReportOption = Annotated[Path | None, typer.Option(help="The report, F.json.")]


@on_a_table
def evaluate(
    common: Common,
    truth: Annotated[str, TRUTH],
    model: ModelOption = None,
    output: ReportOption = None,
    posts: Annotated[
        int | None,
        typer.Option(min=20, max=100_000, help="demo: found posts of a world, 300 if not said."),
    ] = None,
    tidy: Annotated[
        bool, typer.Option("--tidy", help="demo: every lost thing is there and told truly.")
    ] = False,
) -> None:
    """Recall, precision and calibration of the scores, on pairs that nothing was fitted on."""
    run = common.begin(model={"name": model})
    with terminal() as progress:
        done = operations.evaluate.evaluate(run.settings, truth, output, progress, posts, tidy)
    figures = done.to_dict()
    run.emit(figures, _view(figures))


@on_a_table
def calibrate(
    common: Common,
    truth: Annotated[str | None, LEARNT_FROM] = None,
    model: ModelOption = None,
    output: ReportOption = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Take the table's own weights away.")
    ] = False,
) -> None:
    """Learn the weights of the fused score; `demo` for the model itself, else for the table."""
    run = common.begin(model={"name": model})
    if reset == (truth is not None):
        raise UsageError("calibrate TRUTH, or calibrate --reset")
    if output is not None and truth in (None, SELF):
        raise UsageError(
            "--output is the report on labelled pairs held out, and here there are none: leave it "
            "away; what is learnt stands in the weights' own file"
        )
    if truth is None:
        done = operations.evaluate.reset(run.settings).to_dict()
        run.emit(done, facts(done))
        return
    with terminal() as progress:
        if truth == SELF:
            learnt = operations.unlabelled.calibrate_self(run.settings, progress).to_dict()
            run.emit(learnt, _of_self(learnt))
            return
        figures = operations.evaluate.calibrate(run.settings, truth, output, progress).to_dict()
    run.emit(figures, _view(figures))


def _of_self(done: dict[str, Any]) -> Table:
    learnt = done["learnt"]
    return facts(
        {
            "written": done["written"],
            "model": done["model"],
            "lost, found": f"{learnt['lost']:,}, {learnt['found']:,}",
            "lost things that seem to be here": f"{learnt['lost_things_here']:,}",
            "facts": learnt["facts"],
        }
    )


def _view(report: dict[str, Any]) -> Table:
    if "scores" not in report:
        return facts({name: report[name] for name in ("model", "split")})
    names = list(next(iter(report["scores"].values())))
    numbers = (name.replace("_", " ") for name in names)
    view = titled(f"{report['model']}, {report['split']}", "score", numbers=numbers)

    def cell(figure: dict[str, float]) -> str:
        return f"{figure['value']:.3f}\n({figure['low']:.3f} to {figure['high']:.3f})"

    for name, figures in report["scores"].items():
        view.add_row(name, *(cell(figures[n]) for n in names))
    view.add_row("fused - image", *(cell(report["fused_minus_image_cosine"][n]) for n in names))
    asked = report["lists"]["queries"]["both"]
    proposed = asked["bands"]["propose"]
    right = "" if proposed["right"] is None else f", {proposed['right']:.3f} of them rightly"
    view.caption = (
        f"{report['lost']:,} lost posts, {report['found']:,} found ones; 95 % intervals by a "
        f"bootstrap; expected calibration error of the first place "
        f"{asked['first']['expected_calibration_error']:.3f}, of 'not here' "
        f"{asked['not_here']['expected_calibration_error']:.3f}; first places of "
        f"{proposed['from']:.0%} and more: {proposed['lists']:,}{right}"
    )
    return view
