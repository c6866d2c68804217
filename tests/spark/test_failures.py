"""Why Spark did not start, or has ended: by what its JVM and its workers said."""

import re

import pytest

from matching_spark.spark.failures import cause, of_start

GONE = "[JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port number."


@pytest.mark.parametrize(
    ("said", "why", "remedy"),
    [
        (
            'WARNING: Using incubator modules\nException in thread "main" java.lang.'
            "UnsupportedOperationException: getSubject is not supported\n\tat java.base/javax",
            "getSubject is not supported",
            "Java 17 or 21",
        ),
        (
            "Error: LinkageError occurred while loading main class org.apache.spark.launcher.Main\n"
            "\tjava.lang.UnsupportedClassVersionError: org/apache/spark/launcher/Main has been "
            "compiled by a more recent version\nbin/spark-class: line 97: CMD: bad array subscript",
            "LinkageError",
            "-v shows",
        ),
        (
            "Error occurred during initialization of boot layer\njava.lang.module.FindException: "
            "Module jdk.incubator.vector not found",
            "Module jdk.incubator.vector not found",
            "cut down",
        ),
        (
            "Invalid maximum heap size: -Xmxlots\nError: Could not create the Java Virtual Machine."
            "\nError: A fatal exception has occurred. Program will exit.",
            "-Xmxlots",
            "spark.driver.memory",
        ),
        (
            "Error occurred during initialization of VM\nCould not reserve enough space for "
            "1048574951424KB object heap",
            "Could not reserve enough space",
            "spark.driver.memory",
        ),
        (
            "Error occurred during initialization of VM\n"
            "Could not allocate compressed class space: 1073741824 bytes",
            "Could not allocate",
            "spark.driver.memory",
        ),
        (
            "::::\n\t::          UNRESOLVED DEPENDENCIES\n Server access error at url https://repo1\n"
            'Exception in thread "main" java.lang.RuntimeException: [unresolved dependency: org.'
            "apache.iceberg#iceberg-spark-runtime-4.1_2.13;1.12.0: not found]\n\tat org",
            "iceberg-spark-runtime",
            "proxy",
        ),
        (
            'Exception in thread "main" org.apache.spark.SparkException: Master must either be '
            "yarn or start with spark, k8s, or local\n\tat org.apache.spark.deploy",
            "Master must either be",
            "spark.master is local[*]",
        ),
        (
            'Exception in thread "main" org.apache.spark.SparkException: When running with master '
            "'yarn' either HADOOP_CONF_DIR or YARN_CONF_DIR must be set in the environment.",
            "HADOOP_CONF_DIR or YARN_CONF_DIR",
            "hadoop.conf_dir",
        ),
        (
            'Exception in thread "main" java.io.FileNotFoundException: /nonexistent/.ivy2.5.2/'
            "cache/resolved-org.apache.spark-1.0.xml (No such file or directory)",
            "/nonexistent/.ivy2",
            "give spark.jars.ivy one",
        ),
        (
            "Error: A JNI error has occurred, please check your installation and try again\n"
            'Exception in thread "main" java.lang.InternalError: Error loading java.security file\n'
            "\tat java.base/java.security.Security.initialize(Security.java:106)",
            "java.security file",
            "ulimit -n",  # of 256
        ),
        ("", "gateway process exited", "-v shows"),
    ],
)
def test_why_a_jvm_did_not_start(said: str, why: str, remedy: str) -> None:
    told = of_start(RuntimeError(GONE), said)
    assert why in told
    assert remedy in told
    assert "\n" not in told


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "Connection refused"),
        RuntimeError("Error while sending or receiving"),
        RuntimeError("Answer from Java side is empty"),
    ],
)
def test_why_a_jvm_has_ended_that_had_answered(error: Exception) -> None:
    """As one does that has no folder for its blocks, by SPARK_LOCAL_DIRS of another machine."""
    said = (
        "22:24:22 ERROR DiskBlockManager: Failed to create local dir in /x. Ignoring it."
        "\njava.io.IOException: Failed to create a temp directory (under /x) after 10 attempts!\n"
        "\tat org.apache.spark\n22:24:22 ERROR DiskBlockManager: Failed to create any local dir.\n"
    )
    told = of_start(error, said)
    assert told.startswith("DiskBlockManager: Failed to create any local dir; spark.local.dir, or ")
    assert told.endswith("SPARK_LOCAL_DIRS, names no folder to write in")
    assert of_start(error, "WARNING: of no matter\n").endswith(
        f"{error}; -v shows all that its JVM said"
    )


def test_why_a_context_did_not_start() -> None:
    error = (
        "An error occurred while calling None.org.apache.spark.api.java.JavaSparkContext.\n"
        ": org.apache.spark.SparkException: The number of cores per executor (=1) has to be >= the "
        "number of cpus per task = 2.\n\tat org.apache.spark.resource"
    )
    told = of_start(RuntimeError(error), "")
    assert "cpus per task = 2; ask for fewer (spark.task.cpus)" in told


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collect.\n"
            ": org.apache.spark.SparkException: Job aborted due to stage failure\n\tat org.apache\n"
            "Caused by: org.apache.spark.SparkException: \nError from python worker:\n"
            "  /usr/bin/python3: Error while finding module specification for "
            "'matching_spark.worker' (ModuleNotFoundError: No module named 'matching_spark')\n"
            "PYTHONPATH was:\n  /x.zip",
            r"/usr/bin/python3: .*No module named 'matching_spark'\) \(PYSPARK_PYTHON .* must name",
        ),
        (
            "Job aborted\npyspark.errors.exceptions.base.PySparkRuntimeError: "
            "[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.9 than that in "
            "driver: 3.11\n\tat org",
            "^.PYTHON_VERSION_MISMATCH. .*3.9",
        ),
    ],
)
def test_a_python_that_workers_cannot_run(text: str, says: str) -> None:
    assert re.search(says, cause(text))
