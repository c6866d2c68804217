"""Objects of JSON whose names come once: of one that comes twice, Python takes the last."""

from collections import Counter


class Doubled(ValueError):
    """A name that an object has twice: neither may win in silence."""

    def __init__(self, name: str) -> None:
        super().__init__(f"it has {name!r} twice")
        self.name = name


def each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object, as `object_pairs_hook` of json.loads. Raises Doubled."""
    row = dict(pairs)
    if len(row) < len(pairs):
        raise Doubled(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return row
