"""A text as a CLIP's text tower wants it, exactly as its folder says.

The rules are open_clip's (`tokenizer.py`), so that a model gives the vectors that it gives there.
"""

import html
import re
import string
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matching_spark.embed.hub import part, read_json
from matching_spark.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# Of a text: a tower takes 77 tokens at most, and to clean nested &amp;amp; costs the square of it.
WORDS_CHARS = 4_000
PLAIN = re.compile("[0-9A-Za-z가-힣 ,.?!-]*")  # in which ftfy finds nothing to mend
SIDES = ("right", "left")
CLEANINGS = ("lower", "whitespace", "canonicalize")


class Tokens:
    """Of a model's folder. text_config: text_cfg of its config.json; most: tokens of a text, more
    are cut off.

    Nothing is read before the first text: a photo needs none of it.
    """

    def __init__(self, folder: Path, text_config: Mapping[str, Any], most: int) -> None:
        self._folder, self._text_config, self._most = folder, text_config, most

    def __call__(self, texts: Sequence[str], filled: bool) -> "list[Encoding]":
        """filled: as many tokens as a text may have, else as many as each has, and one at least.

        Raises ModelError for a folder whose tokenizer is not understood.
        """
        encodings: list[Encoding] = self._tokenizer.encode_batch([self._clean(t) for t in texts])
        padding = self._padding
        for each in encodings:
            if filled or not each.ids:  # of no token at all there is nothing to weigh
                each.pad(self._most, **padding)
        return encodings

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer  # a search by a vector or a post embeds nothing

        path = self._folder / "textual" / "tokenizer.json"
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises nothing narrower
            raise ModelError(f"{path} cannot be read: {error}") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(self._most, direction=self._side("truncation_side"))
        return tokenizer

    @cached_property
    def _config(self) -> dict[str, Any]:
        return read_json(self._folder / "textual" / "tokenizer_config.json")

    @cached_property
    def _padding(self) -> dict[str, Any]:
        """The token that a text is filled up with, in the words of `Encoding.pad`."""
        pad = self._config.get("pad_token") or "<pad>"
        token = pad.get("content") if isinstance(pad, dict) else pad
        number = self._tokenizer.token_to_id(token) if isinstance(token, str) else None
        if number is None:
            raise ModelError(f"{self._folder}: its tokenizer has no padding token {token!r}")
        side = self._side("padding_side")
        return {"pad_token": token, "pad_id": number, "direction": side}

    def _side(self, name: str) -> str:
        """On which a text is cut or filled up: a tower may read its last token alone."""
        side = self._config.get(name) or "right"
        if side not in SIDES:
            raise ModelError(
                f"{self._folder}/textual/tokenizer_config.json: {name} {side!r} is not known; "
                f"{', '.join(SIDES)} are"
            )
        return str(side)

    @cached_property
    def _cleaning(self) -> str:
        """open_clip's: its own tokenizer lowers, a Hugging Face one only minds white space."""
        where = f"{self._folder}/config.json"
        asked = part(self._text_config, "tokenizer_kwargs", where)
        named = self._text_config.get("hf_tokenizer_name")
        cleaning = asked.get("clean", "whitespace" if named else "lower")
        if cleaning not in CLEANINGS or asked.get("strip_sep_token"):
            raise ModelError(
                f"{where}: tokenizer_kwargs {asked} are not known; clean may be "
                f"{', '.join(CLEANINGS)}"
            )
        return str(cleaning)

    def _clean(self, text: str) -> str:
        """As open_clip's basic_clean, whitespace_clean and canonicalize_text."""
        cut = text[:WORDS_CHARS]
        if not PLAIN.fullmatch(cut):
            import ftfy  # some 50 ms, and most words that are searched by are plain

            cut = ftfy.fix_text(cut)
        text = " ".join(html.unescape(html.unescape(cut)).split())
        if self._cleaning == "canonicalize":
            text = text.replace("_", " ").translate(str.maketrans("", "", string.punctuation))
            text = " ".join(text.split())
        return text if self._cleaning == "whitespace" else text.lower()
