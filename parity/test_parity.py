"""open_clip in torch and this project on ONNX Runtime give the same vectors: `make test-parity`.

With the same weights (random ones, nothing is downloaded), photos and texts. Random towers map all
inputs near one point, where a cosine of 0.9999 says little: the differences are also held against
the distances between inputs. MATCHING_GOLDEN=1 writes the small models' vectors to tests/golden.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig
from typer.testing import CliRunner

from matching_spark.cli.app import app
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.open_clip_export import export_model
from tests.support.odd import TEXTS, odd_images

Pair = tuple[str, Any, Any, Any, ClipModel]  # of open_clip, which has no types, three
GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
VISION = {"image_size": 64, "layers": 1, "width": 32, "head_width": 32, "patch_size": 16}
SIGLIP = {
    "embed_dim": 32,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": VISION | {"pool_type": "avg"},
    "text_cfg": {
        "context_length": 24,
        "vocab_size": 400,
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "width": 32,
        "heads": 2,
        "layers": 1,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
    },
}
XLMR = {"embed_dim": 32, "custom_text": True, "vision_cfg": VISION, "text_cfg": {}}
WANTS: dict[str, dict[str, Any]] = {
    "siglip": {
        "image_resize_mode": "squash",
        "image_mean": (0.5,) * 3,
        "image_std": (0.5,) * 3,
    },
    "xlmr": {"image_resize_mode": "longest", "image_interpolation": "bilinear"},
    "ViT-B-32": {},
}


def hugging_face_tokenizer(folder: Path, template: str) -> None:
    """A small tokenizer of the texts themselves, in the form that transformers loads."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    made.train_from_iterator(TEXTS * 3, trainer)
    made.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>"}
    PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder)


@pytest.fixture(scope="module", params=["ViT-B-32", "siglip", "xlmr"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """(name, open_clip's model, transform and tokenizer, our model of the same weights)."""
    name = request.param
    work = tmp_path_factory.mktemp(name)
    torch.manual_seed(7)
    if name != "ViT-B-32":
        config = json.loads(json.dumps(SIGLIP if name == "siglip" else XLMR))
        words = work / "words"
        hugging_face_tokenizer(words, "$A </s>" if name == "siglip" else "<s> $A </s>")
        if name == "xlmr":
            XLMRobertaConfig(
                vocab_size=400,
                hidden_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=80,
                pad_token_id=1,
            ).save_pretrained(words)
            config["text_cfg"] = {
                "hf_model_name": str(words),
                "hf_proj_type": "mlp",
                "hf_pooler_type": "mean_pooler",
                "context_length": 24,
            }
        config["text_cfg"]["hf_tokenizer_name"] = str(words)
        (work / f"{name}.json").write_text(json.dumps(config))
        open_clip.add_model_config(work / f"{name}.json")
    model, _, transform = open_clip.create_model_and_transforms(
        name, pretrained_hf=False, **WANTS[name]
    )
    tokenizer = open_clip.get_tokenizer(name)
    with torch.no_grad():  # wider apart than a fresh model's, as trained weights are
        for parameter in model.parameters():
            parameter.mul_(1.5) if parameter.ndim > 1 else None
    folder = work / "folder"
    export_model(model.eval(), tokenizer, open_clip.get_model_config(name), folder)
    return name, model, transform, tokenizer, ClipModel(folder)


def held(ours: np.ndarray, theirs: torch.Tensor) -> None:
    want = torch.nn.functional.normalize(theirs, dim=-1).numpy()
    assert (ours * want).sum(axis=1).min() >= 0.9999
    apart = np.linalg.norm(want[:, None] - want[None], axis=2)
    typical = np.median(apart[np.triu_indices(len(want), 1)])
    assert np.linalg.norm(ours - want, axis=1).max() < 0.02 * typical


def test_photos(pair: Pair) -> None:
    name, model, transform, _, ours = pair
    images = odd_images()
    with torch.no_grad():
        theirs = torch.cat([model.encode_image(transform(i)[None]) for i in images])
    vectors = ours.embed_images(images)
    held(vectors, theirs)
    for image in images:
        assert np.abs(ours.preprocess(image) - transform(image).numpy()).max() < 1e-5
    if os.environ.get("MATCHING_GOLDEN") and name != "ViT-B-32":
        keep(name, ours, theirs, model.encode_text(pair[3](TEXTS)).detach())


def test_texts(pair: Pair) -> None:
    _, model, _, tokenizer, ours = pair
    with torch.no_grad():
        held(ours.embed_texts(TEXTS), model.encode_text(tokenizer(TEXTS)))


def test_the_command_makes_a_folder(pair: Pair, tmp_path: Path) -> None:
    name = pair[0]
    if name != "siglip":
        pytest.skip("the smallest of them says it")
    folder = tmp_path / "made"
    run = CliRunner()
    done = run.invoke(app, ["models", "export", name, str(folder), "--json"])
    assert done.exit_code == 0, done.output
    made = ClipModel(folder)
    assert made.preprocess.size == (64, 64)
    assert np.abs(np.linalg.norm(made.embed_texts(TEXTS), axis=1) - 1).max() < 1e-5
    assert run.invoke(app, ["models", "export", name, str(folder)]).exit_code != 0  # not over it


def keep(name: str, ours: ClipModel, images: torch.Tensor, texts: torch.Tensor) -> None:
    import shutil

    shutil.rmtree(GOLDEN / name, ignore_errors=True)
    shutil.copytree(ours.folder, GOLDEN / name)
    np.savez(
        GOLDEN / name / "golden.npz",
        images=torch.nn.functional.normalize(images, dim=-1).numpy(),
        texts=torch.nn.functional.normalize(texts, dim=-1).numpy(),
    )
