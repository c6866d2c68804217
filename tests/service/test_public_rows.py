"""What the public searches: by brute force over what is shown, whatever else the posts have."""

import datetime as dt
import gc
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark.domain.districts import district
from matching_spark.domain.facts import Facts
from matching_spark.domain.posts import Filters
from matching_spark.domain.schema import METADATA, POINT
from matching_spark.knn.similarity import unit
from matching_spark.score.calibration import Calibration
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.search.rerank import look_up, merged
from matching_spark.search.scan import scan
from matching_spark.service.public.levels import Levels, week
from matching_spark.service.public.rows import UNSORTED, PublicRows, public_shard
from matching_spark.setting_groups import Service
from matching_spark.shards.arrow import arrow_fields
from matching_spark.shards.shard import IDENTIFIERS, Shard, of_rows
from tests.support import brute
from tests.support.calibrations import components, probability, random_calibration, random_facts

D = 8
LEVELS = Levels.of(Service())
SENSITIVE = (*sorted(LEVELS.sensitive), UNSORTED)
SAID = {word: unit(np.random.default_rng(i).normal(size=D)) for i, word in enumerate(SENSITIVE)}
CATEGORIES = ("카드", "증명서", "지갑", "가방", "우산꽂이", "")
PLACES = ("강남역", "서울 강남구 역삼동 1", "서울 강남구 삼성동", "해운대구", "중구", "")
SCHEMA = pa.schema(arrow_fields(*METADATA, IDENTIFIERS, *POINT, "photos", "text_vector"))


@dataclass(frozen=True)
class Row:
    plain: brute.Plain
    facts: Facts
    kind: str = "found"
    status: str = "open"


def draw(rng: np.random.Generator, post_id: str, categories: Sequence[str]) -> Row:
    text = unit(rng.normal(size=D)) if rng.random() < 0.7 else None
    photos = unit(rng.normal(size=(int(rng.integers(0 if text is not None else 1, 4)), D)))
    facts = replace(
        random_facts(rng), category=str(rng.choice(categories)), place=str(rng.choice(PLACES))
    )
    kind = "found" if rng.random() < 0.8 else "lost"
    status = "open" if rng.random() < 0.9 else "claimed"
    return Row(brute.Plain(post_id, photos, text), facts, kind, status)


def shard_of(rows: Sequence[Row]) -> Shard:
    out = []
    for each in rows:
        plain, facts = each.plain, each.facts
        photos = [
            {"uri": f"{plain.post_id}/{i}", "sha256": "", "vector": v.astype("<f4").tobytes()}
            for i, v in enumerate(plain.photos)
        ]
        row = dict.fromkeys(METADATA, f"private {plain.post_id}") | {
            "post_id": plain.post_id,
            "kind": each.kind,
            "status": each.status,
            IDENTIFIERS: facts.identifiers.split(),
            "latitude": facts.point and facts.point[0],
            "longitude": facts.point and facts.point[1],
            "photos": photos,
            "text_vector": None if plain.text is None else plain.text.astype("<f4").tobytes(),
        }
        told = ("category", "colour", "region", "place", "happened_on")
        out.append(row | {name: getattr(facts, name) for name in told})
    return of_rows(pa.Table.from_pylist(out, SCHEMA), D, "the rows")


def shown(row: Row) -> Row:
    """As the public may compare it: the rule again, by plain means."""
    plain, facts = row.plain, row.facts
    sensitive = facts.category not in ("지갑", "가방")
    if facts.category == "가방":
        return row
    day = facts.happened_on
    if day is not None:
        day += dt.timedelta(days=6 - day.weekday())
    place = district(facts.place, facts.region)
    known = "" if facts.category == "우산꽂이" else facts.category  # of no list, it tells nothing
    facts = replace(facts, happened_on=day, place=place, point=None)
    if sensitive:
        said = SAID.get(facts.category, SAID[UNSORTED])
        plain = brute.Plain(plain.post_id, np.empty((0, D)), said)
        facts = replace(facts, identifiers="", category=known)
    return replace(row, plain=plain, facts=facts)


def other_secrets(rng: np.random.Generator, row: Row) -> Row:
    """The same to the public, whatever it has that is not shown."""
    other, facts = draw(rng, row.plain.post_id, ("카드",)), row.facts
    if facts.category == "가방":
        return row
    day = facts.happened_on
    if day is not None:
        day += dt.timedelta(days=int(rng.integers(0, 7)) - day.weekday())
    alike = [p for p in PLACES if district(p, facts.region) == district(facts.place, facts.region)]
    changed = replace(facts, happened_on=day, place=str(rng.choice(alike)), point=other.facts.point)
    if facts.category == "지갑":
        return replace(row, facts=changed)
    changed = replace(changed, identifiers=other.facts.identifiers)
    return replace(row, plain=other.plain, facts=changed)


def asked(rng: np.random.Generator, has: str) -> QueryItem:
    image, text = (unit(rng.normal(size=D)) for _ in range(2))
    return QueryItem(
        image if has != "text" else None,
        text if has != "image" else None,
        random_facts(rng, "lost"),
    )


def answer(
    rows: Sequence[Row], item: QueryItem, calibration: Calibration | None, where: Filters
) -> list[tuple[str, float]]:
    request = Request((item,), where, 50, Scoring("cosine", calibration, threshold=-1.0))
    part = scan(public_shard(shard_of(rows), LEVELS, SAID), request)
    return [(m.post_id, m.score) for m in merged([part], request)[0]]


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(["image", "text", "both"]), st.booleans())
def test_the_answer_is_brute_forces_over_what_is_shown(seed: int, has: str, fused: bool) -> None:
    rng = np.random.default_rng(seed)
    categories = [CATEGORIES, ("카드", ""), ("가방",)][seed % 3]
    rows = [draw(rng, f"p{i:02d}", categories) for i in range(12)]
    item, calibration = asked(rng, has), random_calibration(seed) if fused else None
    public = [shown(row) for row in rows if (row.kind, row.status) == ("found", "open")]
    if calibration is None:
        want = brute.search([row.plain for row in public], item, 50, None)
    else:
        query = brute.Plain(
            "q", np.empty((0, D)) if item.image is None else item.image[None], item.text
        )
        scored = [
            (
                row.plain.post_id,
                probability(calibration, components(query, item.facts, row.plain, row.facts)),
            )
            for row in public
        ]
        want = [(i, s) for i, s in scored if s is not None]
    got = answer(rows, item, calibration, Filters(kind="found"))
    assert dict(got) == pytest.approx(dict(want), abs=1e-6)
    assert got == sorted(got, key=lambda pair: (-pair[1], pair[0]))


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(["image", "text", "both"]), st.booleans())
def test_no_answer_tells_what_is_not_shown(seed: int, has: str, fused: bool) -> None:
    rng = np.random.default_rng(seed)
    rows = [draw(rng, f"p{i:02d}", CATEGORIES) for i in range(12)]
    item, calibration = asked(rng, has), random_calibration(seed) if fused else None
    first = min((r.facts.happened_on for r in rows if r.facts.happened_on), default=None)
    for where in (Filters(kind="found"), Filters(since=first), Filters(until=first)):
        others = [other_secrets(rng, row) for row in rows]
        assert answer(rows, item, calibration, where) == answer(others, item, calibration, where)


def test_neither_lost_nor_closed_posts_are_there_whatever_is_asked_for() -> None:
    rng = np.random.default_rng(5)
    rows = [draw(rng, f"p{i:02d}", CATEGORIES) for i in range(40)]
    gone = {r.plain.post_id for r in rows if (r.kind, r.status) != ("found", "open")}
    assert len(gone) > 5
    for where in (Filters(kind="lost"), Filters(kind=None, status=None), Filters(status="claimed")):
        got = answer(rows, asked(rng, "both"), None, where)
        assert gone.isdisjoint(post_id for post_id, _ in got)


def test_the_rows_have_no_word_that_is_not_shown_and_share_what_is() -> None:
    rng = np.random.default_rng(6)
    cards = [draw(rng, f"p{i:02d}", ("카드",)) for i in range(9)]
    made = public_shard(shard_of(cards), LEVELS, SAID)
    assert not made.photos.counts.any()
    assert not len(made.photos.vectors)
    assert made.texts.counts.tolist() == [1] * 9
    assert (made.texts.vectors == SAID["카드"]).all()
    assert "private" not in str(made.metadata.drop(["colour"]).to_pylist())
    bags = shard_of([draw(rng, f"p{i:02d}", ("가방",)) for i in range(9)])
    made = public_shard(bags, LEVELS, SAID)
    assert made.photos is bags.photos
    assert made.texts is bags.texts


def test_the_week_of_the_calendars_last_day_ends_with_it() -> None:
    rng = np.random.default_rng(8)
    card = draw(rng, "p00", ("카드",))
    last = replace(card, facts=replace(card.facts, happened_on=dt.date.max))
    shard = public_shard(shard_of([last]), LEVELS, SAID)
    assert shard.rows(np.array([0]))[0]["happened_on"] == dt.date.max
    assert week(dt.date.max) == (dt.date(9999, 12, 27), dt.date.max)
    assert week(dt.date(2026, 11, 29)) == (dt.date(2026, 11, 23), dt.date(2026, 11, 29))


def test_a_match_has_its_own_photo_where_others_were_taken_away() -> None:
    rng = np.random.default_rng(7)
    rows = [draw(rng, f"p{i:02d}", ("카드", "가방")) for i in range(30)]
    request = Request((asked(rng, "image"),), Filters(), 50)
    shard = public_shard(shard_of(rows), LEVELS, SAID)
    found = [m for m in merged([scan(shard, request)], request)[0] if m.matched == "photo"]
    assert found
    for each in found:
        assert each.category == "가방"
        assert each.photo is not None
        assert each.photo.startswith(f"{each.post_id}/")
        assert (each.kept_at, each.kept_phone, each.source_url) == ("", "", "")
    assert look_up([[]]) == [[]]


def test_a_view_is_made_once_a_shard_and_heeds_what_is_deleted_since() -> None:
    view = PublicRows(LEVELS, SAID)
    shard = shard_of([draw(np.random.default_rng(8), f"p{i}", CATEGORIES) for i in range(6)])
    first = view(shard)
    later = view(replace(shard, alive=np.zeros(6, bool)))
    assert later.texts is first.texts
    assert not later.alive.any()
    held = view._made  # noqa: SLF001  (nothing else tells that it is let go of)
    assert len(held) == 1
    del shard, first, later
    gc.collect()
    assert not held
