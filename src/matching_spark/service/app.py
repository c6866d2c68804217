"""The application: its routes with their guards, over a service that is running."""

from functools import partial
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from matching_spark.journal.posts import StoredPost
from matching_spark.score.components import Language
from matching_spark.service.guards.problems import Problem
from matching_spark.service.guards.typed import typed_of, within_office
from matching_spark.service.pages.contexts import ProblemKind, ProblemPage
from matching_spark.service.pages.office_contexts import SignInPage
from matching_spark.service.pages.render import SIGN_IN, STATIC, asset, assets, sign_in_url
from matching_spark.service.public.levels import Level
from matching_spark.service.public.matches import is_public
from matching_spark.service.routes.api import api_routes
from matching_spark.service.routes.api_models import REFUSED
from matching_spark.service.routes.office.things import OfficePages
from matching_spark.service.routes.person import PersonPages
from matching_spark.service.routes.photos import photos_router
from matching_spark.service.running import Service

FOREVER = "public, max-age=31536000, immutable"  # a file whose name has its hash
# What names a page of the office in its query. Of the rest nothing is said again in an address: it
# tells what was done just now, or may be anything.
NAMING = ("lost", "found", "post")
# Of what is asked with a form: sent again, with a new token or a little later, it may be done.
AGAIN: tuple[ProblemKind, ...] = ("form-expired", "too-many", "busy", "unavailable")
A_DAY = "public, max-age=86400"  # one whose name stays
DESCRIPTION = """\
What a person may ask needs no account; what is under /api/office needs a bearer token, which
`matching-spark account token NAME` makes. Errors are problem details (RFC 9457). A write that
brings an Idempotency-Key is done once, however often it is sent.
"""


def create_app(of: Service) -> FastAPI:
    """Every route of the service: pages, photos, the API and its description."""
    app = FastAPI(
        title="matching-spark",
        description=DESCRIPTION,
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # to an address by http, behind a proxy that speaks https
        dependencies=of.guards.dependencies,
    )

    def visible(request: Request, stored: StoredPost) -> bool:
        """Whoever is signed in sees every photo; others a found thing's, as its category allows,
        and that of a loss, whose photo's name only its own page says."""
        if of.guards.door.asker(request).account:
            return True
        post = stored.post
        if post.kind == "lost":
            return post.status == "open"
        return is_public(post) and of.showing.levels.level(post.category) is Level.OPEN

    app.add_api_route(STATIC + "{name}", _static, include_in_schema=False)
    app.add_api_route("/favicon.ico", _favicon, include_in_schema=False)
    for routes in (PersonPages(of).routes(), OfficePages(of).routes(), api_routes(of)):
        app.include_router(routes)
    photos = photos_router(of.desk, of.store, of.photo_names, visible)
    app.include_router(photos, responses=REFUSED)
    of.guards.protect(app, partial(_problem, of))
    return app


def _problem(of: Service, request: Request, problem: Problem, language: Language) -> Response:
    """The page that answers what went wrong."""
    path = request.url.path
    office = within_office(path)
    back = "/office" if office else "/"
    if problem.kind == "no-such-method" and request.method == "GET":
        return RedirectResponse(back, 303)  # a form's, opened again from a tab or a mark
    if problem.kind == "not-found" and request.method == "GET" and path.endswith("/"):
        whole = request.scope["path"]
        return RedirectResponse("/" + quote(whole.strip("/")), 303)  # never //another.site
    typed = typed_of(request)
    if office and _signed_out(of, request, problem):
        if typed is None:
            return RedirectResponse(sign_in_url(_shown(request)), 303)
        return of.page(request, SignInPage(typed=typed), status=problem.status)
    typed = typed if problem.kind in AGAIN and _alone(request, problem) else None
    page = ProblemPage(
        here=path if request.method == "GET" else "" if typed else back,
        kind=problem.kind,
        status=problem.status,
        detail=problem.detail,
        retry_after=problem.retry_after,
        back=back,
        typed=typed,
    )
    return of.page(request, page, status=problem.status)


def _signed_out(of: Service, request: Request, problem: Problem) -> bool:
    """Whether it is a session that is missing: a cookie that is there no more is one, too."""
    if problem.kind == "form-expired" and request.url.path != SIGN_IN:
        return of.forms.cookies.session not in request.cookies
    return problem.kind == "sign-in"


def _alone(request: Request, problem: Problem) -> bool:
    """Whether its answer is all that is shown: the form of one that takes a part of a page is there
    still, and its token with it."""
    return problem.kind == "form-expired" or "hx-request" not in request.headers


def _shown(request: Request) -> str:
    """The address of the office's page that was asked for, without what does not name it."""
    named = [each for each in request.query_params.multi_items() if each[0] in NAMING]
    query = urlencode(named, quote_via=quote, safe="")
    return quote(request.scope["path"]) + (f"?{query}" if query else "")


def _static(name: str) -> Response:
    file = assets().get(name)
    if file is None:
        raise HTTPException(404)
    headers = {"Cache-Control": FOREVER}
    return Response(file.body, media_type=file.media_type, headers=headers)


def _favicon() -> Response:
    """The pages' icon, for what a browser shows that is no page: a photo, JSON."""
    icon = assets()[asset("icon.svg").removeprefix(STATIC)]
    return Response(icon.body, media_type=icon.media_type, headers={"Cache-Control": A_DAY})
