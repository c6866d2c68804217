"""What was typed into a form that is not done: carried to the page from which it is sent again.

A form may come after its session has ended, with a token that is too old, or when there is no room.
The page that answers it then has what it said, and one press sends it, after signing in where that
is what it lacked. Until then nothing of it is done, and nothing kept: only that page has it.
"""

import re

from starlette.datastructures import UploadFile
from starlette.requests import Request

from matching_spark.service.guards.forms import FIELD, form_in
from matching_spark.service.pages.contexts import Typed
from matching_spark.service.pages.render import CARRIED, SIGN_IN

SECRET = ("password", "now", "new")  # a form that has one of these is filled in again
PHOTO = "photo"  # of a file that was chosen a page cannot bring more than its name


def within_office(url: str) -> bool:
    """Whether it is an address of the office, and of no other site."""
    return re.match("/office(?:[/?]|$)", url) is not None


def typed_of(request: Request) -> Typed | None:
    """What the form of a request said, or the one that a page which signs in has carried; None
    where it said nothing, or what is a secret."""
    form = form_in(request)
    if form is None:
        return None
    to, said = request.url.path, list[tuple[str, str]]()
    for name, value in form.multi_items():
        if not isinstance(value, UploadFile):
            said.append((name, value))
        elif value.filename:
            said.append((PHOTO, value.filename))
    if to == SIGN_IN:
        to = next((value for name, value in said if name == "to"), "")
        said = [(n.removeprefix(CARRIED), value) for n, value in said if n.startswith(CARRIED)]
        if not within_office(to):
            return None
    names = {name for name, _ in said}
    if names & {*SECRET} or names <= {FIELD, PHOTO}:
        return None
    return Typed(to, tuple(each for each in said if each[0] != FIELD))
