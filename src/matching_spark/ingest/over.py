"""What is written when a post comes whose id the table already has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matching_spark.domain.posts import DESK, MAX_ID, Post, clean
from matching_spark.domain.schema import TOLD
from matching_spark.errors import InputError

# TOLD, source and identifiers as the table has them, and `shas`, the sha256 of its photos.
Row = Mapping[str, Any]


def row(post: Post) -> dict[str, Any]:
    return {name: getattr(post, name) for name in TOLD}


OTHER_KIND = "the table has a {} post of this id, which goes only where `replace` is asked"
OTHER_SOURCE = "the table has this id from {}, whose post goes only where `replace` is asked"


def kept(given: frozenset[str]) -> list[str]:
    """The columns that stay as they are when a source has only the fields `given`."""
    return [name for name in TOLD if name not in {"post_id", "kind", "status", *given}]


@dataclass(frozen=True)
class Rules:
    """What may be written over what. source: who gives the posts their ids. replace: write over
    what seems to be another thing too. photos: how many a post may have. Raises InputError for a
    source without a name.
    """

    source: str = DESK
    replace: bool = False
    photos: int = 20

    def __post_init__(self) -> None:
        name = clean(self.source)
        if not name or len(name) > MAX_ID:
            raise InputError(f"a source is named by 1 to {MAX_ID} characters", argument="source")
        object.__setattr__(self, "source", name)


OWN = Rules()


def clash(old: Row, post: Post, shas: Sequence[str], rules: Rules) -> str | None:
    """Why the two seem to be different things; None if one corrects the other."""
    if rules.replace:
        return None
    if old["source"] not in (None, rules.source):  # NULL: of a table of version 1
        return OTHER_SOURCE.format(old["source"])
    if old["kind"] != post.kind:
        return OTHER_KIND.format(old["kind"])
    if shas and old["shas"] and not set(shas) & set(old["shas"]):
        return "the table has other photos of this id, which go only where `replace` is asked"
    return None


def written(old: Row, post: Post, shas: list[str]) -> tuple[Post, list[str]]:
    """The post as it is written over the row: fields that its source does not have stay."""
    if post.given is None:
        return post, shas
    stays = {name: old[name] for name in kept(post.given)}
    if "place" in post.given and post.place != old["place"]:
        stays.pop("latitude", None)  # where another place lies
        stays.pop("longitude", None)
    if post.latitude is not None:  # of the settings' places, which the source does not have
        stays |= {"latitude": post.latitude, "longitude": post.longitude}
    return replace(post, **stays), shas if "photos" in post.given else list(old["shas"])


def is_same(old: Row, post: Post, shas: Sequence[str]) -> bool:
    """Whether writing it would change nothing. A post that comes as open keeps its state."""
    status = old["status"] if post.status == "open" else post.status
    if post.identifiers and set(post.identifiers) != set(old["identifiers"] or ()):
        return False
    known = {n: v for n, v in old.items() if n not in ("source", "identifiers")}
    return known == row(post) | {"status": status, "shas": list(shas)}
