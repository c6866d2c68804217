"""The office's accounts: who may sign in, by a name and a password, of which its hash is kept

An account is one event of the journal with name and hash as its sealed content; another password
takes the place of that content, and removing the account forgets it.
"""

import base64
import datetime as dt
import os
import secrets
import unicodedata
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete

from matching_spark.errors import InputError, NotFoundError
from matching_spark.journal.events import AccountMade, PasswordChanged
from matching_spark.journal.store import Content, Journal, Record
from matching_spark.journal.tables import contents
from matching_spark.service.guards.sessions import Sessions

SYSTEM = "system"  # who makes accounts: the command line
MAX_NAME = 64  # characters
MIN_PASSWORD = 12  # characters: NIST SP 800-63B-4 asks for 15 where nothing else is asked for
MAX_PASSWORD = 1024  # characters
MAX_ACCOUNTS = 1000


@dataclass(frozen=True)
class Account:
    """Who may sign in. account_id: account- and 32 hexadecimal digits; made_at: UTC."""

    account_id: str
    name: str
    made_at: dt.datetime


class Accounts:
    """The accounts of a journal; every process sees the others' at once."""

    def __init__(self, journal: Journal, hasher: PasswordHasher | None = None) -> None:
        """hasher: argon2id of RFC 9106's second choice (64 MiB, 3 passes) by default."""
        self._journal, self._hasher = journal, hasher or PasswordHasher()
        self._nobodys = _unmatched(self._hasher)
        self._names: dict[str, str] = {}  # by id; a name never changes

    def add(self, name: str, password: str) -> Account:
        """A new account. Raises InputError for a name that is taken or not printable, and for a
        password that is too short or too long."""
        said = _named(name)
        content = {"name": said, "hash": self._hashed(password)}

        def check(of: Connection) -> None:
            there = self._journal.accounts(of)
            if len(there) >= MAX_ACCOUNTS:
                raise InputError(f"there are {MAX_ACCOUNTS} accounts: remove one")
            if any(folded(content["name"]) == folded(said) for _, content in there):
                raise InputError(f"there is an account {said!r}: take another name, or remove it")

        made = AccountMade(f"account-{secrets.token_hex(16)}")
        record = self._journal.append(made, SYSTEM, content=content, check=check)
        return _account(record, content)

    def change(self, account: Account, password: str, who: str = SYSTEM, stays: str = "") -> None:
        """Give an account another password: whoever is signed in by a browser is so no longer, but
        for the session of the token `stays`.

        Raises InputError for a password that is too short or too long, or where the account was
        removed.
        """
        changed = PasswordChanged(account.account_id)

        def check(of: Connection) -> None:
            of.execute(delete(contents).where(contents.c.subject == changed.subject))
            Sessions.end_browsers(account.account_id, of, stays)

        content = {
            "name": account.name,
            "hash": self._hashed(password),
            "made_at": account.made_at.isoformat(),
        }
        self._journal.append(changed, who, content=content, check=check)

    def listed(self) -> list[Account]:
        """Every account, the oldest first."""
        every = [_account(*each) for each in self._journal.accounts()]
        return sorted(every, key=lambda each: each.made_at)

    def named(self, name: str) -> Account:
        """The account of a name. Raises NotFoundError."""
        for each in self.listed():
            if folded(each.name) == folded(name):
                return each
        raise NotFoundError(f"there is no account {name!r}")

    def name(self, account_id: str) -> str:
        """The name of an account that there is or was."""
        if account_id not in self._names:
            self._names |= {each.account_id: each.name for each in self.listed()}
        return self._names.get(account_id, "")

    def remove(self, name: str) -> Account:
        """Forget the account: nobody signs in with it any more, and who was is no longer.

        Raises NotFoundError, and StorageError as Journal.forget does.
        """
        account = self.named(name)
        self._journal.forget(f"account:{account.account_id}", SYSTEM)
        return account

    def verified(self, name: str, password: str) -> Account | None:
        """The account of a name and its password, else None.

        One hash is verified whether there is such a name or not: the time tells nothing.
        """
        found, hashed = None, self._nobodys
        for record, content in self._journal.accounts():
            if folded(content["name"]) == folded(name):
                found, hashed = _account(record, content), content["hash"]
        try:
            self._hasher.verify(hashed, _normal(password))
        except (VerificationError, InvalidHashError):
            return None
        return found

    def _hashed(self, password: str) -> str:
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise InputError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
        return self._hasher.hash(_normal(password))


def folded(name: str) -> str:
    """What two names have in common that are the same one: neither capitals nor the way in which a
    keyboard composes Hangul tell them apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())


def _named(name: str) -> str:
    said = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(said) <= MAX_NAME or not said.isprintable():
        raise InputError(f"an account's name has 1 to {MAX_NAME} printable characters")
    return said


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _account(record: Record, content: Content) -> Account:
    account_id = str(record.event.subject).removeprefix("account:")
    made_at = content.get("made_at")  # where the password was changed since
    at = record.at if made_at is None else dt.datetime.fromisoformat(made_at)
    return Account(account_id, content["name"], at)


def _unmatched(hasher: PasswordHasher) -> str:
    """A hash as the hasher makes them, of no password that anybody knows: random bytes."""
    salt, digest = (
        base64.b64encode(os.urandom(length)).decode().rstrip("=")
        for length in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
