"""An environment as on a machine where nothing of ours has run."""

import os
from pathlib import Path

from matching_spark import telemetry

OURS = "matching-spark"
# By these onnxruntime knows a run of tests, of which it does not report.
RUNS_OF_TESTS = [
    "CI",
    "TF_BUILD",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "CIRCLECI",
    "TRAVIS",
    "JENKINS_URL",
    "CODEBUILD_BUILD_ID",
    "BUILDKITE",
]


def empty_home(folder: Path) -> dict[str, str]:
    """An environment whose home and cache are empty, and in which nothing is turned off."""
    home, cache = folder / "home", folder / "cache"
    home.mkdir()
    cache.mkdir()
    kept = {k: v for k, v in os.environ.items() if k not in {*telemetry.OFF, *RUNS_OF_TESTS}}
    kept.pop("MATCHING_CACHE__FOLDER", None)
    # What would be sent all the same goes nowhere.
    proxies = dict.fromkeys(("https_proxy", "HTTPS_PROXY", "http_proxy"), "http://127.0.0.1:9")
    return kept | proxies | {"HOME": str(home), "XDG_CACHE_HOME": str(cache)}


def left(env: dict[str, str]) -> list[str]:
    """All files below the home and the cache folder that are not ours."""
    found = []
    for folder in map(Path, (env["HOME"], env["XDG_CACHE_HOME"])):
        files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        found += [str(path) for path in files if path.parts[0] != OURS]
    return found
