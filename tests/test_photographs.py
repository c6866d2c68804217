"""The photographs that models are measured on: their lists, how they are had, and the scores."""

import hashlib
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

pytestmark = pytest.mark.usefixtures("training")
PARTS = {"word": 2, "lost": 2, "colour": 3}


def test_the_lists_are_well_formed_and_the_sets_apart() -> None:
    from photographs import (
        DIGITS,
        KINDS,
        SETS,
        of_kind,
        photographs,
        sources,
    )

    from matching_spark.domain.things import COLOURS as ENGLISH

    every = sources()
    assert len({s.repository for s in every}) == len(every)  # none is of both sets
    for source in every:
        assert source.set in SETS
        assert re.fullmatch(r"[0-9a-f]{40}", source.commit)
        assert source.terms
    digits: dict[str, set[str]] = {}
    for wanted in SETS:
        photos = photographs(wanted)
        shown: dict[str, set[str]] = {s.repository: set() for s in every if s.set == wanted}
        for photo in photos:
            assert re.fullmatch(rf"[0-9a-f]{{{DIGITS}}}", photo.sha256)
            assert photo.shows.keys() <= set(KINDS)
            shown[photo.source.repository] |= photo.shows.keys() - {"also", "range"}
            for kind, parts in PARTS.items():
                told = photo.shows.get(kind, "/" * (parts - 1)).split("/")
                assert len(told) == parts
                assert kind not in photo.shows or all(told)
                assert kind != "colour" or not told[0] or told[0] in ENGLISH
        assert {r: set(s.kinds) for s in every if (r := s.repository) in shown} == shown
        assert min(Counter(of_kind(photos, "thing")[1]).values()) > 1
        assert set(of_kind(photos, "catalogue")[1]) == set(of_kind(photos, "shelf")[1])
        thousand = [p for p in photos if {"word", "crowd"} & p.shows.keys()]
        assert len(thousand) == 1000
        digits[wanted] = {p.sha256 for p in photos}
    assert not digits["tune"] & digits["final"]
    assert len(of_kind(photographs("tune"), "range")[0]) == 48
    assert not of_kind(photographs("final"), "range")[0]


def test_a_photo_is_copied_from_a_mirror_and_held_to_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import photographs as module

    repository = tmp_path / "mirrors" / "someone+things" / "repo"
    repository.mkdir(parents=True)
    (repository / "a key.jpg").write_bytes(b"a photo\n")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e@x", "commit", "-qm", "m"],
    ):
        subprocess.run(["git", *command], cwd=repository, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout.strip()
    digits = hashlib.sha256(b"a photo\n").hexdigest()[: module.DIGITS]
    source = module.Source("tune", ("lost",), "someone/things", commit, "MIT")
    photos = [module.Photograph(source, "a key.jpg", digits, {"lost": "열쇠/keys"})]
    monkeypatch.setattr(module, "photographs", lambda wanted: photos)
    folder, mirrors = tmp_path / "photographs", [tmp_path / "empty", tmp_path / "mirrors"]

    (said,) = module.collect(folder, mirrors[:1], ["tune"])
    assert "missing" in said
    assert "someone/things" in said
    with pytest.raises(FileNotFoundError, match=r"a key\.jpg is missing: python"):
        list(module.read(photos, folder))
    assert module.collect(folder, mirrors, ["tune"]) == []
    assert list(module.read(photos, folder)) == [b"a photo\n"]
    photos[0].at(folder).write_bytes(b"another\n")
    (said,) = module.collect(folder, mirrors, ["tune"])
    assert "another photo" in said
    photos.append(module.Photograph(source, "none.jpg", digits, {"lost": "열쇠/keys"}))
    assert any("none.jpg is missing" in said for said in module.collect(folder, mirrors, ["tune"]))


def test_the_place_of_an_answer_is_that_of_counting_by_hand() -> None:
    from measure import places, shares

    rng = np.random.default_rng(3)
    scores = rng.normal(size=(40, 30))
    true = rng.random((40, 30)) < 0.1
    true[np.arange(40), rng.integers(0, 30, 40)] = True
    out = (rng.random((40, 30)) < 0.2) & ~true
    for left in (None, out):
        found = places(scores, true, left)
        for row in range(40):
            order = [c for c in np.argsort(-scores[row]) if left is None or not left[row, c]]
            assert found[row] == next(i for i, c in enumerate(order) if true[row, c])
    share, low, high = shares(np.array([0, 3, 9, 10, 50]))["@10"]
    assert share == 0.6
    assert 0 <= low < share < high <= 1
    assert shares(np.zeros(7, int))["@1"] == (1, 1, 1)


def test_each_kind_is_scored_as_its_words_say() -> None:
    from measure import measure
    from photographs import Photograph, Source

    from matching_spark.domain.things import COLOURS as ENGLISH

    source = Source("tune", (), "someone/things", "0" * 40, "MIT")

    def photo(**shows: str) -> Any:
        return Photograph(source, "x.jpg", "0" * 12, shows)

    axis = np.eye(24, dtype=np.float32)
    near = (axis[0] + 0.1 * axis[23]) / np.linalg.norm(axis[0] + 0.1 * axis[23])
    rows = [
        (photo(thing="bag"), axis[0]),
        (photo(thing="bag"), near),
        (photo(catalogue="juice"), axis[1]),
        (photo(shelf="juice"), axis[2]),
        (photo(shelf="milk"), axis[1]),  # the other product is the nearer: juice's place is 1
        (photo(word="모자/hat"), axis[3]),
        (photo(word="카우보이 모자/cowboy hat"), axis[4]),
        (photo(crowd=""), axis[5]),
        (photo(crowd="", also="keys"), axis[6]),  # answers to keys: does not count against them
        (photo(lost="열쇠/keys"), (axis[6] + axis[7]) / 2**0.5),
        (photo(lost="열쇠/keys"), axis[8]),
        (photo(colour="빨강/사과/apple"), axis[9]),
    ]
    colours = list(ENGLISH)
    known = {"모자": 3, "카우보이 모자": 4, "열쇠": 6, "hat": 3, "cowboy hat": 4, "keys": 6}
    known |= {f"{c} 사과": 9 if c == "빨강" else 10 for c in colours}

    def texts(lines: Any) -> Any:
        return np.stack([axis[known.get(line, 22)] for line in lines])

    vectors = np.stack([v for _, v in rows])
    grounds = np.stack([np.stack([axis[1], axis[1]]), np.stack([axis[2], axis[3]])])
    found = measure([p for p, _ in rows], vectors, grounds, texts)
    assert found["same thing in another place"]["@1"][0] == 1
    assert found["same thing in another place"]["gallery"] == len(rows) - 1
    assert found["cut out, on two busy grounds"]["queries"] == 2
    assert found["catalogue picture to shelf photo"]["@1"][0] == 0
    assert found["catalogue picture to shelf photo"]["@10"][0] == 1
    assert found["words: Korean word"]["@1"][0] == 1
    assert found["words: Korean word"]["gallery"] == 4
    assert found["lost: English word"]["@1"][0] == 1
    assert found["lost: English word"]["by name"] == {"열쇠/keys": 0}
    assert found["lost, photo by photo: English word"]["queries"] == 2
    assert found["colour of eleven: Korean, with the thing"]["@1"][0] == 1


def test_a_thing_is_cut_out_of_a_plain_ground_and_put_on_a_busy_one() -> None:
    from grounds import SIDE, cut_out, on_ground

    plain = Image.new("RGB", (300, 400), "white")
    ImageDraw.Draw(plain).rectangle((60, 100, 240, 300), fill="red")
    thing = cut_out(plain)
    assert thing is not None
    assert 0.8 < thing.width / thing.height * 201 / 181 < 1.2
    assert thing.getpixel((thing.width // 2, thing.height // 2)) == (255, 0, 0, 255)
    rng = np.random.default_rng(0)
    busy = Image.fromarray(rng.integers(0, 255, (200, 260, 3), dtype=np.uint8))
    assert cut_out(busy) is None
    assert cut_out(Image.new("RGB", (300, 300), "white")) is None
    one, two = (np.asarray(on_ground(thing, busy, rng)) for _ in range(2))
    assert one.shape == (SIDE, SIDE, 3)
    red = (one[..., 0] > 200) & (one[..., 1] < 20)
    assert 0.1 < red.mean() < 0.8
    assert (one != two).any()
