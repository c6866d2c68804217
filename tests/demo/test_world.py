"""The demo's world: same seed, same bytes; one true counterpart a lost thing."""

import collections
import datetime as dt
import json
from pathlib import Path

from PIL import Image

from matching_spark.demo.world import World, draw_world
from matching_spark.domain.posts import Post
from matching_spark.domain.vocabulary import CATEGORIES, COLOUR, REGION
from matching_spark.sources import read_posts


def contents(world: World) -> dict[str, bytes]:
    folder = world.folder
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    first = contents(draw_world(tmp_path / "a", 12, 1))
    assert first == contents(draw_world(tmp_path / "b", 12, 1))
    assert first != contents(draw_world(tmp_path / "c", 12, 2))


def test_the_world_is_one_an_operator_would_know(world: World) -> None:
    found = [json.loads(line) for line in world.found.read_text("utf-8").splitlines()]
    lost = [json.loads(line) for line in world.lost.read_text("utf-8").splitlines()]
    truth = [json.loads(line) for line in world.truth.read_text("utf-8").splitlines()]
    by_id = {post["post_id"]: post for post in found + lost}
    assert len(by_id) == len(found) + len(lost) == 40
    pairs = [(t["lost_id"], t["found_id"]) for t in truth if t["same"]]
    assert {a for a, _ in pairs} == {post["post_id"] for post in lost}
    assert len({b for _, b in pairs}) == len(pairs)
    for a, b in pairs:
        assert by_id[a]["happened_on"] <= by_id[b]["happened_on"]
        assert (by_id[a]["category"], by_id[a]["colour"]) == (
            by_id[b]["category"],
            by_id[b]["colour"],
        )
    for post in by_id.values():
        assert post["category"] in CATEGORIES
        assert post["colour"] in COLOUR.words
        assert post["region"] in REGION.words
        dt.date.fromisoformat(post["happened_on"])
    for photo in (world.folder / "photos").glob("*.jpg"):
        with Image.open(photo) as image:
            assert 400 <= min(image.size) <= max(image.size) <= 1200
    assert all(isinstance(p, Post) for f in (world.found, world.lost) for p in read_posts(str(f)))


def test_wallets_come_first(tmp_path: Path) -> None:
    import numpy as np

    from matching_spark.demo.items import item  # of 2,000 things none is drawn

    rng = np.random.default_rng(0)
    counts = collections.Counter(item(rng)[0].category for _ in range(2000))
    assert next(name for name, _ in counts.most_common(3)) == "지갑"
    assert counts["지갑"] > 1.4 * counts["카드"]
