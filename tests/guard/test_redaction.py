"""What is a secret, by its name and by its shape, is left out; what is none stays."""

import re
import time

import pytest
from pyspark.sql import SparkSession

from matching_spark.guard.redaction import RULE, masked, masked_setting
from matching_spark.spark.jvm import jvm
from tests.support.commands import command

PW = "hunter2"
SHAPES = {
    "GET /x?serviceKey=hunter2%2Bdef&page=1": "GET /x?serviceKey=***&page=1",
    "password: 'hunter2 and more'": "password: ***",
    '{"client_secret": "hunter2\\"x", "n": 1}': '{"client_secret": ***, "n": 1}',
    "Authorization: Bearer hunter2": "Authorization: ***",
    "fs.azure.account.key.x.dfs.core.windows.net=hunter2==": (
        "fs.azure.account.key.x.dfs.core.windows.net=***"
    ),
    "-Djavax.net.ssl.keyStorePassword=hunter2": "-Djavax.net.ssl.keyStorePassword=***",
    "https://b.blob.core.windows.net/c?sv=1&sig=hunter2&se=2": (
        "https://b.blob.core.windows.net/c?sv=1&sig=***&se=2"
    ),
    "https://maps/?key=hunter2": "https://maps/?key=***",
    "fetching https://u:hunter2@mirror:81/m2 ...": "fetching https://***@mirror:81/m2 ...",
    "https://u:p@hunter2/x@mirror/": "https://***@mirror/",
    "https://u:1234@mirror/": "https://***@mirror/",
    "redis://:hunter2@h": "redis://***@h",
    "https://hunter2@github.com/x": "https://***@github.com/x",
    "jdbc:postgresql://h/db?user=a&pass=hunter2,1&ssl=true": (
        "jdbc:postgresql://h/db?user=a&pass=***&ssl=true"
    ),
    "jdbc:sqlserver://h;user=a;password={hunter2;};x=1": (
        "jdbc:sqlserver://h;user=a;password=***;x=1"
    ),
    "jdbc:sqlserver://h;pwd=hunter2'1;x=1": "jdbc:sqlserver://h;pwd=***;x=1",
    "jdbc:oracle:thin:scott/hunter2@//h:1521/x": "jdbc:oracle:thin:***@//h:1521/x",
    '--conf spark.x.password="hunter2 b c': "--conf spark.x.password=***",
    "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n": "-----BEGIN RSA PRIVATE KEY-----***",
}
NONE = (
    "nothing to hide",
    "--conf x: write it as KEY=VALUE",
    "A secret key must be specified via the spark.authenticate.secret config",
    "http://127.0.0.1:8080/photos/@eaDir/a.jpg",
    "hdfs://n:8020/a@b: no such file",
    "hf_tokenizer_name: xlm-r",
    "spark://h:7077,h2:7077",
)
HOSTILE = (  # beginnings of secrets, none of which ends
    *("a.", "a.key", "?key", ".key", "secret", "-key.", "token  = ", "service", "apikey ="),
    *('secret="', "secret='", "secret={ ", 'secret="\\" ', "token=bearer "),
    *("spark.key", "\nspark.key"),
    *("://", "://a:", "://x", "http://", "https://a:b ", "jdbc:oracle:", "jdbc:oracle:a:"),
    *("-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "A PRIVATE KEY"),
)
SECRETS = (
    "spark.hadoop.fs.s3a.secret.key",
    "spark.hadoop.fs.azure.account.key.x.dfs.core.windows.net",
    "spark.hadoop.fs.azure.sas.c.x.blob.core.windows.net",
    "spark.ssl.keyPassword",
    "spark.executorEnv.AWS_ACCESS_KEY_ID",
    "spark.executorEnv.GIT_CREDENTIALS",
    "spark.my.passphrase",
    "spark.db.pass",
    "lost112.service_key",
    "alerts.webhook_url",
)
OPEN = ("spark.master", "spark.sql.shuffle.partitions", "spark.shuffle.sort.bypassMergeThreshold")


@pytest.mark.parametrize(("text", "kept"), [*SHAPES.items(), *((t, t) for t in NONE)])
def test_by_shape(text: str, kept: str) -> None:
    assert masked(text) == kept
    assert PW not in masked(f"a {text} b")


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_text_costs_as_its_length_whatever_it_says(unit: str) -> None:
    """Eight times the text: eight times the work where it is linear, 64 times where quadratic."""

    def work(units: int) -> float:  # of the processor: others on the machine do not count
        start = time.process_time()
        masked(unit * units)
        return time.process_time() - start

    few = 12_000 // len(unit)
    assert work(8 * few) < 30 * max(min(work(few) for _ in range(3)), 0.003)


def test_a_line_of_spark_defaults() -> None:
    line = "spark.hadoop.fs.s3a.secret.key hunter2"
    assert masked(f"x\n{line}\ny") == "x\nspark.hadoop.fs.s3a.secret.key ***\ny"


def test_by_name() -> None:
    assert {masked_setting(name, "x y") for name in SECRETS} == {"***"}
    assert {masked_setting(name, "x y") for name in OPEN} == {"x y"}
    assert masked_setting("lost112.service_key", None) is None
    assert masked_setting("hosts", ("h", "https://u:p@h")) == ("h", "https://***@h")


def test_what_is_said_on_stderr_names_no_secret() -> None:
    done = command("status", "--table", "https://u:hunter2@h/x?sig=hunter2")
    assert done.returncode != 0
    assert "https://***@h/x?sig=***" in done.stderr
    assert PW not in done.stdout + done.stderr
    keys = ("spark.hadoop.fs.azure.account.key.x=hunter2", "a.url=ftp://u:hunter2@h")
    done = command("config", *(word for key in keys for word in ("--conf", key)))
    assert "ftp://***@h" in done.stdout
    assert PW not in done.stdout


def test_java_reads_the_rule_as_python_does(spark: SparkSession) -> None:
    """Which Spark asks of each key and value that it shows or keeps."""
    java = jvm(spark).java.util.regex.Pattern.compile(RULE)
    for text in (*SHAPES, *NONE, *SECRETS, *OPEN):
        assert java.matcher(text).find() == bool(re.search(RULE, text)), text
        assert re.search(RULE, text) or text not in (*SHAPES, *SECRETS)
