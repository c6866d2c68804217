"""Which space vectors lie in: only those of one space can be compared."""

from dataclasses import dataclass

from matching_spark.shards.ivf_index import Cells, load_cells


@dataclass(frozen=True)
class VectorSpace:
    """The model's name, how many numbers its vectors have, and the table's cells if it has any."""

    model: str
    dimension: int
    cells: str | None = None  # the uri of its centroids

    def centroids(self) -> Cells | None:
        """The cells, unless they are of the model that the table had before."""
        cells = None if self.cells is None else load_cells(self.cells)
        return cells if cells is not None and cells.model == self.model else None
