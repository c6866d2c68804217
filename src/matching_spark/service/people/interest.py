"""'This may be mine': whoever registered a loss is told which office keeps a found thing."""

from collections.abc import Callable

from matching_spark.errors import InputError, NotFoundError
from matching_spark.journal.events import InterestTold
from matching_spark.journal.posts import StoredPost
from matching_spark.journal.store import Journal
from matching_spark.service.public.matches import Office, is_public, office_of
from matching_spark.service.public.opaque import Names


class Interests:
    """Of one journal. names: those that cards have; post: the desk's; upto: the last event of the
    journal that it knows."""

    def __init__(
        self,
        journal: Journal,
        names: Names,
        post: Callable[[str], StoredPost | None],
        upto: Callable[[], int],
    ) -> None:
        self._journal, self._names, self._post, self._upto = journal, names, post, upto

    def tell(self, lost_id: str, claim: str, who: str) -> Office:
        """Keep that a card's thing may be that of a lost post, and give who keeps it; twice is as
        once. Raises InputError for no claim of this service, NotFoundError for what is not there
        any more.
        """
        seen = self._upto()
        found, lost = self.claimed(claim), self._post(lost_id)
        found_id = found.post.post_id
        if lost is None or (lost.post.kind, lost.post.status) != ("lost", "open"):
            raise InputError("first register what you lost, then say that this may be it")
        if found_id not in self.told(lost_id):
            self._journal.append(InterestTold(lost_id, found_id), who, content={}, seen=seen)
        return office_of(found.post)

    def claimed(self, claim: str) -> StoredPost:
        """The found post of a card. Raises as `tell`."""
        found = self._post(self._names.open(claim))
        if found is None or not is_public(found.post):
            raise NotFoundError("this thing is not there any more: somebody has taken it back")
        return found

    def told(self, lost_id: str) -> frozenset[str]:
        """The ids of the found posts of which this was said."""
        told = (each.event for each in self._journal.history(f"post:{lost_id}"))
        return frozenset(each.found_id for each in told if isinstance(each, InterestTold))

    def office(self, lost_id: str, found_id: str) -> Office | None:
        """Who keeps a found thing, where it was said; None where it was not, or it is gone."""
        found = self._post(found_id) if found_id in self.told(lost_id) else None
        return office_of(found.post) if found is not None and is_public(found.post) else None
