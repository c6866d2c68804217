"""How good the scores are on pairs with a known answer, and weights learnt from such pairs."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.demo.labelled import FIT, FOUND, Worlds
from matching_spark.demo.labelled import held_out as held_out_worlds
from matching_spark.domain.posts import Filters
from matching_spark.domain.results import Reported
from matching_spark.embed.clip import ClipModel
from matching_spark.errors import InputError, ModelError, StorageError, UsageError
from matching_spark.evaluation.labelled import (
    NOT_HERE,
    LabelledPairs,
    Truth,
    held_out,
    label,
    read_truth,
)
from matching_spark.evaluation.learn import learn
from matching_spark.evaluation.metrics import evaluate as measure
from matching_spark.evaluation.sharpen import sharpen
from matching_spark.filesystems.whole_files import check_file, write_file
from matching_spark.knn.similarity import Mask
from matching_spark.matching import decisions
from matching_spark.operations.search import table_model
from matching_spark.operations.warehouse import reading
from matching_spark.progress import SILENT, Progress
from matching_spark.score.calibration import Calibration
from matching_spark.score.store import FILE, SELF, find, first, read, save
from matching_spark.shards.shard import Shard
from matching_spark.table.posts_table import PostsTable

DEMO, DECISIONS = "demo", "decisions"  # truths that are no file
DRAWN_WORLDS = "drawn worlds of other seeds"
REPORT = (".json",)  # how the name of a file of the figures ends
SPLIT = "held out: 30 % of the lost posts, by a hash of their ids; others were fitted on"
DRAWN = (
    "held out: drawn worlds of other seeds, items never seen in fitting; their drawings are those "
    "that small-clip was trained on"
)


@dataclass(frozen=True)
class Evaluation:
    """The figures of evaluation.metrics.evaluate, with the pairs they are of named in `split`."""

    figures: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return self.figures


@dataclass(frozen=True)
class Reset(Reported):
    """A table without weights of its own; fused: whether its model has some."""

    table: str
    fused: bool


def evaluate(
    settings: Settings,
    truth: str,
    output: Path | None = None,
    progress: Progress = SILENT,
    found: int | None = None,
    tidy: bool = False,
) -> Evaluation:
    """Recall, precision and calibration of the scores, on pairs that nothing was fitted on.

    truth: a JSONL file of lost_id, found_id, same; DECISIONS: what was decided of the table's
    pairs; DEMO: drawn worlds, for the settings' model itself. output: a JSON file of the figures.
    found, tidy: of DEMO's worlds, how many found posts each has, FOUND if None, and whether all
    that is told is true. Raises ModelError without a calibration, InputError for a truth that
    cannot be read, UsageError for a table's truth with what is of drawn worlds; for an output that
    cannot be written as check_file does, before any work.
    """
    _check_output(output)
    if truth != DEMO and (found is not None or tidy):
        raise UsageError(f"--posts and --tidy are of drawn worlds: evaluate {DEMO}")
    if truth == DEMO:
        model = ClipModel.of(settings.model)
        calibration = find(None, model, model.name)
        if calibration is None:
            raise _uncalibrated(model.name)
        pairs, split = _drawn(model, held_out_worlds(found or FOUND, tidy), progress), DRAWN
    else:
        table = reading(settings)
        calibration = find(table.uri, table_model(settings, table), table.model)
        if calibration is None:
            raise _uncalibrated(table.model)
        pairs = _labelled(table, truth)
        if calibration.learnt.get("from") == DRAWN_WORLDS:
            split = f"held out: all of it; the weights were learnt from {DRAWN_WORLDS}"
        else:
            pairs, split = pairs.split()[1], SPLIT
    if not pairs.same.any():
        raise InputError(
            f"{truth} has no true pair to measure on ({split}): confirm or name more pairs"
        )
    return _written(Evaluation(measure(pairs, calibration, split)), output, progress)


def calibrate(
    settings: Settings, truth: str, output: Path | None = None, progress: Progress = SILENT
) -> Evaluation:
    """Learn the weights of the fused score, keep them, and measure them on pairs held out.

    truth, output: as `evaluate` has them. From DEMO they are the model's and go into its folder,
    else the table's and go into its warehouse; where no true pair is held out, the report says so
    and has no figures. Raises StorageError, before anything is learnt, for a model's folder or an
    output that cannot be written to; InputError where every pair is held out, and for DECISIONS as
    `check_kept`.
    """
    _check_output(output)
    if truth == DEMO:
        model = ClipModel.of(settings.model)
        _check_writable(model.folder)
        learnt: dict[str, Any] = {
            "from": DRAWN_WORLDS,
            "command": "matching-spark calibrate demo",
            "seeds": list(FIT.seeds),
            "found_a_world": FIT.found,
            "lost_a_world": FIT.lost,
        }
        calibration = learn(_drawn(model, FIT, progress), model.name, learnt)
        place = str(model.folder / FILE)
        held, split = _drawn(model, held_out_worlds(), progress), DRAWN
    else:
        table = reading(settings)
        if truth == DECISIONS:
            check_kept(table, truth)
        pairs = _labelled(table, truth)
        fit, held = pairs.split()
        if not len(fit):
            raise InputError(
                f"{truth} leaves no pair to learn from ({SPLIT}): decide or name pairs of more "
                "lost posts"
            )
        base = _base(settings, table)
        learnt = {
            "from": truth,
            "found": len(pairs.found_ids),
            "true_pairs": int(fit.same.sum()),
            "base": None if base is None else base.learnt.get("from"),
        }
        if truth == DECISIONS and base is not None:
            lists, decided = _lists_of(table, decisions.truth(table))
            calibration = sharpen(lists, decided, base, settings.similarity.share_here, learnt)
        else:
            calibration = learn(fit, table.model, learnt, base)
        place, split = storage.join(table.uri, FILE), SPLIT
    save(calibration, place)
    progress.say(f"written: {place}")
    if held.same.any():
        figures = measure(held, calibration, split)
    else:
        said = {"model": calibration.model, "learnt": dict(calibration.learnt)}
        figures = {**said, "split": f"not measured, for no true pair is {split}"}
    return _written(Evaluation(figures), output, progress)


def reset(settings: Settings) -> Reset:
    """Take the table's own weights away, and with them those that decisions would sharpen: from now
    on the model's serve again.

    Raises InputError when it has none.
    """
    table = reading(settings)
    own = [place for name in (FILE, SELF) if storage.exists(place := storage.join(table.uri, name))]
    if not own:
        raise InputError(f"{table.uri} has no weights of its own")
    for place in own:
        storage.remove(place)
    return Reset(table.uri, find(None, table_model(settings, table), table.model) is not None)


def _uncalibrated(name: str) -> ModelError:
    return ModelError(f"{name} has no calibration; `matching-spark calibrate` learns one")


def check_kept(table: PostsTable, truth: str) -> None:
    """Raise InputError if weights learnt from a file of labelled pairs would be replaced: what
    `truth` teaches starts from other weights, so the file would be forgotten."""
    place = storage.join(table.uri, FILE)
    try:
        if not storage.exists(place):
            return
        own = read(place)
        own.check_model(table.model)
    except ModelError:  # they are of no use: to learn mends it
        return
    source = own.learnt.get("from")
    if "true_pairs" in own.learnt and source != DECISIONS:
        raise InputError(
            f"the weights of {table.uri} were learnt from {source}, which `calibrate {truth}` does "
            f"not start from and would replace: add what was decided to {source} and learn from "
            "that, or take the weights away first (`matching-spark calibrate --reset`)"
        )


def _check_output(output: Path | None) -> None:
    if output is not None:
        check_file(output, REPORT)


def _check_writable(folder: Path) -> None:
    """Raise StorageError for the folder of an installed package that is not ours to write to."""
    if not os.access(folder, os.W_OK):
        raise StorageError(
            f"{folder} cannot be written to, and the weights of a model lie in its folder: copy "
            "the folder to a place of your own, and name that as the model (model.name)"
        )


def _drawn(model: ClipModel, worlds: Worlds, progress: Progress) -> LabelledPairs:
    progress.say(f"drawing {len(worlds.seeds)} worlds of {worlds.found:,} found posts ...")
    return worlds.pairs(model, progress)


def _base(settings: Settings, table: PostsTable) -> Calibration | None:
    """The weights that a table's truth starts from: those learnt without a truth, else its model's.
    Never those learnt from a truth, which would count twice."""
    return first([storage.join(table.uri, SELF)], table_model(settings, table), table.model)


def _lists_of(table: PostsTable, said: Truth) -> tuple[LabelledPairs, Mask]:
    """Whole lists of the lost posts that are fitted on, and which of their pairs were decided."""
    theirs = {  # items of the held-out posts are never seen
        found_id
        for lost_id, of in said.items()
        if held_out(lost_id)
        for found_id, same in of.items()
        if same
    }
    fit = {lost_id: of for lost_id, of in said.items() if not held_out(lost_id)}
    lists = label(*_sides(table), {i: {**of, NOT_HERE: False} for i, of in fit.items()})
    place = {found_id: at for at, found_id in enumerate(lists.found_ids) if found_id not in theirs}
    posts = len(lists.found_ids)
    pairs = [
        lost * posts + place[found_id]
        for lost, lost_id in enumerate(lists.lost_ids)
        for found_id in fit[lost_id]
        if found_id in place
    ]
    return lists, np.isin(lists.lost * posts + lists.found, pairs)


def _labelled(table: PostsTable, truth: str) -> LabelledPairs:
    """The table's pairs that the truth speaks of, posts of every state."""
    said = decisions.truth(table) if truth == DECISIONS else read_truth(truth)
    return label(*_sides(table), said)


def _sides(table: PostsTable) -> tuple[Iterator[Shard], Iterator[Shard]]:
    """The lost and the found posts, of every state."""
    lost = table.shards(Filters(kind="lost", status=None))
    return lost, table.shards(Filters(kind="found", status=None))


def _written(report: Evaluation, output: Path | None, progress: Progress) -> Evaluation:
    if output is not None:
        text = json.dumps(report.figures, ensure_ascii=False, indent=2) + "\n"
        write_file(output, text.encode())
        progress.say(f"written: {output}")
    return report
