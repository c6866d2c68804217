"""The office's search: every kind, state and field, with how likely each is and why."""

import time
from typing import Any, cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from matching_spark.domain.posts import Filters, Kind
from matching_spark.domain.told import told
from matching_spark.errors import PhotoError
from matching_spark.search.query import Query
from matching_spark.service.guards.fields import Fields, WrongField, wrong_of
from matching_spark.service.pages.contexts import Told
from matching_spark.service.pages.office_contexts import Hit, OfficeSearchPage, Thing, Wanted
from matching_spark.service.pages.render import similar_url
from matching_spark.service.people.shown import because
from matching_spark.service.posts.asks import Asked
from matching_spark.service.posts.review import MORE
from matching_spark.service.routes.office.base import OfficeRoutes
from matching_spark.service.routes.office.forms import wanted_of, wanted_said


class SearchPages(OfficeRoutes):
    """By words, a photo, or a post."""

    def routes(self) -> APIRouter:
        out = self._router()
        work = self._of.guards.work("search")
        out.add_api_route("/search", self.search_page, methods=["GET"], dependencies=work)
        out.add_api_route("/search", self.search, methods=["POST"], dependencies=work)
        return out

    def search_page(self, request: Request, post: str = "", more: str = "") -> Response:
        if not post:
            page = OfficeSearchPage(**self._office(request, "/office/search"))
            return self._of.page(request, page)
        stored = self._of.desk.known(post)
        kind = "found" if stored.post.kind == "lost" else "lost"
        wanted, like = Wanted(kind=cast(Any, kind)), self._thing(stored)
        return self._searched(request, wanted, Query(post_id=post), more=bool(more), like=like)

    def search(self, request: Request, fields: Fields) -> Response:
        """Without the public's limits: every kind, state and field."""
        asks, lang = self._of.finder.asks, fields["lang"]
        asked = request.query_params.get("asked", "")
        more = bool(request.query_params.get("more"))
        try:
            wanted = wanted_of(fields)
            photo = asks.find(asked).photo if asked else self._of.seen(fields.photo, keep=False)
            if photo is None and not wanted.words:
                raise WrongField("words", "needed")
        except (WrongField, PhotoError) as error:
            wrong, wanted = wrong_of(error), wanted_said(fields)
            page = OfficeSearchPage(**self._office(request), wanted=wanted, wrong=wrong)
            return self._of.page(request, page, lang)
        vector = None if photo is None else photo.vector
        kind: Kind = "found" if wanted.kind == "lost" else "lost"  # what looks for it
        query = Query(vector, wanted.words or None, kind=kind)
        if photo and not asked:  # for the other language, and for more
            asked = asks.keep(Asked(photo, Told()))
        return self._searched(request, wanted, query, lang, asked, more)

    def _searched(
        self,
        request: Request,
        wanted: Wanted,
        query: Query,
        lang: str = "",
        asked: str = "",
        more: bool = False,
        like: Thing | None = None,
    ) -> Response:
        began = time.perf_counter()
        where = Filters(
            wanted.kind,
            wanted.category or None,
            wanted.colour or None,
            wanted.region or None,
            wanted.since,
            wanted.until,
            wanted.status or None,
        )
        most = self._of.settings.similarity.top_k
        if more:
            most = max(MORE, most)
        result = self._of.desk.search(query, where, most, self._of.office_deadline)
        language = self._of.language(request, lang)
        hits = []
        for match in result.matches:
            if (stored := self._of.desk.post(match.post_id)) is not None:
                likely = told(match, result.score_kind, language)
                hits.append(
                    Hit(thing=self._thing(stored), likely=likely, why=because(match, language))
                )
        here = similar_url(like.post_id, more) if like else ""
        page = OfficeSearchPage(
            **self._office(request, here),
            wanted=wanted,
            like=like,
            asked=asked,
            hits=tuple(hits),
            searched=result.searched,
            complete=result.complete,
            full=len(result.matches) == most,
            deep=most >= MORE,
            seconds=time.perf_counter() - began,
        )
        return self._of.page(request, page, lang)
