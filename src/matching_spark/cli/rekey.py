"""matching-spark rekey: the service's journal sealed by another key."""

from matching_spark.cli.options import Common, terminal, with_settings
from matching_spark.errors import extra


@with_settings
def rekey(common: Common) -> None:
    """Seal the journal by service.key instead of service.former_key; run it again if cut off."""
    with extra("service", "the journal"):
        from matching_spark.journal.rekey import rekey as seal_anew

    run = common.begin()
    with terminal() as progress:
        done = seal_anew(run.settings, progress)
    said = f"{done:,} contents were sealed anew; nothing is sealed by the former key any more"
    run.emit({"contents": done}, said)
