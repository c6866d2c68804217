"""Pages for people: a search's result, and pairs side by side. One file each, photos in it."""

import base64
import html
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

from matching_spark.domain.dates import parse_date
from matching_spark.domain.posts import is_web_address
from matching_spark.domain.results import Match, Pair, SearchResult
from matching_spark.domain.told import KINDS, WEEKDAYS, limit, percent, told
from matching_spark.domain.vocabulary import OF_FACTS
from matching_spark.embed.photos import jpeg, open_photo
from matching_spark.errors import MatchingError
from matching_spark.score.components import Language

THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 320, 78  # px; of JPEG: 8 to 16 kB a photo
MAX_PHOTOS = 20 << 20  # characters of all photos on a page, a third more than their bytes
TEL = re.compile(r"\+?[\d][\d\s().-]{5,24}")  # a number and nothing else
FACTS = ("category", "colour", "region", "place", "happened_on")
WORDS: dict[str, Mapping[Language, str]] = {
    "search": {"ko": "찾는 물건", "en": "What is looked for"},
    "found": {"ko": "찾은 게시물 {n:,}건", "en": "{n:,} alike"},
    "below": {"ko": "가능성이 낮은 게시물 {n:,}건", "en": "{n:,} that are unlikely"},
    "nothing": {
        "ko": "기준 점수 이상인 게시물이 없습니다. 기준 점수를 낮추거나 조건을 줄여 보세요.",
        "en": "No post reached the threshold. Lower it, or ask with fewer filters.",
    },
    "in doubt": {
        "ko": "뚜렷하게 맞는 게시물이 없습니다. 날짜, 장소, 색을 더 알려 주세요.",
        "en": "Nothing stands out. Tell more of it: the day, the place, the colour.",
    },
    "absent": {
        "ko": "아직 들어온 물건이 없는 것 같습니다 (없을 확률 {p})",
        "en": "It is not here yet (probability {p})",
    },
    "not here": {"ko": "여기 없을 확률 {p}.", "en": "Not here: {p}."},
    "compared": {
        "ko": "게시물 {n:,}건을 {s:.2f}초에 비교했습니다. "
        "점수: {kind}, 기준 점수: {limit}, 모델: {model}",
        "en": "{n:,} posts compared in {s:.2f} s. Score: {kind}, threshold {limit}. Model {model}",
    },
    "pairs": {"ko": "분실물과 습득물 {n:,}쌍", "en": "{n:,} pairs of lost and found"},
    "more": {
        "ko": "모두 {total:,}쌍 가운데 점수가 높은 {n:,}쌍입니다. 전체는 CSV 파일에 있습니다.",
        "en": "The {n:,} best of {total:,} pairs. A .csv file has them all.",
    },
    "left out": {
        "ko": "페이지가 너무 커지지 않도록 사진 {n:,}장은 싣지 않았습니다.",
        "en": "{n:,} photos are left out, so that the page is not too large.",
    },
    "no photo": {"ko": "사진 없음", "en": "no photo"},
    "no pairs": {"ko": "맞춰 볼 쌍이 없습니다.", "en": "There is no pair."},
    "lost": {"ko": "분실물", "en": "lost"},
    "is found": {"ko": "습득물", "en": "found"},
    "confirmed": {"ko": "같은 물건으로 판정", "en": "confirmed"},
    "rejected": {"ko": "다른 물건으로 판정", "en": "rejected"},
    "differs": {"ko": "다름", "en": "differs"},
    "text": {"ko": "설명", "en": "words"},
    "image": {"ko": "사진", "en": "photo"},
    "embedding": {"ko": "벡터", "en": "vector"},
    "post_id": {"ko": "번호", "en": "id"},
    "kind": {"ko": "구분", "en": "kind"},
    "category": {"ko": "종류", "en": "category"},
    "colour": {"ko": "색", "en": "colour"},
    "region": {"ko": "지역", "en": "region"},
    "place": {"ko": "장소", "en": "place"},
    "happened_on": {"ko": "날짜", "en": "day"},
    "since": {"ko": "시작일", "en": "from"},
    "until": {"ko": "종료일", "en": "until"},
    "status": {"ko": "상태", "en": "state"},
    "kept_at": {"ko": "보관 장소", "en": "kept at"},
    "source_url": {"ko": "원본 게시물", "en": "source"},
    "filters": {"ko": "조건", "en": "only"},
    "open": {"ko": "진행 중", "en": "open"},
    "claimed": {"ko": "반환", "en": "claimed"},
    "withdrawn": {"ko": "철회", "en": "withdrawn"},
    "expired": {"ko": "보관 기간 만료", "en": "expired"},
}


def search_page(
    result: SearchResult,
    load: Callable[[str], bytes],
    query_photo: bytes | None = None,
    language: Language = "ko",
) -> str:
    """What was asked, and its matches as cards; those that are not worth a look apart.

    load: the bytes of a photo's uri; a photo that cannot be had leaves a blank frame.
    """
    page = _Page(load, language)
    say, kind = page.say, result.score_kind
    above, below = result.likely, result.unlikely
    parts = [page.asked(result.query, query_photo)]
    sure = "" if result.not_here is None else percent(result.not_here)
    absent = result.nothing and sure
    found = say("found", n=len(above)) if above else say("in doubt" if below else "nothing")
    if absent:
        parts.append(f"<h2>{say('absent', p=html.escape(sure))}</h2>")
    if above or not absent:
        parts.append(f"<h2>{found}</h2>")
    if above:
        parts.append(page.cards(above, kind))
    if below:
        parts += [f"<h2 class=soft>{say('below', n=len(below))}</h2>", page.cards(below, kind)]
    bound = html.escape(limit(result.threshold, language))
    seconds, model = result.elapsed_ms["total"] / 1000, html.escape(result.model)
    how = {"kind": KINDS[kind][language], "limit": bound, "model": model}
    counted = say("compared", n=result.searched, s=seconds, **how)
    rest = say("not here", p=html.escape(sure)) if sure and not absent else ""
    parts.append(f"<p class=soft>{rest} {counted} {page.left_out()}</p>")
    return page.of(say("search"), f"<main>{''.join(parts)}</main>")


def pairs_page(
    pairs: Iterable[Pair], total: int, load: Callable[[str], bytes], language: Language = "ko"
) -> str:
    """Lost and found side by side, pair after pair. total: of how many these are the best."""
    page = _Page(load, language)
    articles = [page.pair(pair) for pair in pairs]
    title = page.say("pairs", n=len(articles)) if articles else page.say("no pairs")
    more = page.say("more", n=len(articles), total=total) if total > len(articles) else ""
    body = f"<h1>{title}</h1><p class=soft>{more} {page.left_out()}</p>{''.join(articles)}"
    return page.of(title, f"<main class=pairs>{body}</main>")


class _Page:
    """What a page is made of, in one language; each photo is made small once.

    Photos come until they have MAX_PHOTOS together: the best stand first.
    """

    def __init__(self, load: Callable[[str], bytes], language: Language) -> None:
        self.language = language
        self._small = cache(lambda uri: self._figure(loaded(load, uri)))
        self._room, self._without = MAX_PHOTOS, 0

    def figure(self, uri: str | None) -> str:
        """A post's photo; a blank frame where there is none, or no room for it."""
        if uri and self._room:
            shown = self._small(uri)
            if len(shown) <= self._room:
                self._room -= len(shown)
                return shown
            self._room = 0
        self._without += bool(uri)
        return self._figure(None)

    def left_out(self) -> str:
        """How many photos had no room, in words, or nothing."""
        return self.say("left out", n=self._without) if self._without else ""

    def of(self, title: str, body: str) -> str:
        page = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
        return page.substitute(language=self.language, title=title, body=body)

    def say(self, name: str, **values: object) -> str:
        return WORDS[name][self.language].format(**values)

    def asked(self, query: Mapping[str, Any], photo: bytes | None) -> str:
        """The question: its photo where it has one, its words or its post, and the filters."""
        title = query.get("title") or query.get("text") or query.get("post_id") or ""
        named = ("text", "post_id", *FACTS)
        rows = [(n, query[n]) for n in named if query.get(n) and query[n] != title]
        rows += [(name, Path(query[name]).name) for name in ("image", "embedding") if name in query]
        only = [f"{self.say(n)} {self.told(n, value)}" for n, value in _only(query).items()]
        told = [(self.say(name), self.told(name, value)) for name, value in rows]
        told += [(self.say("filters"), ", ".join(only))] if only else []
        facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in told)
        figure = "" if photo is None else self._figure(photo)
        what = self.say("search")
        head = f"<p class=soft>{what}</p>" if title else ""
        head += f"<h1>{html.escape(title) or what}</h1>"
        return f"<section class=asked>{figure}<div>{head}<dl>{facts}</dl></div></section>"

    def cards(self, matches: Iterable[Match], kind: str) -> str:
        cards = "".join(self._card(each, kind) for each in matches)
        return f"<section class=cards>{cards}</section>"

    def _card(self, match: Match, kind: str) -> str:
        score = told(match, kind, self.language)
        post = match.to_dict()
        facts = [self.told(name, post[name]) for name in FACTS if post[name]]
        state = "" if match.status == "open" else f" <em>{self.told('status', match.status)}</em>"
        return (
            f"<article class='{match.band}'>{self.figure(match.photo)}<div class=body>"
            f"<p class=score>{match.rank}. {html.escape(score)}</p>"
            f"<h3>{self._title(post)}{state}</h3><p>{', '.join(facts)}</p>"
            f"<p class=why>{html.escape(match.why)}</p>"
            f"<p class=soft>{self.kept(post)}</p><p class=id>{html.escape(match.post_id)}</p>"
            "</div></article>"
        )

    def pair(self, pair: Pair) -> str:
        score = told(pair, pair.score_kind, self.language)
        decided = f"<em>{self.say(pair.decided)}</em>" if pair.decided else ""
        both = (pair.lost, pair.found)

        def row(name: str, cells: Iterable[str], mark: str = "") -> str:
            lost, found = cells
            return f"<tr><th scope=row>{name}</th><td>{lost}</td><td>{found}{mark}</td></tr>"

        rows = [
            row("", (self.figure(post["photo"]) for post in both)),
            row("", (f"<h3>{self._title(post)}</h3>" for post in both)),
        ]
        for name in (*FACTS, "status"):
            values = [post[name] for post in both]
            if any(values):
                lists = OF_FACTS.get(name)
                differs = lists and values[0] != values[1] and {*values} <= lists.telling
                mark = f"<em>{self.say('differs')}</em>" if differs else ""
                rows.append(row(self.say(name), (self.told(name, v) for v in values), mark))
        rows.append(row(self.say("kept_at"), (self.kept(post) for post in both)))
        ids = (f"<span class=id>{html.escape(post['post_id'])}</span>" for post in both)
        rows.append(row(self.say("post_id"), ids))
        return (
            f"<article class='pair {pair.band}'><header>"
            f"<span class=score>{html.escape(score)}</span>"
            f"{decided}<span class=why>{html.escape(pair.why)}</span></header>"
            f"<table><colgroup><col class=name><col><col></colgroup><thead><tr><th></th>"
            f"<th>{self.say('lost')}</th><th>{self.say('is found')}</th></tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table></article>"
        )

    def told(self, name: str, value: Any) -> str:
        """A field's value as it is read: a word in the language, a day with its weekday."""
        if not value:
            return ""
        if name in OF_FACTS and self.language == "en":
            word = OF_FACTS[name].english(str(value))
            value = word.title() if name == "region" else word
        elif name in ("status", "kind"):
            value = self.say("is found" if value == "found" else str(value))
        elif name in ("happened_on", "since", "until") and (day := parse_date(value)):
            weekday = WEEKDAYS[self.language][day.weekday()]
            return f"<span class=day>{day.isoformat()} ({weekday})</span>"
        return html.escape(str(value))

    def kept(self, post: Mapping[str, Any]) -> str:
        """Where a thing is kept, its office's number to call, and the announcement itself."""
        phone = post["kept_phone"] or ""
        number = html.escape(phone)
        if TEL.fullmatch(phone):
            called = phone.replace("(0)", "") if phone.startswith("+") else phone  # (0): at home
            number = f"<a class=tel href='tel:{re.sub(r'[^0-9+]', '', called)}'>{number}</a>"
        link = ""
        if is_web_address(url := post["source_url"] or ""):
            link = (
                f"<a class=tel href='{html.escape(url)}' target=_blank rel='noopener noreferrer'>"
                f"{self.say('source_url')}</a>"
            )
        return " ".join(filter(None, (html.escape(post["kept_at"] or ""), number, link)))

    def _title(self, post: Mapping[str, Any]) -> str:
        return html.escape(post["title"] or post["subcategory"] or post["post_id"])

    def _figure(self, data: bytes | None) -> str:
        blank = f"<div class='photo none'>{self.say('no photo')}</div>"
        if data is None:
            return blank
        try:
            image = open_photo(data)
        except MatchingError:
            return blank
        image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
        encoded = base64.b64encode(jpeg(image, THUMBNAIL_QUALITY)).decode()
        return f"<img class=photo alt='' src='data:image/jpeg;base64,{encoded}'>"


def loaded(load: Callable[[str], bytes], uri: str | None) -> bytes | None:
    """A photo's bytes; None where there is no uri, or nothing of it can be had any more."""
    try:
        return load(uri) if uri else None
    except (FileNotFoundError, MatchingError):
        return None


def _only(query: Mapping[str, Any]) -> dict[str, str]:
    """The filters that say something: all that is asked is open."""
    filters: dict[str, str] = query.get("filters", {})
    return {n: v for n, v in filters.items() if (n, v) != ("status", "open")}
