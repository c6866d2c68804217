"""Settings: who wins, where a value came from, and what is said when one is wrong."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from matching_spark.config import Cache, Settings, environment_of, load_settings
from matching_spark.errors import UsageError
from tests.support.commands import command
from tests.support.effort import calls


def origin(name: str, file: Path | None = None, **flags: object) -> tuple[object, str]:
    _, origins = load_settings(file, flags)
    return next((o.value, o.origin) for o in origins if o.name == name)


def test_flags_over_environment_over_file_over_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert origin("similarity.top_k") == (10, "default")
    Path("matching.toml").write_text("[similarity]\ntop_k = 20\n")
    assert origin("similarity.top_k") == (20, "file matching.toml")
    monkeypatch.setenv("MATCHING_SIMILARITY__TOP_K", "30")
    assert origin("similarity.top_k") == (30, "environment MATCHING_SIMILARITY__TOP_K")
    assert origin("similarity.top_k", similarity={"top_k": 40}) == (40, "flag")
    other = tmp_path / "other.toml"
    other.write_text('table = "hdfs://n/lf"\n')
    assert origin("table", other) == ("hdfs://n/lf", f"file {other}")


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[similarity]\ntop_k = 0\n", r"similarity.top_k \(file .*greater than or equal to 1"),
        ('[similarity]\nmetric = "dot"\n', "similarity.metric .*'cosine' or 'euclidean'"),
        ("[similarity]\ntopk = 1\n", r"similarity.topk .*is no setting; is it similarity.top_k\?"),
        ("[similarity]\ntop_k = true\n", r"similarity.top_k \(file .*is no switch"),
        ("[hadoop]\nsnapshot_keep = true\n", r"hadoop.snapshot_keep \(file .*is no switch"),
        ("top_k = ", "is not valid TOML"),
        pytest.param(f"top_k = {'9' * 5000}\n", "is not valid TOML: Exceeds", id="digits"),
        pytest.param(f"top_k = {'[' * 100_000}", "is not valid TOML: maximum rec", id="depth"),
        ('table = ""\n', "table .*is empty: name a place"),
        ('[logging]\nfile = "a\\u0000b"\n', "logging.file .*has a NUL, which no name"),
        ('[service]\njournal = "a\\u0000b"\n', "service.journal .*has a NUL, which no name"),
        ('table = "hdfs://namenode:8020/"\n', "table .*names no folder: name one, like"),
        ('table = "hdfs:///"\n', "table .*names no folder: name one, like"),
        ('table = "//"\n', "table .*names no folder: name one, like"),
        ('table = "~nobody-of-that-name/t"\n', "table .*begins with the home of a user"),
        ('[cache]\nfolder = ""\n', "cache.folder .*is empty: name a place"),
        ('[cache]\nfolder = "file:///var/cache"\n', "cache.folder .*is not a URI.*like /var"),
        ('[logging]\nfile = "hdfs://namenode/log"\n', "logging.file .*is not a URI"),
        ("[holding]\ndays = 9999999\n", "holding.days .*less than or equal to 36525"),
        ("[holding]\nsoon_days = 9999999999999\n", "holding.soon_days .*less than or equal"),
        ("[match]\ngrace_days = 9999999999999\n", "match.grace_days .*less than or equal"),
        ("[hadoop]\nsnapshot_keep = -1\n", "hadoop.snapshot_keep .*greater than or equal to"),
        ('[hadoop]\nsnapshot_keep = "P99999999D"\n', "hadoop.snapshot_keep .*less than or equal"),
        ("[hadoop]\nblock_bytes = 2097152\n", "hadoop.block_bytes .*equal to 134217728"),
        ("[hadoop]\nblock_bytes = 200000001\n", "hadoop.block_bytes .*multiple of 512"),
        ("[hadoop]\nlock_wait_s = inf\n", "hadoop.lock_wait_s .*less than or equal"),
        ("[hadoop]\ncommit_wait_s = 1e300\n", "hadoop.commit_wait_s .*less than or equal"),
        ("[service]\nmerge_events = 10001\n", "service.merge_events .*less than or equal to 10000"),
        ("[service]\nmerge_every_s = inf\n", "service.merge_every_s .*less than or equal"),
        (
            '[spark.conf]\n"spark.jars.packages" = ["a:b:1", "c:d:2"]\n',
            "spark.conf .*spark.jars.packages is neither .* a list is one text with commas",
        ),
    ],
)
def test_one_sentence_for_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str, says: str
) -> None:
    monkeypatch.delenv("MATCHING_CACHE__FOLDER", raising=False)  # the tests' own
    file = tmp_path / "m.toml"
    file.write_text(toml)
    with pytest.raises(UsageError, match=says):
        load_settings(file)


@pytest.mark.parametrize("encoding", ["cp949", "utf-16"])
def test_a_file_in_another_encoding_is_told_how_to_be_saved(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "m.toml"
    file.write_text('table = "분실물"\n', encoding)
    with pytest.raises(UsageError, match=r"m\.toml is in another encoding than UTF-8: save it as"):
        load_settings(file)


def test_an_empty_flag_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of `--table "$TABLE"` where nobody has set it: another table would be written to."""
    monkeypatch.setenv("MATCHING_TABLE", "another")
    for words, flag in (("status", "--table", ""), r" \(--table\)"), (("models", "info", ""), ""):
        done = command(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.search(rf"'': is empty: name a place, or leave it out{flag}\n$", done.stderr)


def test_missing_file_and_unknown_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="there is no settings file"):
        load_settings(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="there is no settings file"):
        load_settings(tmp_path / f"{'m' * 300}.toml")  # a name that no file can have
    with pytest.raises(UsageError, match="is a folder, a pipe or a device: name a TOML file"):
        load_settings(tmp_path)
    monkeypatch.setenv("MATCHING_TABEL", "x")
    with pytest.raises(UsageError, match=r"MATCHING_TABEL.*is it table\?"):
        load_settings()


def test_a_key_of_spark_keeps_its_capitals_or_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spark passes over spark.driver.maxresultsize, which such a variable would be read as."""
    monkeypatch.setenv("MATCHING_SPARK__CONF__spark.executor.memory", "3g")
    monkeypatch.setenv("MATCHING_SPARK__CONF__spark__executor__cores", "2")
    assert load_settings()[0].spark.conf == {
        "spark.executor.memory": "3g",
        "spark.executor.cores": "2",
    }
    for name in (
        "MATCHING_SPARK__CONF",
        "MATCHING_SPARK__CONF__spark.ui.killEnabled",
        "MATCHING_SPARK__CONF__SPARK__DRIVER__MAXRESULTSIZE",
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, '{"spark.driver.maxResultSize": "1g"}')
            with pytest.raises(UsageError, match=r"_CONF__.* the JSON of MATCHING_SPARK__CONF$"):
                load_settings()


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"MATCHING_SERVICE__PROXIES": "10.0.0.0/8", "MATCHING_CACHE__PRELOAD": '["지갑"]'},
            r'^MATCHING_SERVICE__PROXIES in the environment: write it as JSON, a list as \["a"',
        ),
        (
            {"MATCHING_SPARK__CONF": "spark.a=b"},
            "^MATCHING_SPARK__CONF in .* as JSON, .* spark.conf",
        ),
        ({"MATCHING_SERVICE__PROXIES": '"10.0.0.0/8"'}, r"SERVICE__PROXIES\): is a list: write it"),
        ({"MATCHING_SIMILARITY": "5"}, r"MATCHING_SIMILARITY\): is a group of settings"),
        ({"MATCHING_HADOOP__SNAPSHOT_KEEP": "36h"}, "SNAPSHOT_KEEP.*: write it as 1d or 36:00:00"),
        (
            {"MATCHING_TABEL": "x", "MATCHING_SIMILARITY__TOPK": "4"},
            r"SIMILARITY__TOPK: is it similarity.top_k\? MATCHING_TABEL: is it table\?$",
        ),
        (
            {"MATCHING_SERVICE__SMTP_HOST": "mail"},
            r"service \(environment MATCHING_SERVICE__SMTP_HOST\): smtp_host needs",
        ),
    ],
)
def test_a_variable_that_cannot_be_read_is_named_with_how_to_write_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    """And nothing of Python's: who sets it knows no tuple and no source of pydantic's."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=says) as told:
        load_settings()
    assert not re.search("tuple|instance|EnvSettings|timedelta", str(told.value))


def test_what_goes_together_is_told_of_the_place_that_gave_it(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text('[service]\nsmtp_host = "mail"\n')
    with pytest.raises(UsageError, match=r"setting service \(file .*m.toml\): smtp_host needs"):
        load_settings(file)


def test_a_file_of_twice_as_many_names_is_twice_the_work(tmp_path: Path) -> None:
    """All names were looked through for each of them: 10,000 took half a minute of each command."""
    file = tmp_path / "long.toml"

    def load(names: int) -> int:
        lines = [f'"{i}" = ["b"]' for i in range(names)]
        file.write_text("\n".join(["[match.neighbours]", *lines]))
        return calls(lambda: load_settings(file))

    assert load(800) <= 2.2 * load(400)


def test_secrets_are_masked() -> None:
    conf = {"spark.hadoop.fs.s3a.secret.key": "hunter2", "spark.ui.port": "1"}
    _, origins = load_settings(None, {"spark": {"conf": conf}})
    values = {o.name: o.value for o in origins}
    assert "hunter2" not in str(values)
    assert values["spark.conf.spark.ui.port"] == "1"


def test_every_setting_says_what_it_is() -> None:
    """The reference of settings is made of these."""
    groups = [
        field.annotation
        for field in Settings.model_fields.values()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    ]
    assert len(groups) == 12
    for group in groups:
        assert group.__doc__
        assert all(field.description for field in group.model_fields.values()), group


def test_a_place_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file and a variable have no shell that would see to it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("MATCHING_CACHE__FOLDER", "~/cache")
    Path("matching.toml").write_text('table = "~/t"\n[logging]\nfile = "~/log"\n')
    settings, _ = load_settings(None, {"model": {"name": "~/clip"}, "hadoop": {"conf_dir": "~/c"}})
    assert settings.cache.folder == "/home/somebody/cache"
    assert (settings.table, settings.logging.file) == ("/home/somebody/t", "/home/somebody/log")
    assert settings.model.name == "/home/somebody/clip"
    assert settings.hadoop.conf_dir == "/home/somebody/c"
    assert load_settings(None, {"table": "a~b"})[0].table == "a~b"


def test_the_cache_is_where_the_environment_says_also_without_all_settings() -> None:
    """Which keeps the tests' shards out of their user's cache."""
    assert Cache().folder == Settings().cache.folder == os.environ["MATCHING_CACHE__FOLDER"]


def test_the_journal_is_a_folder_of_this_machine_and_its_key_is_nobodys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for uri in ("hdfs://namenode:8020/journal", "file:///var/journal", "s3://bucket/journal"):
        monkeypatch.setenv("MATCHING_SERVICE__JOURNAL", uri)
        with pytest.raises(UsageError, match=r"service.journal .*not a URI.*name one like /"):
            load_settings()
    monkeypatch.delenv("MATCHING_SERVICE__JOURNAL")
    with pytest.raises(UsageError, match="at least 32"):
        load_settings(None, {"service": {"key": "short"}})
    monkeypatch.setenv("MATCHING_SERVICE__KEY", "hunter2 " * 4)
    settings, origins = load_settings()
    assert "hunter2" not in f"{settings!r} {origins}"
    assert origin("service.key") == ("***", "environment MATCHING_SERVICE__KEY")


def test_another_process_reads_the_same_settings_from_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "my.toml"
    file.write_text(
        'table = "/tmp/x"\n[service]\nmerge_events = 7\nproxies = ["10.0.0.0/8"]\n[spark.conf]\n'
        '"spark.sql.shuffle.partitions" = "2"\n[model]\nname = "small-clip"\n',
        "utf-8",
    )
    monkeypatch.setenv("MATCHING_SERVICE__KEY", "a key of somebody else, of 32 letters")
    settings, _ = load_settings(file, {"similarity": {"understand": False}})
    settings.service.key = "a key that only these tests have."
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    read, _ = load_settings(None)
    assert read.model_dump() == settings.model_dump()
    assert read.model.model_fields_set == {"name"}


def test_all_that_is_wrong_is_told_at_once_each_with_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MATCHING_CACHE__FOLDER")  # the tests' own
    file = tmp_path / "m.toml"
    file.write_text('tabel = "x"\n[similarity]\nmetric = "dot"\n[service]\nproxies = ["x"]\n')
    wrong = {
        "MATCHING_TABEL": "x",
        "MATCHING_SPARK__CONF": "spark.a=b",
        "MATCHING_SPARK__CONF__spark.ui.killEnabled": "false",
        "MATCHING_HOLDING__DAYS": "0",
        "MATCHING_CACHE__PRELOAD": '["지갑", 5]',
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    done = command("search", "--text", "a", "--threshold", "50", "--settings", file)
    assert (done.returncode, done.stdout) == (2, "")
    first, *told = done.stderr.splitlines()
    assert first == f"matching-spark: {len(told)} settings are wrong:"
    says = (
        r"MATCHING_TABEL: is it table\?",
        "MATCHING_SPARK__CONF in the environment: write it as JSON",
        "MATCHING_SPARK__CONF__spark.ui.killEnabled in the environment: ",
        r"similarity.metric \(file .*m.toml\): should be 'cosine'",
        r"50.0: should be less than or equal to 1 \(--threshold\)$",
        r"holding.days \(environment MATCHING_HOLDING__DAYS\): should be greater",
        r"service.proxies \(file .*m.toml\): names an address",
        r"cache.preload.1 \(environment MATCHING_CACHE__PRELOAD\): should be a valid string",
        r"tabel \(file .*m.toml\): is no setting; is it table\?",
    )
    assert len(told) == len(says)
    for each in says:
        assert any(re.match(f"- .*{each}", line) for line in told), each
    file.write_text("[similarity]\ntop_k = \n")
    with pytest.raises(UsageError, match=r"(?s)is not valid TOML.*\n- .*HOLDING__DAYS"):
        load_settings(file)


def test_settings_as_windows_writes_them(tmp_path: Path) -> None:
    (tmp_path / "matching.toml").write_bytes(b"\xef\xbb\xbf[cache]\r\nmax_bytes = 2000000\r\n")
    settings, _ = load_settings(tmp_path / "matching.toml")
    assert settings.cache.max_bytes == 2_000_000


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tabel": "x"}, "setting tabel: is no setting; is it table?"),
        ({"identifiers": {"key": "short-secret"}}, "setting identifiers.key: String should have"),
        ({"similarity": {"top_k": 0}}, "setting similarity.top_k: should be greater than or equa"),
        (
            {"cache": {"preload": "short-secret"}},
            'setting cache.preload: is a list: write it as ["',
        ),
    ],
)
def test_settings_of_a_script_are_refused_in_our_words(given: dict[str, Any], says: str) -> None:
    """By pydantic's own error, which no script expects of us, a key was shown."""
    with pytest.raises(UsageError, match=f"^{re.escape(says)}") as told:
        Settings(**given)
    assert "short-secret" not in str(told.value)
