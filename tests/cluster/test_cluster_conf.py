"""The settings that `cluster up` writes: the user's own and the cluster's, for its owner alone."""

import os
from pathlib import Path
from uuid import uuid4

import pytest

from matching_spark.spark import cluster_conf
from matching_spark.spark.conf import project_conf_dir, read_conf

SECRET = "spark.authenticate.secret"
SOCKETS = "spark.python.unix.domain.socket.dir"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder; its file refuses what the cluster needs, and ends in no newline."""
    folder = tmp_path / "own"
    (folder / "sub").mkdir(parents=True)
    (folder / "spark-defaults.conf").write_text("spark.app.name=mine\nspark.authenticate: false")
    (folder / "log4j2.properties").write_text("status = error\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(folder))
    return folder


def written(conf: Path, yarn: bool = False) -> dict[str, str]:
    conf.mkdir(exist_ok=True)
    cluster_conf.write(conf, yarn)
    return read_conf(conf / "spark" / "spark-defaults.conf")


def test_the_users_settings_and_the_clusters(own: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys = written(tmp_path / "conf")
    finally:
        os.umask(before)
    assert keys["spark.app.name"] == "mine"
    assert keys["spark.authenticate"] == "true"
    daemons = read_conf(tmp_path / "conf" / "daemons.conf")
    assert daemons[SECRET] == keys[SECRET]
    assert daemons["spark.master.rest.enabled"] == daemons["spark.ui.killEnabled"] == "false"
    assert (tmp_path / "conf" / "spark" / "log4j2.properties").is_file()
    assert {p.stat().st_mode & 0o077 for p in (tmp_path / "conf").rglob("*")} == {0}


def test_every_up_draws_a_secret_and_yarn_its_own(own: Path, tmp_path: Path) -> None:
    first, second = (written(tmp_path / "conf")[SECRET] for _ in range(2))
    assert first != second
    keys = written(tmp_path / "yarn", yarn=True)
    assert keys["spark.authenticate"] == "true"
    assert SECRET not in keys


def test_a_long_name_leaves_room_for_sockets(own: Path, tmp_path: Path) -> None:
    """Whose paths may have 107 bytes; Spark's own choice is where executors unpack."""
    keys = written(tmp_path / ("long" * 25))
    folder = keys[SOCKETS]
    assert len(f"{folder}/spark-01234567/.{uuid4()}.sock") < 108
    with (own / "spark-defaults.conf").open("a") as file:
        file.write(f"\n{SOCKETS} /run/mine\n")
    assert written(tmp_path / "conf")[SOCKETS] == "/run/mine"


@pytest.mark.parametrize("gone", [False, True])
def test_in_the_shell_of_an_earlier_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """SPARK_CONF_DIR is the folder that is written, or one that `down` has removed."""
    conf = tmp_path / "conf"
    first = written(conf)
    monkeypatch.setenv("SPARK_CONF_DIR", str(conf / "spark"))
    if gone:
        for file in (conf / "spark").iterdir():
            file.unlink()
        (conf / "spark").rmdir()
    again = written(conf)
    assert again[SECRET] != first[SECRET]
    project = read_conf(project_conf_dir() / "spark-defaults.conf")
    assert project.items() <= again.items()
    text = (conf / "spark" / "spark-defaults.conf").read_text("utf-8")
    assert text.count(SECRET) == 1
