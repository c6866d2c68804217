"""Bodies of JSON: a name that comes twice in one is refused, and named."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from matching_spark.guard.each_once import Doubled, each_once


class _Request(Request):
    async def json(self) -> Any:
        return json.loads(await self.body(), object_pairs_hook=each_once)


class JsonRoute(APIRoute):
    """A route whose body has each name once. Raises RequestValidationError for another."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await answer(_Request(request.scope, request.receive))
            except HTTPException as error:  # as FastAPI tells what `json` raised
                if not isinstance(doubled := error.__cause__, Doubled):
                    raise
                fault = {"type": "doubled", "loc": ("body", doubled.name), "msg": ""}
                raise RequestValidationError([fault]) from None

        return answered
