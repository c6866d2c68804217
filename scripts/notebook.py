"""Run similarity_test.ipynb from a clean kernel and keep its outputs: `make notebook`.

With --check it is run and not written, as the tests do. What was run is kept as a hash of the code
beside the outputs, so that a change of one without the other shows.
"""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

PATH = Path(__file__).parents[1] / "similarity_test.ipynb"
LIMIT_S = 300  # a cell's; the whole takes less


def code_sha256(notebook: Any) -> str:
    """Of the code cells alone: words may be mended without running it."""
    digest = hashlib.sha256()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            digest.update(cell.source.encode() + b"\0")
    return digest.hexdigest()


def run(path: Path = PATH) -> Any:
    """The executed notebook. Raises nbclient's CellExecutionError where a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.NotebookNode(kernelspec=kernel)
    NotebookClient(
        notebook, timeout=LIMIT_S, resources={"metadata": {"path": path.parent}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when each cell ran: another diff every time
        if cell.cell_type == "code":
            cell.outputs = [
                each
                for each in cell.outputs
                if not (each.output_type == "stream" and each.name == "stderr")
            ]
    notebook.metadata["code_sha256"] = code_sha256(notebook)
    return notebook


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="run it and write nothing")
    arguments = parser.parse_args()
    done = run()
    if not arguments.check:
        nbformat.write(done, PATH)
    print(f"{len(done.cells)} cells ran", file=sys.stderr)
