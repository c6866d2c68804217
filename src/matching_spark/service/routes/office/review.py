"""Pairs of a lost and a found thing, compared side by side, and what is said of them."""

from collections.abc import Sequence
from typing import Any, cast

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from matching_spark.domain.told import told
from matching_spark.journal.events import VERDICTS, Verdict
from matching_spark.service.guards.fields import Fields
from matching_spark.service.guards.problems import Refused
from matching_spark.service.pages.office_contexts import Entry, Pairing, ReviewPage
from matching_spark.service.pages.render import pair_url
from matching_spark.service.people.shown import because, compared
from matching_spark.service.posts.review import SHOWN, Pair
from matching_spark.service.routes.office.base import OfficeRoutes, asker_of, to
from matching_spark.service.routes.office.forms import undo_of


class ReviewPages(OfficeRoutes):
    """The queue of pairs, one after the other."""

    def routes(self) -> APIRouter:
        out = self._router()
        work = self._of.guards.work("search")  # of a pair, how likely it is
        out.add_api_route("/review", self.review, methods=["GET"], dependencies=work)
        out.add_api_route("/decisions", self.decide, methods=["POST"])
        return out

    def review(
        self,
        request: Request,
        lost: str = "",
        found: str = "",
        was: str = "",
        said: str = "",
        of: str = "",
    ) -> Response:
        """A pair, or the first of the queue. of, said, was: the pair just decided (its ids, with a
        NUL between), what was said of it and what before, to undo it. Raises Refused for a pair of
        which nothing can be said any more: others are left."""
        queue = self._of.review.queue()
        pair = (lost, found) if lost and found else None
        if pair is None:
            pair = next(iter(queue), None)
        posts = None if pair is None else self._of.review.posts(pair)
        if posts is None and lost and found:
            raise Refused("gone")
        undo = undo_of(of, said, was)
        here = "/office/review" if pair is None else pair_url(*pair)
        common = self._office(request, here, "decided" if undo else "")
        if pair is None or posts is None:
            return self._of.page(request, ReviewPage(**common, pair=None, undo=undo))
        language, match = self._of.language(request), self._of.review.judged(pair)
        decided = self._of.review.decided().get(pair)
        at = queue.index(pair) if pair in queue else -1
        page = ReviewPage(
            **common,
            pair=Pairing(
                lost=self._thing(posts[0]),
                found=self._thing(posts[1]),
                likely="" if match is None else told(match, "fused", language),
            ),
            compared=compared(posts[0].post, posts[1].post, language),
            why="" if match is None else because(match, language),
            decided=cast(Any, decided.verdict if decided else ""),
            history=self._decisions(pair),
            number=at + 1,
            count=len(queue),
            previous=pair_url(*queue[at - 1]) if at > 0 else "",
            next=pair_url(*queue[at + 1]) if at < len(queue) - 1 else "",
            undo=undo,
        )
        return self._of.page(request, page)

    def decide(self, request: Request, fields: Fields) -> Response:
        verdict = next((each for each in VERDICTS if each == fields["verdict"]), None)
        if verdict is None:
            raise Refused("invalid", field="verdict")
        pair = (fields["lost_id"], fields["found_id"])
        before = self._of.review.decided().get(pair)
        self._of.desk.decide(*pair, verdict, asker_of(request).account, None)
        if fields["undo"]:
            return RedirectResponse(pair_url(*pair), 303)
        was = before.verdict if before else "unsure"
        return to("/office/review", of="\0".join(pair), said=verdict, was=was)

    def pairings(self, queue: Sequence[Pair]) -> list[Pairing]:
        return [
            Pairing(lost=self._thing(posts[0]), found=self._thing(posts[1]))
            for pair in queue[:SHOWN]
            if (posts := self._of.review.posts(pair))
        ]

    def _decisions(self, pair: Pair) -> tuple[Entry, ...]:
        said = self._of.review.decided().get(pair)
        if said is None:
            return ()
        verdict = cast(Verdict, said.verdict)
        return (Entry(at=said.at, who=self._name(said.who), what="decided", said=verdict),)
