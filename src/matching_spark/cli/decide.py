"""matching-spark decide: what a person says of a pair."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from matching_spark.cli.options import Common, on_a_table, one_of

if TYPE_CHECKING:
    from matching_spark.matching.decisions import Verdict

WORDS: dict[str, "Verdict"] = {"confirm": "confirmed", "reject": "rejected"}


@on_a_table
def decide(
    common: Common,
    lost_id: Annotated[str, typer.Argument(help="The lost post.")],
    found_id: Annotated[str, typer.Argument(help="The found post.")],
    verdict: Annotated[str, typer.Argument(metavar="confirm|reject")],
    by: Annotated[str | None, typer.Option(help="Who decides; default: this user.")] = None,
) -> None:
    """Confirm or reject a pair: a rejected one is not proposed again, a confirmed one stays."""
    run = common.begin()
    decided = WORDS[one_of("verdict", verdict, WORDS)]
    from matching_spark.matching import decisions
    from matching_spark.spark.session import session
    from matching_spark.table.posts_table import PostsTable

    PostsTable.open(run.table_uri)  # no need of Spark to say that there is none
    with session(run.settings) as spark:
        opened = PostsTable.of(run.settings, spark)
        who = by or getpass.getuser()
        decisions.decide(opened, lost_id, found_id, decided, who)
    done = {"lost_id": lost_id, "found_id": found_id, "verdict": decided, "by": who}
    view = Table(*done)
    view.add_row(*done.values())
    run.emit(done, view)
