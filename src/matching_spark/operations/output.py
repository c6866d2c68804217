"""The ways out of a search's result: JSON, CSV, a page."""

import base64
import html
import io
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from string import Template

from PIL import Image

from matching_spark.domain import sheets
from matching_spark.domain.results import Match, SearchResult
from matching_spark.embed.photos import open_photo
from matching_spark.errors import MatchingError, UsageError
from matching_spark.storage import write_file

THUMBNAIL_SIDE = 360  # px
ENDINGS = (".json", ".csv", ".html")


def to_json(result: SearchResult) -> str:
    """Scores as they are, not rounded."""
    return json.dumps(result.to_dict(), ensure_ascii=False, indent=2) + "\n"


def to_csv(result: SearchResult) -> bytes:
    """A sheet, as domain.sheets writes it."""
    columns = [f.name for f in fields(Match) if f.name not in ("components", "contributions")]
    return sheets.to_csv(columns, (match.to_dict() for match in result.matches))


def to_html(
    result: SearchResult, load: Callable[[str], bytes], query_photo: bytes | None = None
) -> str:
    """One page that needs nothing else: the query beside its matches, photos inside it.

    load: the bytes of a photo's uri; a photo that cannot be had leaves a blank frame.
    """
    page = Template((Path(__file__).parent / "results.html").read_text(encoding="utf-8"))
    image = Path(result.query.get("image") or "").name
    asked = result.query.get("text") or result.query.get("post_id") or image
    cards = "".join(_card(match, load) for match in result.matches)
    empty = (
        "<p class=empty>기준 점수에 이른 게시물이 없습니다. 기준을 낮추거나 조건을 줄여 보세요.</p>"
    )
    return page.substitute(
        query=_figure(query_photo),
        asked=html.escape(asked),
        cards=cards or empty,
        count=len(result.matches),
        searched=f"{result.searched:,}",
        seconds=f"{result.elapsed_ms['total'] / 1000:.2f}",
        threshold="없음" if result.threshold is None else f"{result.threshold:g}",
        model=html.escape(result.model),
        score_kind=html.escape(result.score_kind),
    )


def _card(match: Match, load: Callable[[str], bytes]) -> str:
    data = None
    if match.photo:
        try:
            data = load(match.photo)
        except (FileNotFoundError, MatchingError):
            data = None
    e = html.escape
    day = "" if match.happened_on is None else match.happened_on.isoformat()
    facts = "".join(
        f"<span>{e(x)}</span>" for x in (match.category, match.colour, day, match.place) if x
    )
    width = max(0.0, min(1.0, match.score)) * 100
    return (
        f"<article>{_figure(data)}<div class=body><div class=head><b>{match.rank}</b>"
        f"<meter min=0 max=100 value={width:.1f}></meter><output>{match.score:.3f}</output></div>"
        f"<h2>{e(match.title or match.post_id)}</h2><p class=facts>{facts}</p>"
        f"<p class=why>{e(match.why)}</p>"
        f"<p class=kept>{e(match.kept_at)} {e(match.kept_phone)}</p>"
        f"<p class=id>{e(match.post_id)}</p></div></article>"
    )


def _figure(data: bytes | None) -> str:
    if data is None:
        return "<div class='photo none'>사진 없음</div>"
    try:
        image = open_photo(data)
    except MatchingError:
        return "<div class='photo none'>사진 없음</div>"
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    encoded = base64.b64encode(out.getvalue()).decode()
    return f"<img class=photo alt='' src='data:image/jpeg;base64,{encoded}'>"


def check_output(path: Path) -> None:
    """Raise UsageError, before any work is done, unless the ending says a known format."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(
            f"{path}: the ending must be one of {', '.join(ENDINGS)}", argument="output"
        )


def write_output(
    result: SearchResult, path: Path, load: Callable[[str], bytes], query_photo: bytes | None = None
) -> None:
    """Write the format that the ending says, whole or not at all."""
    check_output(path)
    ending = path.suffix.lower()
    if ending == ".json":
        data = to_json(result).encode()
    elif ending == ".csv":
        data = to_csv(result)
    else:
        data = to_html(result, load, query_photo).encode()
    write_file(path, data)
