"""matching-spark evaluate and calibrate: how good the scores are, and weights learnt from truth."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from matching_spark.cli.options import Common, Run, errors, on_a_table, progress_bar
from matching_spark.errors import ModelError, UsageError

TruthArgument = Annotated[
    str,
    typer.Argument(
        help="JSONL of lost_id, found_id, same; decisions: what was decided; demo: drawn worlds."
    ),
]
ModelOption = Annotated[str | None, typer.Option(help="The CLIP model: a name or a folder.")]
ReportOption = Annotated[Path | None, typer.Option(help="The report, F.json.")]
DEMO = "drawn worlds of other seeds"
SPLIT = "held out: 30 % of the lost posts, by a hash of their ids; others were fitted on"
DRAWN = (
    "held out: drawn worlds of other seeds, items never seen in fitting; their drawings are those "
    "that small-clip was trained on"
)


@on_a_table
def evaluate(
    common: Common,
    truth: TruthArgument,
    model: ModelOption = None,
    output: ReportOption = None,
) -> None:
    """Recall, precision and calibration of the scores, on pairs that nothing was fitted on."""
    run = common.begin(model={"name": model})
    from matching_spark.demo.labelled import HELD_OUT_SEEDS
    from matching_spark.evaluation.metrics import evaluate as measure
    from matching_spark.score.store import find

    opened, clip = _sides(run, truth)
    name = clip.name if opened is None else opened.model
    calibration = find(None if opened is None else opened.uri, clip, name)
    if calibration is None:
        raise ModelError(f"{name} has no calibration; `matching-spark calibrate` learns one")
    pairs = _pairs(run, truth, opened, clip, HELD_OUT_SEEDS)
    if opened is None:
        split = DRAWN
    elif calibration.learnt.get("from") == DEMO:
        split = f"held out: all of it; the weights were learnt from {DEMO}"
    else:
        pairs, split = pairs.split()[1], SPLIT
    _emit(run, measure(pairs, calibration, split), output)


@on_a_table
def calibrate(
    common: Common,
    truth: TruthArgument,
    model: ModelOption = None,
    output: ReportOption = None,
) -> None:
    """Learn the weights of the fused score; `demo` for the model itself, else for the table."""
    run = common.begin(model={"name": model})
    from matching_spark import storage
    from matching_spark.demo.labelled import FIT_SEEDS, HELD_OUT_SEEDS, POSTS
    from matching_spark.evaluation.learn import learn
    from matching_spark.evaluation.metrics import evaluate as measure
    from matching_spark.score.store import FILE, find, save

    opened, clip = _sides(run, truth)
    if opened is None:
        assert clip is not None
        fit = _pairs(run, truth, None, clip, FIT_SEEDS)
        learnt: dict[str, Any] = {
            "from": DEMO,
            "command": "matching-spark calibrate demo",
            "seeds": list(FIT_SEEDS),
            "posts_a_world": POSTS,
        }
        calibration = learn(fit, clip.name, learnt)
        place = str(clip.folder / FILE)
        held, split = _pairs(run, truth, None, clip, HELD_OUT_SEEDS), DRAWN
    else:
        pairs = _pairs(run, truth, opened, clip, ())
        fit, held = pairs.split()
        learnt = {
            "from": truth,
            "found": len(pairs.found_ids),
            "true_pairs": int(fit.same.sum()),
        }
        try:
            base = find(None, clip, opened.model)
        except ModelError:
            base = None
        calibration = learn(fit, opened.model, learnt, base)
        place = storage.join(opened.uri, FILE)
        split = SPLIT
    save(calibration, place)
    errors.print(f"written: {place}")
    if len(held.lost_ids) and held.same.any():
        _emit(run, measure(held, calibration, split), output)
    else:
        raise UsageError(f"{truth} has no true pair left to hold out; the weights are written")


def _sides(run: Run, truth: str) -> tuple[Any, Any]:
    """The table (None for drawn worlds) and the model, where it is at hand."""
    from matching_spark.embed.clip import ClipModel
    from matching_spark.operations.search import table_model
    from matching_spark.table.posts_table import PostsTable

    if truth == "demo":
        return None, ClipModel.of(run.settings.model)
    opened = PostsTable.open(run.table_uri)
    return opened, table_model(run.settings, opened)


def _pairs(run: Run, truth: str, table: Any, clip: Any, seeds: tuple[int, ...]) -> Any:
    from matching_spark.domain.posts import Filters
    from matching_spark.evaluation.labelled import label, read_truth

    if table is None:
        from matching_spark.demo.labelled import drawn_pairs

        errors.print(f"drawing {len(seeds)} worlds ...")
        with progress_bar() as progress:
            return drawn_pairs(clip, seeds, progress=progress)
    if truth == "decisions":
        from matching_spark.matching.decisions import truth as decided

        said = decided(table.uri)
    else:
        said = read_truth(truth)
    everything = Filters(kind="lost", status=None)
    return label(table.shards(everything), table.shards(Filters(kind="found", status=None)), said)


def _emit(run: Run, report: dict[str, Any], output: Path | None) -> None:
    if output is not None:
        from matching_spark.storage import write_file

        text = json.dumps(report, ensure_ascii=False, indent=2) + "\n"
        write_file(output, text.encode())
        errors.print(f"written: {output}")
    run.emit(report, _view(report))


def _view(report: dict[str, Any]) -> Table:
    view = Table("score", title=f"{report['model']}, {report['split']}", title_justify="left")
    names = list(next(iter(report["scores"].values())))
    for name in names:
        view.add_column(name.replace("_", " "), justify="right")

    def cell(figure: dict[str, float]) -> str:
        return f"{figure['value']:.3f}\n({figure['low']:.3f} to {figure['high']:.3f})"

    for name, figures in report["scores"].items():
        view.add_row(name, *(cell(figures[n]) for n in names))
    view.add_row("fused - image", *(cell(report["fused_minus_image_cosine"][n]) for n in names))
    error = report["reliability"]["expected_calibration_error"]
    bands = report["queries"]["both"]["bands"]
    view.caption = (
        f"{report['lost']:,} lost posts, {report['found']:,} found ones; 95 % intervals by a "
        f"bootstrap; expected calibration error {error:.3f}; proposed from "
        f"{bands['propose']['threshold']:.3f} on (precision {bands['propose']['precision']:.3f}, "
        f"recall {bands['propose']['recall']:.3f}), a person is asked from "
        f"{bands['ask']['threshold']:.3f} on"
    )
    view.caption_justify = "left"
    return view
