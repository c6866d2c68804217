"""What the office's pages share."""

import datetime as dt
from typing import Any, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from matching_spark.journal.posts import StoredPost
from matching_spark.service.guards.door import Asker
from matching_spark.service.pages.contexts import Notice
from matching_spark.service.pages.office_contexts import Thing
from matching_spark.service.people.shown import thing
from matching_spark.service.running import Service


class OfficeRoutes:
    """Pages of who is signed in."""

    def __init__(self, of: Service) -> None:
        self._of = of

    def _router(self) -> APIRouter:
        """Of routes whose path is told whole where a request is logged and counted, as it is not of
        a router that gets its prefix from another one."""
        return APIRouter(prefix="/office", dependencies=[Depends(self._of.guards.door.office)])

    def _office(self, request: Request, here: str = "", notice: str = "") -> dict[str, Any]:
        """What every page of the office has."""
        said = notice if notice in get_args(Notice) else ""
        return {"who": asker_of(request).name, "here": here, "notice": said}

    def _thing(self, stored: StoredPost, expires: dt.date | None = None) -> Thing:
        return thing(stored, self._of.photo_names.pictures(stored), expires)

    def _name(self, who: str) -> str:
        """Of an account; '' of a person, who stays unnamed, and of the service itself."""
        return self._of.accounts.name(who) if who.startswith("account-") else ""


def asker_of(request: Request) -> Asker:
    """Who is signed in, as Door.office has found."""
    asker: Asker = request.state.asker
    return asker


def to(url: str, **query: str) -> Response:
    """A redirect after a form was done."""
    return RedirectResponse(f"{url}?{urlencode(query)}", 303)
