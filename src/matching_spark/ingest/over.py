"""What becomes of a post that comes for an id which the table has already."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from matching_spark.domain.posts import Post
from matching_spark.domain.schema import METADATA

Row = Mapping[str, Any]  # METADATA as the table has them, and `shas`, the sha256 of its photos


def row(post: Post) -> dict[str, Any]:
    return {name: getattr(post, name) for name in METADATA}


OTHER_KIND = "the table has a {} post of this id, which goes only where `replace` is asked"


def kept(given: frozenset[str]) -> list[str]:
    """The columns that stay as they are where a source has the fields `given`."""
    return [name for name in METADATA if name not in {"post_id", "kind", "status", *given}]


def clash(old: Row, post: Post, shas: Sequence[str]) -> str | None:
    """Why the two seem to be different things; None where one is the other's correction."""
    if old["kind"] != post.kind:
        return OTHER_KIND.format(old["kind"])
    if shas and old["shas"] and not set(shas) & set(old["shas"]):
        return "the table has other photos of this id, which go only where `replace` is asked"
    return None


def written(old: Row, post: Post, shas: list[str]) -> tuple[Post, list[str]]:
    """The post as it is written over the row: what its source does not have at all stays."""
    if post.given is None:
        return post, shas
    return (
        replace(post, **{name: old[name] for name in kept(post.given)}),
        shas if "photos" in post.given else list(old["shas"]),
    )


def is_same(old: Row, post: Post, shas: Sequence[str]) -> bool:
    """Whether to write it would change nothing: one that is called open stays as it is."""
    status = old["status"] if post.status == "open" else post.status
    return old == row(post) | {"status": status, "shas": list(shas)}
