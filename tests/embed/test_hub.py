"""A model's name: a folder here, or fetched once from a hub and held to its checksums."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from matching_spark.embed.hub import resolve
from matching_spark.errors import ModelError
from tests.support.servers import Hub, hub_environment, serving_hub

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving_hub(GOLDEN / "siglip") as server:
        yield server


def fetch(
    hub: Hub, home: Path, name: str = "owner/model", **more: str
) -> subprocess.CompletedProcess[str]:
    env = os.environ | hub_environment(hub, home) | more
    command = [sys.executable, "-m", "matching_spark.main", "models", "info", name]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_a_name_is_fetched_once_and_kept(hub: Hub, tmp_path: Path) -> None:
    first = fetch(hub, tmp_path)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["model"].startswith("owner/model@")
    asked = hub.asked
    assert fetch(hub, tmp_path).stdout == first.stdout
    assert fetch(hub, tmp_path, HF_HUB_OFFLINE="1").stdout == first.stdout
    assert hub.asked == asked


def test_a_variable_that_keeps_it_from_the_hub_is_named(hub: Hub, tmp_path: Path) -> None:
    """Of one that names no certificates was said "[Errno 21] Is a directory", and no more."""
    (tmp_path / "junk.pem").write_text("junk")
    for place in (tmp_path / "none.pem", tmp_path / "junk.pem"):
        done = fetch(hub, tmp_path, SSL_CERT_FILE=str(place))
        assert done.returncode == 5
        assert "SSL_CERT_FILE" in done.stderr, done.stderr


def test_a_commit_is_the_one_that_is_taken(hub: Hub, tmp_path: Path) -> None:
    """The hub's main moves on between two hosts."""
    first = fetch(hub, tmp_path / "a")
    commit = json.loads(first.stdout)["commit"]
    assert commit == hub.head
    assert f"name it owner/model@{commit}" in " ".join(first.stderr.split())
    hub.head = "d" * 40
    pinned = fetch(hub, tmp_path / "b", name=f"owner/model@{commit}")
    assert pinned.returncode == 0, pinned.stderr
    assert json.loads(pinned.stdout)["commit"] == commit
    assert "name it" not in pinned.stderr
    assert json.loads(fetch(hub, tmp_path / "c").stdout)["commit"] == hub.head
    checksum = json.loads(first.stdout)["model"]
    other = fetch(hub, tmp_path / "a", name=checksum[:-1] + ("0" if checksum[-1] != "0" else "1"))
    assert other.returncode == 5
    assert f"holds {checksum}" in " ".join(other.stderr.split())


def test_offline_nothing_is_asked(hub: Hub, tmp_path: Path) -> None:
    done = fetch(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert done.returncode == 5
    assert "HF_HUB_OFFLINE forbids" in done.stderr
    assert hub.asked == 0


def test_a_cut_download_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    # Weights beside the graph, more than the 10 MB that the library writes at a time.
    shutil.copytree(GOLDEN / "siglip", tmp_path / "served")
    hub.folder = tmp_path / "served"
    weights = np.random.default_rng(0).bytes(24 << 20)
    (hub.folder / "visual" / "weights").write_bytes(weights)
    hub.cut = {"visual/weights"}
    done = fetch(hub, tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert [r for r in hub.ranges if r.startswith("visual/weights bytes=1")]
    kept = json.loads(done.stdout)["folder"]
    assert (Path(kept) / "visual" / "weights").read_bytes() == weights


def test_a_damaged_download_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.spoiled = {"textual/model.onnx"}
    done = fetch(hub, tmp_path)
    assert done.returncode == 5
    assert "textual/model.onnx came damaged" in " ".join(done.stderr.split())
    hub.spoiled = set()
    done = fetch(hub, tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_none() -> None:
    with pytest.raises(ModelError, match="one that is here: small-clip"):
        resolve("no-such-model")


def test_the_working_folder_is_a_model_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--model .` in a model's folder, or beside it, is not where the shipped ones lie."""
    shipped = resolve("small-clip")
    assert resolve("small-clip/") == shipped
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert resolve(".").samefile(tmp_path / "deep")
    assert resolve("..").samefile(tmp_path)
