"""The weights of the fused score, kept as readable JSON and found again.

A table's own calibration (calibration.json in its warehouse) goes before the one that came with the
model (calibration.json in its folder).
"""

from typing import TYPE_CHECKING

from matching_spark import storage
from matching_spark.embed import hub
from matching_spark.score.calibration import Calibration

if TYPE_CHECKING:
    from matching_spark.embed.clip import ClipModel

FILE = "calibration.json"
SELF = "calibration-self.json"  # in a warehouse: learnt without labels, which decisions sharpen


def find(table_uri: str | None, model: "ClipModel | None", name: str) -> Calibration | None:
    """The calibration of a table's vectors (of model `name`), else its model's; None without one.

    Raises ModelError when the one that is there was learnt on another model's vectors.
    """
    places = [] if table_uri is None else [storage.join(table_uri, FILE)]
    places += [] if model is None else [str(model.folder / FILE)]
    for place in places:
        if storage.exists(place):
            found = read(place)
            found.check_model(name)
            return found
    return None


def shipped() -> Calibration:
    """The weights that came with the package, of its own model; their facts are of none."""
    return read(str(hub.SHIPPED / "small-clip" / FILE))


def read(place: str) -> Calibration:
    """Raises ModelError for what is no calibration, whatever its bytes."""
    return Calibration.from_json(storage.read_bytes(place), place)


def save(calibration: Calibration, place: str) -> None:
    storage.write_bytes(place, calibration.to_json().encode())
