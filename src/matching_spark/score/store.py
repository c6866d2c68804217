"""The weights of the fused score, kept as readable JSON and found again.

A table's own calibration (calibration.json in its warehouse) goes before the one that came with the
model (calibration.json in its folder).
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matching_spark import storage
from matching_spark.embed import hub
from matching_spark.errors import ModelError
from matching_spark.score.calibration import Calibration

if TYPE_CHECKING:
    from matching_spark.embed.clip import ClipModel

log = logging.getLogger(__name__)
FILE = "calibration.json"
SELF = "calibration-self.json"  # in a warehouse: learnt without labels, which decisions sharpen


def find(table_uri: str | None, model: "ClipModel | None", name: str) -> Calibration | None:
    """The calibration of a table's vectors (of model `name`), else its model's; None without one.

    Raises ModelError when the one that is there was learnt on another model's vectors.
    """
    places = [] if table_uri is None else [storage.join(table_uri, FILE)]
    for place in (*places, *_of(model)):
        if storage.exists(place):
            found = read(place)
            found.check_model(name)
            return found
    return None


def first(places: Sequence[str], model: "ClipModel | None", name: str) -> Calibration | None:
    """What may be learnt on from: the first of these, or the model's, that is of the vectors of
    model `name`. One that is not is passed over with a warning: to learn is what mends it."""
    for place in (*places, *_of(model)):
        if storage.exists(place):
            try:
                found = read(place)
                found.check_model(name)
            except ModelError as error:
                log.warning(
                    "%s is passed over (%s); `calibrate self`, or `calibrate demo` for a model's, "
                    "writes it anew, and `calibrate --reset` takes a table's away",
                    *(place, error),
                )
            else:
                return found
    return None


def shipped() -> Calibration:
    """The weights that came with the package, of its own model; their facts are of none."""
    return read(str(hub.SHIPPED / "small-clip" / FILE))


def _of(model: "ClipModel | None") -> list[str]:
    """Where the calibration is that came with a model."""
    return [] if model is None else [str(model.folder / FILE)]


def read(place: str) -> Calibration:
    """Raises ModelError for what is no calibration, whatever its bytes."""
    return Calibration.from_json(storage.read_bytes(place), place)


def save(calibration: Calibration, place: str) -> None:
    storage.write_bytes(place, calibration.to_json().encode())
