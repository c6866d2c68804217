"""The demo's service: a journal and a key of its own, a world that is drawn once."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from matching_spark.config import Settings
from matching_spark.domain.posts import Filters
from matching_spark.errors import StorageError
from matching_spark.matching import matches_table
from matching_spark.operations import demo_service
from matching_spark.operations.browse import list_posts
from matching_spark.operations.demo_service import demo_settings, drawn_once
from matching_spark.setting_groups import Service
from matching_spark.table import side_tables
from tests.support.full import full


def test_it_has_a_journal_and_a_key_of_its_own_whatever_the_users_service_has(
    settings: Settings, tmp_path: Path
) -> None:
    users = settings.model_copy(deep=True)
    users.service = Service(journal=str(tmp_path / "users"), key="k" * 32, host="::", public=True)
    made = demo_settings(users, tmp_path / "demo")
    folder = tmp_path / "demo" / "service"
    own = Service(journal=str(folder), key=(folder / "key").read_text(), port=0, watch_port=0)
    assert made.service == own
    assert made.service.host == "127.0.0.1"
    assert len(made.service.key or "") >= 32
    assert (folder.stat().st_mode & 0o777, (folder / "key").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )
    assert not (tmp_path / "users").exists()
    assert users.service.key == "k" * 32


def test_a_demo_keeps_its_key_and_another_has_another(settings: Settings, tmp_path: Path) -> None:
    def key(name: str) -> str | None:
        return demo_settings(settings, tmp_path / name).service.key

    with ThreadPoolExecutor(8) as pool:  # who comes first makes it
        keys = set(pool.map(key, ["demo"] * 16))
    assert keys == {key("demo")}
    assert key("other") not in keys
    assert {path.name for path in (tmp_path / "demo" / "service").iterdir()} == {"key"}


def test_no_half_of_a_key_is_left_on_a_full_disk(settings: Settings, tmp_path: Path) -> None:
    with full(), pytest.raises(StorageError, match=f"{tmp_path}/service/key: File too large"):
        demo_settings(settings, tmp_path)
    assert not list((tmp_path / "service").iterdir())


def test_a_key_that_others_may_have_written_is_refused(settings: Settings, tmp_path: Path) -> None:
    demo_settings(settings, tmp_path)
    os.chmod(tmp_path / "service" / "key", 0o666)
    with pytest.raises(StorageError, match="everybody may write to it; remove it"):
        demo_settings(settings, tmp_path)


@pytest.mark.long
def test_its_world_is_drawn_once(
    settings: Settings, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the first time was ended in the middle: the office has pairs to look at."""
    mine = settings.model_copy(deep=True)
    mine.cache.folder = str(tmp_path)

    def ended(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(demo_service, "match", ended)
        with pytest.raises(KeyboardInterrupt):
            drawn_once(mine, 20, spark=spark)
    first = drawn_once(mine, 20, spark=spark)
    assert side_tables.read(first.table, matches_table.NAME)
    assert first.table == str(tmp_path / "demo" / "table")
    assert list_posts(first, Filters()).total == 20
    again = drawn_once(mine, 20)  # without a Spark: there is nothing to be drawn
    assert again == first
    assert mine.table != first.table
