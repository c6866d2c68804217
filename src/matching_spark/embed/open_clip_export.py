"""An open_clip model as a model folder; needs torch, open_clip and onnx, as nothing else does."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx  # noqa: F401  (torch's exporter needs it; asked for here, so that its lack is named)
import open_clip
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

OPSET = 17
# Of two lengths: what a tower does with padding must be seen when it is traced.
EXAMPLES = ["a photo of a wallet", "검정 지갑을 어제 지하철에서 잃어버렸어요"]


def export_pretrained(architecture: str, pretrained: str | None, folder: Path) -> None:
    """By open_clip's names; fetched by open_clip."""
    model = open_clip.create_model(architecture, pretrained=pretrained)
    tokenizer = open_clip.get_tokenizer(architecture)
    config = open_clip.get_model_config(architecture)
    export_model(model, tokenizer, config, folder)


def export_model(model: Any, tokenizer: Any, config: Mapping[str, object], folder: Path) -> None:
    """A model of open_clip in memory, with its tokenizer and its architecture's configuration.

    Both are Any: torch and open_clip are not here when this is checked.
    """
    model.eval()
    visual, textual = folder / "visual", folder / "textual"
    for path in (visual, textual):
        path.mkdir(parents=True, exist_ok=True)
    wants = open_clip.get_model_preprocess_cfg(model)
    height, width = _pair(wants["size"])
    towers = (
        (_Tower(model.encode_image), torch.rand(2, 3, height, width), visual, "image"),
        (_Tower(model.encode_text), tokenizer(EXAMPLES), textual, "text"),
    )
    for tower, example, path, name in towers:
        tower.model = model  # its weights belong to what is exported
        tower.eval()  # the exporter gives the mode back to all below, and dropout with it
        torch.onnx.export(
            tower,
            (example,),
            str(path / "model.onnx"),
            input_names=[name],
            output_names=[f"{name}_embedding"],
            dynamic_axes={name: {0: "batch"}, f"{name}_embedding": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    _write(folder / "config.json", config)
    _write(visual / "preprocess_cfg.json", wants)
    if isinstance(tokenizer, open_clip.tokenizer.HFTokenizer):
        tokenizer.tokenizer.save_pretrained(str(textual))
    else:
        _clip_tokenizer(tokenizer).save(str(textual / "tokenizer.json"))
        # open_clip fills up with zeros, which is the token of "!".
        _write(textual / "tokenizer_config.json", {"pad_token": "!"})


class _Tower(torch.nn.Module):  # type: ignore[misc]  # likewise, so that its base is Any
    """One of a model's two functions, as the module that the exporter asks for."""

    def __init__(self, encode: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.encode = encode

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.encode(batch, normalize=True)
        return out


def _clip_tokenizer(simple: Any) -> Tokenizer:
    """open_clip's own tokenizer in the form of the tokenizers library."""
    ranked = sorted(simple.bpe_ranks, key=simple.bpe_ranks.get)
    out = Tokenizer(models.BPE(simple.encoder, ranked, end_of_word_suffix="</w>"))
    out.normalizer = normalizers.Lowercase()
    words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    out.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    out.decoder = decoders.ByteLevel()
    start, end = "<start_of_text>", "<end_of_text>"
    out.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(start, simple.sot_token_id), (end, simple.eot_token_id)],
    )
    return out


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _write(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
