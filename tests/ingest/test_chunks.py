"""Posts that are taken together: so many, and of so many characters."""

from pathlib import Path

from matching_spark.domain.posts import MAX_TEXT, Post
from matching_spark.ingest.pipeline import CHUNK_CHARACTERS, CHUNK_POSTS, _chunks
from tests.support.peaks import peak_mb

LONG = """
from matching_spark.domain.posts import FREE_TEXT, MAX_TEXT, Post
from matching_spark.ingest.pipeline import _chunks

def long(i):
    return Post(str(i), "found", **{name: f"{i}😀" + "가" * (MAX_TEXT - 9) for name in FREE_TEXT})
"""


def test_posts_that_say_much_are_fewer_together(tmp_path: Path) -> None:
    """2,100 rows of a workbook of 7 kB held 966 MB."""
    does = "result = sum(map(len, _chunks(map(long, range(2_000)))))"
    said, mb = peak_mb(LONG, does, tmp_path)
    assert said == "2000"
    assert mb < 200


def test_none_is_lost_between_chunks() -> None:
    words = ["", "x" * MAX_TEXT]
    posts = [Post(str(i), "found", title=words[i % 100 == 0]) for i in range(120_000)]
    chunks = list(_chunks(posts))
    assert [post for chunk in chunks for post in chunk] == posts
    assert max(map(len, chunks)) == CHUNK_POSTS
    sizes = [sum(len(post.title) for post in chunk) for chunk in chunks]
    assert max(sizes) < CHUNK_CHARACTERS + MAX_TEXT
    assert list(_chunks(())) == []
