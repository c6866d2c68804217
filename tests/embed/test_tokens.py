"""A text as a model's folder says, and a folder that says it wrongly."""

import json
import shutil
from pathlib import Path

import pytest

from matching_spark.embed.clip import ClipModel
from matching_spark.embed.tokens import Tokens
from matching_spark.errors import ModelError

GOLDEN = Path(__file__).parents[1] / "golden"


def test_a_text_is_filled_up_and_cut_on_the_side_that_its_folder_names(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(GOLDEN / "siglip", folder)
    said = json.loads((folder / "textual" / "tokenizer_config.json").read_text())
    of: dict[str, list[list[int]]] = {}
    for side in ("right", "left"):
        told = json.dumps(said | {"padding_side": side, "truncation_side": side})
        (folder / "textual" / "tokenizer_config.json").write_text(told)
        tokens = Tokens(folder, {}, 24)
        filled = tokens(["my keys", "my keys and umbrella " * 9], filled=True)
        of[side] = [each.ids for each in filled]
    (short, long), (filled_left, cut_left) = of["right"], of["left"]
    pads = short.count(short[-1])
    assert 0 < pads < len(short) == len(filled_left) == len(cut_left) == 24
    assert filled_left == [short[-1]] * pads + short[:-pads]
    assert cut_left != long
    assert cut_left[-1] == long[-1], "its end mark stays"
    (folder / "textual" / "tokenizer_config.json").write_text('{"padding_side": "top"}')
    with pytest.raises(ModelError, match=r"tokenizer_config\.json: padding_side 'top'"):
        ClipModel(folder).embed_texts(["a"])


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("tokenizer.json", "<<<<<<< HEAD"),
        ("tokenizer.json", "{}"),
        ("tokenizer_config.json", "[]"),
        ("tokenizer_config.json", '{"pad_token": {"id": 1}}'),
        ("tokenizer_config.json", '{"pad_token": 1}'),
    ],
)
def test_a_tokenizer_that_cannot_be_read_is_the_models(
    file: str, text: str, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(GOLDEN / "siglip", folder)
    (folder / "textual" / file).write_text(text)
    with pytest.raises(ModelError, match=str(folder)):
        ClipModel(folder).embed_texts(["a"])
