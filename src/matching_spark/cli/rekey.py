"""matching-spark rekey: the service's journal sealed by another key."""

from matching_spark.cli.options import (
    JsonOption,
    SettingsOption,
    VerboseOption,
    begin,
    terminal,
)
from matching_spark.errors import extra


def rekey(
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Seal the journal by service.key instead of service.former_key; run it again if cut off."""
    with extra("service", "the journal"):
        from matching_spark.journal.rekey import rekey as seal_anew

    run = begin(None, None, settings_file, as_json, verbose)
    with terminal() as progress:
        done = seal_anew(run.settings, progress)
    said = f"{done:,} contents were sealed anew; nothing is sealed by the former key any more"
    run.emit({"contents": done}, said)
