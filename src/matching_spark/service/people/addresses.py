"""Which mail addresses are taken."""

import re

from matching_spark.errors import InputError

MAX_ADDRESS = 254  # characters (RFC 5321, 4.5.3.1.3)
# ASCII alone, nothing quoted: none of it can end a header's line or name a second address.
ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}){0,9}"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,9}"
    r"(?:[A-Za-z]{2,63}|xn--[A-Za-z0-9-]{1,59})"  # .한국 is xn--3e0b707e, as browsers send it
)


def checked_address(said: str) -> str:
    """Raises InputError unless mail can go there."""
    address = said.strip()
    if len(address) > MAX_ADDRESS or not ADDRESS.fullmatch(address):
        raise InputError(
            "this is no mail address: write it as name@example.com", argument="address"
        )
    return address
