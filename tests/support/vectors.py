"""Files of vectors to import."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def write_vectors(
    path: Path, ids: list[str], vectors: np.ndarray, **columns: Sequence[object]
) -> None:
    table = pa.table(
        {"post_id": ids, "vector": pa.array(list(vectors), pa.list_(pa.float32())), **columns}
    )
    pq.write_table(table, path, row_group_size=150)
