"""Libraries that report every run to their makers are told not to, before any of them is imported.

The package itself does it, so that whoever imports something of ours has done it; executors are
given it too, whose tasks may import a library before they import us.
"""

import os

OFF = {
    # Onnxruntime 1.29 and later, at its import; its own disable_telemetry_events() is too late.
    "ORT_DISABLE_TELEMETRY": "1",
    # huggingface_hub, and hf_xet, which reports each transfer.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_XET_TELEMETRY_ENABLED": "0",
    "DO_NOT_TRACK": "1",  # what others heed (donottrack.sh), also those that come to report later
}


def turn_off() -> None:
    """In this process and its children, whatever the environment said before."""
    os.environ.update(OFF)


def of_executors() -> dict[str, str]:
    """Spark's keys that do the same in the Python of every executor, whatever starts it."""
    return {f"spark.executorEnv.{name}": value for name, value in OFF.items()}
