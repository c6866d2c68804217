"""A cosine becomes a probability by what was learnt of the model, and by nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matching_spark.embed.clip import ClipModel
from matching_spark.embed.confidence import FILE, Scale, confidence_of
from matching_spark.embed.drawings import Drawings
from matching_spark.errors import ModelError
from matching_spark.knn.similarity import unit


@pytest.mark.parametrize("sharpness", [0.5, 30.0, 5000.0])
def test_probabilities_are_a_softmax_over_the_names_and_none(sharpness: float) -> None:
    scores = np.random.default_rng(0).uniform(-1, 1, (20, 7))
    scale = Scale(sharpness, 0.3)
    got = scale.probabilities(scores)
    with np.errstate(over="ignore"):
        raised = np.exp(np.clip(sharpness * (scores - 0.3), -700, 700))
    if sharpness < 1000:  # beyond it, brute force overflows
        np.testing.assert_allclose(got, raised / (raised.sum(axis=1, keepdims=True) + 1))
    assert np.isfinite(got).all()
    assert (got >= 0).all()
    assert (got.sum(axis=1) <= 1 + 1e-12).all()
    assert (got.argmax(axis=1) == scores.argmax(axis=1)).all()
    before = np.linspace(0, 1, 7)
    np.testing.assert_allclose(
        scale.probabilities(scores, before), scale.probabilities(scores + before / sharpness)
    )
    far = scale.probabilities(np.full((1, 7), -0.9))
    assert far.sum() < scale.probabilities(np.full((1, 7), 0.9)).sum()


def test_a_photo_is_named_as_a_drawing_by_how_likely_it_is_one() -> None:
    rng = np.random.default_rng(0)
    photos = unit(rng.normal(size=(50, 16)).astype(np.float32))
    named = rng.dirichlet(np.full(9, 0.3), 50)[:, :-1]  # of eight things, and none
    things = rng.normal(0, 2, (6, 17))  # five are drawn
    for shift in (-1e4, 0.0, 1e4):
        drawings = Drawings.of(np.append(rng.normal(0, 5, 16), shift), things)
        seen, got = drawings.seen(photos), drawings.things_of(photos, named)
        whole = np.column_stack([photos, np.ones(50)]).astype(np.float64)
        raised = np.exp(whole @ things.astype(np.float16).astype(np.float64).T)
        drawn = np.pad((raised / raised.sum(axis=1, keepdims=True))[:, :-1], ((0, 0), (0, 3)))
        want = seen[:, None] * drawn + (1 - seen[:, None]) * named
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
        assert (got.sum(axis=1) <= 1 + 1e-12).all()
        if shift:
            assert (seen == (shift > 0)).all()
        np.testing.assert_allclose(drawings.sharper(2).logits(photos), 2 * drawings.logits(photos))


def copied(clip: ClipModel, folder: Path, **changes: Any) -> ClipModel:
    """The model in another folder, with a describe.json that differs in this."""
    shutil.copytree(clip.folder, folder)
    content = json.loads((clip.folder / FILE).read_text("utf-8"))
    (folder / FILE).write_text(json.dumps(content | changes), "utf-8")
    return ClipModel(folder)


def test_it_goes_with_the_models_files_whatever_the_folder_is_called(
    clip: ClipModel, tmp_path: Path
) -> None:
    assert confidence_of(copied(clip, tmp_path / "other name")) == confidence_of(clip)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": 1}, "format"),
        ({"drawings": {"gate": [0.0], "things": ""}}, "drawings.gate"),
        ({"drawings": {"gate": [0.0] * 257, "things": "é"}}, "drawings.things"),
        ({"drawings": {"gate": [0.0] * 257, "things": "AAA"}}, "drawings.things"),
        ({"drawings": {"gate": [0.0] * 257, "things": "AAAA"}}, "drawings.things: 3 bytes"),
        ({"drawings": {"gate": [0.0] * 257, "things": "AHwA" + "fAB8" * 39237}}, "drawings.things"),
        ({"drawings": {"gate": [1e9] * 257, "things": ""}}, "drawings.gate.0"),
        ({"cuts": {"thing": 0.5, "category": 0.5}}, "cuts.colour"),
        ({"cuts": {"thing": 0.5, "category": 0.5, "colour": 1.5}}, "cuts.colour"),
        ({"things": {"sharpness": 0.0, "nothing": 0.2}}, "things.sharpness"),
        ({"things": {"sharpness": "30", "nothing": 0.2}}, "things.sharpness"),
        ({"things": {"sharpness": float("nan"), "nothing": 0.2}}, "things.sharpness"),
        ({"things": {"sharpness": 1e308, "nothing": 0.2}}, "things.sharpness"),
        ({"often": 1e308}, "often"),
        ({"colours": {"sharpness": 9.0, "nothing": 2.0}}, "colours.nothing"),
        ({"often": -1.0}, "often"),
        ({"centre": []}, "centre"),
        ({"centre": [0.1, "0.2"]}, "centre.1"),
        ({"more": 1}, "more"),
        ({"model": "small-clip@0123456789ab"}, "small-clip@0123456789ab"),
    ],
)
def test_a_spoilt_one_is_refused_with_its_place_and_the_remedy(
    clip: ClipModel, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    model = copied(clip, tmp_path / "model", **changes)
    with pytest.raises(ModelError, match=r"training/describe\.py") as refused:
        confidence_of(model)
    assert told in str(refused.value)
    assert str(model.folder / FILE) in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_so_is_what_is_no_json(clip: ClipModel, tmp_path: Path, content: bytes) -> None:
    model = copied(clip, tmp_path / "model")
    (model.folder / FILE).write_bytes(content)
    with pytest.raises(ModelError, match=r"describe\.json cannot be used: .*training/describe.py"):
        confidence_of(model)


def test_a_model_without_it_says_what_to_do(clip: ClipModel, tmp_path: Path) -> None:
    model = copied(clip, tmp_path / "model")
    (model.folder / FILE).unlink()
    with pytest.raises(ModelError, match=r"has no describe\.json.*training/describe.py"):
        confidence_of(model)
