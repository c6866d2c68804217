"""A model from a hub on this host, fetched and checked, beside the library's own fetch."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.harness import ROOT, Row, alternating, row
from tests.support.servers import hub_environment, serving_hub

MEGABYTES = 256
BARE = "from huggingface_hub import snapshot_download; snapshot_download('owner/model')"
OURS = "from matching_spark.embed.hub import resolve; resolve('owner/model')"


def run(full: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name) / "model", Path(name) / "home"
        shutil.copytree(ROOT / "tests" / "golden" / "siglip", folder)
        weights = np.random.default_rng(0).bytes(MEGABYTES << 20)
        (folder / "visual" / "weights").write_bytes(weights)
        with serving_hub(folder) as hub:
            env = os.environ | hub_environment(hub, home)

            def call(script: str) -> None:
                subprocess.run([sys.executable, "-c", script], env=env, check=True, cwd=ROOT)

            def fetched(script: str) -> None:
                shutil.rmtree(home, ignore_errors=True)
                call(script)

            done = alternating(
                {
                    "snapshot_download": lambda: fetched(BARE),
                    "fetched and checked": lambda: fetched(OURS),
                },
                repeats=3,
                warm_up=1,
            )
            kept = alternating({"there already": lambda: call(OURS)}, repeats=3, warm_up=1)
    what = f"a model of {MEGABYTES} MB from a hub on this host"
    said = "the whole process; the server, in Python, on the same cores"
    return [row(what, who, each, "s", "cold", said) for who, each in (done | kept).items()]
