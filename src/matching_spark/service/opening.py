"""Opening a service over its journal, table and model: what it consists of, made and warm."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

from PIL import Image

from matching_spark.config import Settings
from matching_spark.domain.posts import Filters
from matching_spark.errors import ModelError
from matching_spark.operations.describe import describe
from matching_spark.operations.merger import journal_of
from matching_spark.operations.warehouse import model_of, there
from matching_spark.progress import SILENT, Progress
from matching_spark.search.query import Query
from matching_spark.service.guards.guards import Guards
from matching_spark.service.pages.render import prepare
from matching_spark.service.people.contacts import Contacts
from matching_spark.service.people.finding import Finder
from matching_spark.service.people.interest import Interests
from matching_spark.service.people.links import Links
from matching_spark.service.people.mail import Mailer
from matching_spark.service.people.news import News
from matching_spark.service.people.outbox import Outbox
from matching_spark.service.photos.decoder import Decoders
from matching_spark.service.photos.names import PhotoNames
from matching_spark.service.photos.store import PhotoStore
from matching_spark.service.posts.arrivals import Arrivals
from matching_spark.service.posts.asks import Asks
from matching_spark.service.posts.desk import Desk
from matching_spark.service.posts.review import Review
from matching_spark.service.public.levels import Levels
from matching_spark.service.public.matches import Showing
from matching_spark.service.public.opaque import Names
from matching_spark.service.running import Service


@contextmanager
def opened(
    settings: Settings, demo: bool = False, progress: Progress = SILENT
) -> Iterator[Service]:
    """A service over the settings' journal, table and model. What can be told at once is, before
    anything is loaded. Raises as Journal.open, Levels, Mailer and Desk do."""
    wanted, key = settings.service, settings.service.key or ""
    with ExitStack() as held:
        journal = held.enter_context(closing(journal_of(settings)))
        levels = Levels.of(wanted)
        mailer = None if wanted.smtp_host is None else Mailer(wanted)
        progress.say("loading the model and the posts ...")
        decoders = held.enter_context(closing(Decoders.of(settings)))
        store = PhotoStore(settings, decoders)
        model = model_of(settings, there(settings))
        desk = held.enter_context(closing(Desk(settings, journal, model, store)))
        links, photo_names, claims = Links(journal), PhotoNames(key), Names(key, "claim")
        contacts, outbox = Contacts(journal, links, key), None
        if mailer is not None:
            outbox = Outbox(journal, links, contacts, mailer, wanted.mails_per_minute)
        showing = Showing(levels, claims, photo_names.picture)
        yield Service(
            settings=settings,
            desk=desk,
            finder=Finder(desk, Asks(), showing, outbox is not None, wanted.search_budget_s),
            showing=showing,
            guards=Guards.of(settings, journal),
            decoders=decoders,
            store=store,
            photo_names=photo_names,
            links=links,
            contacts=contacts,
            interests=Interests(journal, claims, desk.post, lambda: desk.tail.upto),
            news=News(journal, desk, Arrivals(desk), showing, contacts, outbox),
            review=Review(desk),
            demo=demo,
        )


def warm(of: Service) -> None:
    """Load all that a first request would wait for: shards, both towers, decoders, names of things.

    Raises StorageError and ModelError.
    """
    desk = of.desk
    desk.engine.warm()
    of.decoders.wait()
    side = Image.new("RGB", (64, 64), "white")
    desk.model.embed_images([side])
    query = Query(text="어제 서울역에서 검정 지갑")
    for _ in range(2):  # the second joins small shards, which took 0.7 s of a first request
        desk.public_search(query, understand=True)
        desk.search(query, Filters(kind="found"))
    with suppress(ModelError):  # a model that has not learnt how sure it is: nothing is suggested
        describe(side, desk.model)
    of.review.refresh()
    prepare()
