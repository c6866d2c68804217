"""The office's queues: pairs to be compared, what came today, what expires; how the service is."""

import datetime as dt
import json
from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table.snapshots import Snapshot

from matching_spark import storage
from matching_spark.domain.posts import KINDS, SEOUL, Filters, Kind, seoul_today
from matching_spark.domain.results import Match
from matching_spark.errors import MatchingError
from matching_spark.journal.events import PairDecided, PostAdded
from matching_spark.journal.posts import OF_POST, StoredPost
from matching_spark.journal.store import Record
from matching_spark.matching import decisions
from matching_spark.matching.retention import Expiring, expiring_of
from matching_spark.search.query import Query
from matching_spark.service.pages.office_contexts import State
from matching_spark.service.posts.desk import Desk
from matching_spark.shards.arrow import read_columns
from matching_spark.shards.shard import flags
from matching_spark.table import side_tables
from matching_spark.table.catalog import MATCHED
from matching_spark.table.mark import MARK, after
from matching_spark.table.metadata import current_metadata, planned_files

MATCHES = "matches"  # the table that `match` keeps
KEPT = 5000  # pairs of it that are listed, the best
FRESH = 100  # posts of those events that no match knows yet, whose own pairs are looked for
RECENT = 2000  # events that are looked through for them; as many at once for what came today
SHOWN, MORE = 8, 100  # of a queue on the desk, and where one asks for more of it
Pair = tuple[str, str]  # of a lost and a found post, by their ids
Ranked = tuple[bool, float, Pair]  # whether somebody was not sure, and its score below 0


@dataclass(frozen=True)
class Said:
    """What was said of a pair last. who: as the journal or the table has it."""

    verdict: str
    who: str
    at: dt.datetime


class Review:
    """Of one desk. `refresh` works out what the queues are made of; a thread calls it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen: object = None  # which file of the matches table was read
        self._kept: dict[Pair, float] = {}  # its pairs, the score of each
        self._matched = 0  # the last event that the posts had of which they are
        self._upto = 0  # the last event whose post was looked at
        self._fresh: dict[str, tuple[int, dict[Pair, float]]] = {}  # of a post: its event, pairs
        self._decided: tuple[object, dict[Pair, Said]] = (None, {})

    def refresh(self) -> None:
        """Read what a match has kept since, and find the pairs of posts that are newer."""
        metadata = current_metadata(self._desk.table.uri, MATCHES)
        if metadata is not None and metadata.metadata_location != self._seen:
            now = metadata.current_snapshot()
            tasks = [] if now is None else planned_files(metadata, now, MATCHES)
            pairs: dict[Pair, float] = {}
            for uri in (storage.recorded(task.file.file_path) for task in tasks):
                rows = read_columns(uri, ["lost_id", "found_id", "score"]).to_pydict()
                ids = zip(rows["lost_id"], rows["found_id"], strict=True)
                pairs |= dict(zip(ids, rows["score"], strict=True))
            best = sorted(pairs.items(), key=lambda each: (-each[1], each[0]))[:KEPT]
            self._kept, self._seen = dict(best), metadata.metadata_location
            self._matched = 0 if now is None else self._event_of(now)
        journal, upto = self._desk.journal, self._desk.tail.upto
        begin = max(self._upto, self._matched, upto - RECENT)
        changed: dict[str, int] = {}  # the newest last
        for record in journal.tail(begin, max(1, upto - begin)):
            if isinstance(record.event, OF_POST) and record.sequence <= upto:
                changed.pop(record.event.post_id, None)
                changed[record.event.post_id] = record.sequence
        for post_id, event in list(changed.items())[-FRESH:]:
            self._fresh[post_id] = event, self._pairs_of(self._desk.post(post_id))
        self._upto = upto
        self._fresh = {i: of for i, of in self._fresh.items() if of[0] > self._matched}

    def queue(self) -> list[Pair]:
        """The pairs that nobody has decided, in their order."""
        return [pair for _, _, pair in self.ranked()]

    def ranked(self) -> list[Ranked]:
        """The pairs that nobody has decided and that still can be (as `posts`), the likeliest
        first; those that somebody was not sure of at the end."""
        decided = self.decided()
        pairs = dict(self._kept)
        for _, each in self._fresh.values():
            pairs |= each
        lost, found = (
            self._open(kind, {each for pair in pairs for each in pair}) for kind in KINDS
        )
        return sorted(
            (pair in decided, -score, pair)
            for pair, score in pairs.items()
            if pair not in decided or decided[pair].verdict == "unsure"
            if pair[0] in lost and pair[1] in found
        )

    def _open(self, kind: Kind, ids: Set[str]) -> Set[str]:
        """The ids, of these, of open posts of a kind."""
        wanted, where = pa.array(list(ids), pa.string()), Filters(kind=kind)
        out: set[str] = set()
        for shard in self._desk.shards().values():
            mine = shard.where(where) & flags(pc.is_in(shard.metadata["post_id"], wanted))
            out.update(shard.ids(np.flatnonzero(mine)))
        return out

    def posts(self, pair: Pair) -> tuple[StoredPost, StoredPost] | None:
        """A pair that can be decided: open, and of a lost and a found post, which it is no more
        where an ingest since the last match has put a post of the other kind under an id."""
        lost, found = (self._desk.post(each) for each in pair)
        if lost is None or found is None or lost.post.status != "open":
            return None
        fit = (lost.post.kind, found.post.kind) == ("lost", "found")
        return (lost, found) if fit and found.post.status == "open" else None

    def decided(self) -> dict[Pair, Said]:
        """What was said of each pair last: in the table, and in the journal since."""
        uri = self._desk.table.uri
        metadata = current_metadata(uri, decisions.NAME)
        seen = metadata and metadata.metadata_location
        if self._decided[0] != seen or seen is None:
            rows = side_tables.read(uri, decisions.NAME) if seen else []
            rows.sort(key=lambda row: row["at"])
            held = {
                (r["lost_id"], r["found_id"]): Said(r["verdict"], r["by"], r["at"]) for r in rows
            }
            self._decided = (seen, held)
        new = {}
        for record in self._desk.tail.decided:
            event = record.event
            if isinstance(event, PairDecided):
                pair = (event.lost_id, event.found_id)
                new[pair] = Said(event.verdict, record.who, record.at)
        return self._decided[1] | new

    def judged(self, pair: Pair) -> Match | None:
        """A pair as the lost post's list has it; None where it is not among the best."""
        try:
            found = self._desk.search(Query(post_id=pair[0]), Filters(kind="found")).matches
        except MatchingError:  # a post without a photo and words
            return None
        return next((match for match in found if match.post_id == pair[1]), None)

    def arrived(self, who: str = "") -> list[str]:
        """Open found things that were registered today in Seoul, by their ids, the newest first.
        who: an account that registered them; '' for all."""
        ids = [
            record.event.post_id
            for record in self._today()
            if isinstance(record.event, PostAdded)
            and record.event.kind == "found"
            and (not who or record.who == who)
        ]
        there = self._open("found", {*ids})
        return [each for each in ids if each in there]

    def _today(self) -> Iterator[Record]:
        """The events of today in Seoul, the newest first."""
        journal, morning = self._desk.journal, dt.datetime.combine(seoul_today(), dt.time(), SEOUL)
        upto = journal.last()
        while upto > 0:
            begin = max(0, upto - RECENT)
            for record in reversed(journal.tail(begin, upto - begin)):
                if record.at < morning:
                    return
                yield record
            upto = begin

    def expiring(self) -> list[Expiring]:
        """Open found things that are soon kept no longer, the earliest first."""
        holding = self._desk.settings.holding
        until = seoul_today() + dt.timedelta(days=holding.soon_days)
        return expiring_of(self._desk.shards().values(), holding.days, until)

    def state(self) -> State:
        """How the service is."""
        desk = self._desk
        metadata = desk.table.metadata
        merges = [
            each.timestamp_ms
            for each in metadata.snapshots()
            if each.summary is not None and each.summary[MARK]
        ]
        matches = current_metadata(desk.table.uri, MATCHES)
        matched = None if matches is None else matches.current_snapshot()
        return State(
            lost=self._count("lost"),
            found=self._count("found"),
            waiting=desk.tail.upto - desk.merged,
            model=desk.model.name,
            outdated=desk.outdated,
            snapshot=desk.table.snapshot or "",
            merged=_moment(max(merges)) if merges else None,
            matched=None if matched is None else _moment(matched.timestamp_ms),
        )

    def _count(self, kind: Kind) -> int:
        where = Filters(kind=kind)
        return sum(
            int(np.count_nonzero(shard.where(where))) for shard in self._desk.shards().values()
        )

    def _event_of(self, matched: Snapshot) -> int:
        """The last event that the posts had of which a match made a snapshot of its table; 0 where
        nobody knows."""
        said = json.loads((matched.summary and matched.summary[MATCHED]) or "{}")
        desk, posts = self._desk, said.get("snapshot")
        return after(desk.table.metadata, desk.journal, posts) if posts else 0

    def _pairs_of(self, stored: StoredPost | None) -> dict[Pair, float]:
        """The pairs of a post that are worth a look; none of one that is closed or erased."""
        if stored is None or stored.post.status != "open":
            return {}
        post = stored.post
        other: Kind = "found" if post.kind == "lost" else "lost"
        try:
            found = self._desk.search(Query(post_id=post.post_id), Filters(kind=other)).likely
        except MatchingError:
            return {}
        if post.kind == "lost":
            return {(post.post_id, match.post_id): match.score for match in found}
        return {(match.post_id, post.post_id): match.score for match in found}


def _moment(ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)
