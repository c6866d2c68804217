"""What becomes of a post that comes for an id which the table has already."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from matching_spark.domain.posts import Post
from matching_spark.domain.schema import METADATA

Row = Mapping[str, Any]  # METADATA as the table has them, and `shas`, the sha256 of its photos


def row(post: Post) -> dict[str, Any]:
    return {name: getattr(post, name) for name in METADATA}


def clash(old: Row, post: Post, shas: Sequence[str]) -> str | None:
    """Why the two seem to be different things; None where one is the other's correction."""
    if old["kind"] != post.kind:
        return f"the table has a {old['kind']} post of this id; with --replace it goes"
    if shas and old["shas"] and not set(shas) & set(old["shas"]):
        return "the table has this id with other photos; with --replace they go"
    return None


def written(old: Row, post: Post, shas: list[str]) -> tuple[Post, list[str]]:
    """The post as it is written over the row: what its source does not have at all stays."""
    if post.given is None:
        return post, shas
    kept = set(METADATA) - post.given - {"post_id", "kind", "status"}
    return (
        replace(post, **{name: old[name] for name in kept}),
        shas if "photos" in post.given else list(old["shas"]),
    )


def is_same(old: Row, post: Post, shas: Sequence[str]) -> bool:
    """Whether to write it would change nothing: one that is called open stays as it is."""
    status = old["status"] if post.status == "open" else post.status
    return old == row(post) | {"status": status, "shas": list(shas)}
