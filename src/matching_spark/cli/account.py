"""matching-spark account: who may sign in to the service."""

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from matching_spark.cli.app import PLAIN
from matching_spark.cli.options import Common, Run, check_words, stderr, with_settings
from matching_spark.errors import extra

if TYPE_CHECKING:
    from matching_spark.service.guards.accounts import Accounts
    from matching_spark.service.guards.sessions import Sessions

account = typer.Typer(
    help="Who may sign in to the service: add, password, list, remove, token, revoke.",
    no_args_is_help=True,
    **PLAIN,
)
NameArgument = Annotated[str, typer.Argument(help="What the person signs in with.")]


@account.command()
@with_settings
def add(common: Common, name: NameArgument) -> None:
    """Let somebody sign in; the password is asked for, or read from stdin."""
    run = common.begin()
    with _opened(run, create=True) as (accounts, _):
        made = accounts.add(name, _password())
    run.emit(_told(made, "account_id", "name"), f"{made.name} may sign in")


@account.command()
@with_settings
def password(common: Common, name: NameArgument) -> None:
    """Give somebody another password, asked for or read from stdin; their browsers are signed out.

    Tokens stay: `account revoke` ends them.
    """
    run = common.begin()
    with _opened(run) as (accounts, _):
        changed = accounts.named(name)
        accounts.change(changed, _password())
    run.emit(_told(changed, "account_id", "name"), f"{changed.name} has another password")


@account.command("list")
@with_settings
def listed(common: Common) -> None:
    """The accounts and their tokens, without what opens them."""
    run = common.begin()
    with _opened(run) as (accounts, sessions):
        every, tokens = accounts.listed(), sessions.tokens()
    view = Table("name", "since", "token", "last used", "ends")
    out = []
    for each in every:
        mine = [token for token in tokens if token.account_id == each.account_id]
        view.add_row(each.name, _day(each.made_at), "", "", "")
        for token in mine:
            view.add_row("", "", token.token_id, _day(token.seen_at), _day(token.ends_at))
        said = [_told(token, "token_id", "made_at", "seen_at", "ends_at") for token in mine]
        out.append(_told(each, "account_id", "name", "made_at") | {"tokens": said})
    run.emit({"accounts": out}, view)


@account.command()
@with_settings
def remove(common: Common, name: NameArgument) -> None:
    """Erase an account; whoever is signed in with it is so no longer, nor do its tokens open."""
    run = common.begin()
    with _opened(run) as (accounts, sessions):
        gone = accounts.remove(name)
        sessions.end_all(gone.account_id)
    run.emit(_told(gone, "account_id", "name"), f"{gone.name} is erased")


@account.command()
@with_settings
def token(
    common: Common,
    name: NameArgument,
    days: Annotated[int, typer.Option(min=1, max=366, help="Until it ends.")] = 90,
) -> None:
    """Print a token once, by which a program does what the account may: Authorization: Bearer."""
    run = common.begin()
    with _opened(run) as (accounts, sessions):
        owner = accounts.named(name)
        made, secret = sessions.issue(owner.account_id, dt.timedelta(days=days))
    run.emit({"token": secret} | _told(made, "token_id", "ends_at"), secret)
    stderr.print(
        f"it is not shown again; it ends on {_day(made.ends_at)}, or by "
        f"`matching-spark account revoke {made.token_id}`"
    )


@account.command()
@with_settings
def revoke(
    common: Common, token_id: Annotated[str, typer.Argument(help="As `account list` names it.")]
) -> None:
    """End a token."""
    run = common.begin()
    with _opened(run) as (_, sessions):
        sessions.revoke(token_id)
    run.emit({"token_id": token_id}, f"{token_id} opens nothing any more")


@contextmanager
def _opened(run: Run, create: bool = False) -> Iterator[tuple["Accounts", "Sessions"]]:
    """The accounts and sessions of the journal that the settings name. create: it is made where
    there is none."""
    with extra("service", "the service"):  # half a second, which the help of a command does without
        from matching_spark.journal.store import Journal
        from matching_spark.service.guards.accounts import Accounts
        from matching_spark.service.guards.sessions import Sessions
    with closing((Journal.open_or_create if create else Journal.open)(run.settings)) as journal:
        yield Accounts(journal), Sessions(journal, run.settings.service.session_hours)


def _password() -> str:
    if sys.stdin.isatty():
        said: str = typer.prompt("password", hide_input=True, confirmation_prompt=True, err=True)
        return said
    piped = sys.stdin.readline().rstrip("\r\n")
    check_words({"the password": piped})
    return piped


def _told(of: object, *names: str) -> dict[str, Any]:
    """These of an account or a token, moments as JSON has them."""
    said = {name: getattr(of, name) for name in names}
    return {n: v.isoformat() if isinstance(v, dt.datetime) else v for n, v in said.items()}


def _day(at: dt.datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M")
