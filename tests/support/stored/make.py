"""Write the stored table anew: `python -m tests.support.stored.make`, on purpose only.

The table guards those that users have: it is made by an older commit than the one that reads it.
Make it anew where it cannot be kept, as when the shipped model changes, never to make a test pass.
"""

import json
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from matching_spark import ClipModel, Settings, start_session
from matching_spark.demo.world import draw_world
from tests.support.commands import command

# Holds table/, the warehouse; cache/, an entry of the cache of its shards; new/, a source.
STORED = Path(__file__).with_name("stored.tar.xz")
ANSWERS = Path(__file__).with_name("answers.json")  # of searches, and the pairs of the match
CATEGORIES = ("지갑", "가방")
LONGEST_SIDE = 96  # pixels of a photo: all that is kept here has some tens of kB
# What a search is asked beside --post.
ASKED = (
    ("--score", "fused"),
    ("--score", "cosine"),
    ("--score", "cosine", "--nprobe", "1"),
    ("--score", "cosine", "--metric", "euclidean", "--status", "any"),
)
MATCHED = ("match", "--threshold", "0", "--top-k", "3")

Post = dict[str, Any]  # as its line of JSON has it
Answer = list[tuple[str, float]]  # the posts' ids and scores, best first


def search(table: str, post_id: str, *asked: str) -> Answer:
    """The answer of the memory runner."""
    everything = ("--post", post_id, "--threshold", "-1", "--top-k", "100", *asked)
    done = command("search", "--table", table, "--runner", "memory", *everything)
    assert done.returncode == 0, done.stderr
    return answer(done.stdout)


def answer(said: str) -> Answer:
    return [(match["post_id"], match["score"]) for match in json.loads(said)["results"]]


def _posts(world: Path, kind: str) -> list[Post]:
    lines = (world / f"{kind}.jsonl").read_text("utf-8").splitlines()
    return [post for post in map(json.loads, lines) if post["category"] in CATEGORIES]


def _write(path: Path, posts: list[Post]) -> Path:
    path.write_text("".join(json.dumps(p, ensure_ascii=False) + "\n" for p in posts), "utf-8")
    return path


def make(folder: Path) -> None:
    world, made, new = (folder / name for name in ("world", "table", "new"))
    draw_world(world, posts=40, seed=3)
    for path in world.rglob("*.jpg"):
        with Image.open(path) as photo:
            photo.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            photo.save(path, quality=80)
    lost, (*found, last) = _posts(world, "lost"), _posts(world, "found")
    spark = start_session(Settings())

    def run(*arguments: str | Path) -> None:
        done = command(*arguments, "--table", made, spark=spark)
        assert done.returncode == 0, done.stderr

    run("ingest", _write(world / "a.jsonl", found))
    run("ingest", _write(world / "b.jsonl", lost))
    # A changed post is a row deleted in one data file and written in another.
    run("ingest", _write(world / "c.jsonl", [found[0] | {"title": "제목을 고쳤습니다"}]))
    run("close", found[1]["post_id"], "--as", "claimed")
    run("index", "--cells", "3")
    shutil.copy(ClipModel.load().folder / "calibration.json", made)
    run("decide", lost[0]["post_id"], found[2]["post_id"], "confirm", "--by", "desk")
    run(*MATCHED, "--alert")
    pairs = folder / "pairs.jsonl"
    run(*MATCHED, "--output", pairs)
    spark.stop()

    asking = [lost[0]["post_id"], lost[-1]["post_id"], found[0]["post_id"]]
    searches = [
        {"post": post, "asked": asked, "answer": search(str(made), post, *asked)}
        for post in asking
        for asked in ASKED
    ]
    found_pairs = [json.loads(line) for line in pairs.read_text("utf-8").splitlines()]
    listed = {"closed": [found[3]["post_id"]], "searches": searches, "pairs": found_pairs}
    lines = (",\n".join(json.dumps(row, ensure_ascii=False) for row in listed[k]) for k in listed)
    whole = ",\n".join(f'"{k}": [\n{rows}\n]' for k, rows in zip(listed, lines, strict=True))
    ANSWERS.write_text(f"{{\n{whole}\n}}\n", "utf-8")

    new.mkdir()
    for photo in last["photos"]:
        shutil.copy(world / photo, new)
    photos = [Path(photo).name for photo in last["photos"]]
    _write(new / "posts.jsonl", [last | {"photos": photos}])
    entries = (folder / "cache" / "shards").glob("*.shard")
    largest = max(entries, key=lambda path: path.stat().st_size)
    with tarfile.open(STORED, "w:xz") as stored:
        for path, name in ((made, "table"), (largest, f"cache/{largest.name}"), (new, "new")):
            stored.add(path, name, filter=_anybody)


def _anybody(file: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Nothing of the user and the machine that it was made by."""
    file.uid = file.gid = 0
    file.uname = file.gname = ""
    return None if file.name.endswith(".writer.lock") else file


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["MATCHING_CACHE__FOLDER"] = str(Path(temporary) / "cache")
        make(Path(temporary))
