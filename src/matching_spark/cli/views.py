"""What several commands draw on a terminal: a search's result, facts by name."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from matching_spark.cli.console import cell
from matching_spark.domain.descriptions import Description
from matching_spark.domain.results import Match, SearchResult
from matching_spark.domain.told import figures, limit, percent, told

BELOW = 3  # of the matches that are not worth a look, so many are shown: the best stay in sight
WIDE = 80  # columns, where a post has two lines
MARGIN = 4  # columns, for a number
TAIL = 16  # columns: a title that has fewer of a line begins one of its own
STORY = 2  # lines of WIDE columns that one thing told of a post may take: a place may be a story
OWN = ("image", "text", "post_id", "embedding")  # what of a query is no fact


class Entry:
    """A post in two lines at WIDE columns, no box: its head bold, then what else is told of it.

    head: what stays whole, as an id to be copied; what has no place in a line begins the next one.
    title ends the head, cut where it must be. more: goes on in further lines, whole up to STORY of
    them each: a telephone number stands at the end. On a narrower terminal lines are wrapped.
    """

    def __init__(
        self, number: str, head: Sequence[str], title: str, *more: str, grey: bool = False
    ) -> None:
        self.number, self.head, self.title, self.more, self.grey = number, head, title, more, grey

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width - MARGIN
        lines = [""]
        for part, least in [*((each, room) for each in self.head), (self.title, TAIL)]:
            joined = f"{lines[-1]}  {part}" if lines[-1] else part
            if cell_len(joined) - cell_len(part) + min(cell_len(part), least) <= room:
                lines[-1] = joined
            else:
                lines.append(part)
        longest = max(map(cell_len, self.head))
        most = max(room, longest) if options.max_width >= WIDE else None
        told = [_cut(line.rstrip(), "bold", most) for line in lines]
        parts = [_cut(part, "", most and STORY * room) for part in self.more if part]
        told.append(Text("; ").join(parts))
        for n, text in enumerate(each for each in told if each):
            text.overflow = "fold"
            if self.grey:
                text.style = "dim"
            margin = "" if n else self.number
            row = Table.grid()
            row.add_row(margin.ljust(MARGIN), text)
            yield row if n or self.number else text


def _cut(line: str, style: str, columns: int | None) -> Text:
    """The line, of at most so many columns; None: of any."""
    text = cell(line, style)
    if columns is not None:
        text.truncate(columns, overflow="ellipsis")
    return text


class Found:
    """A search's result, an Entry a match, the best first.

    What is not worth a look stands apart, a grey line each, the first BELOW of them: all are in
    the JSON and in files. Without matches it says what was asked, and what to try.
    """

    def __init__(self, result: SearchResult) -> None:
        self.result = result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        result = self.result
        if said := result.query.get("understood"):
            facts = joined(*said.values())
            yield cell(f"understood: {facts} (--no-understand: by the words alone)", "dim")
        if heading := _heading(result):
            yield cell(heading)
        if not result.matches:
            yield cell(_nothing(result))
            return
        shown, below = result.likely, result.unlikely
        scores = {m.rank: told(m, result.score_kind, "en") for m in [*shown, *below[:BELOW]]}
        wide = max(map(cell_len, scores.values()))
        for match in [*shown, *below[:BELOW]]:
            if match in below[:1]:
                yield cell("unlikely:", "dim")
            score = scores[match.rank]
            head = (score + " " * (wide - cell_len(score)), match.post_id)
            title = joined(match.title or match.subcategory, match.category)
            grey = match.band == "below"
            more = () if grey else _more(match)
            yield Entry(f"{match.rank:>2}", head, title, *more, grey=grey)
        if len(below) > BELOW:
            yield cell(f"and {len(below) - BELOW:,} more: --json and --output have them", "dim")
        yield cell(_counted(result), "dim")
        if result.question is not None:
            yield cell(f"worth asking: {result.question.words}", "dim")


def _heading(result: SearchResult) -> str:
    """That the thing is most likely not here yet, or that no post stands out."""
    if result.nothing and result.not_here is not None and result.searched:
        return f"It is not here yet, with a probability of {percent(result.not_here)}."
    doubt = "Nothing stands out: tell more of it, or --ask."
    return doubt if result.matches and not result.likely else ""


def _more(match: Match) -> tuple[str, ...]:
    """Where and when, why, and whom to call."""
    where, kept = joined(match.happened_on, match.place), joined(match.kept_at, match.kept_phone)
    return where, match.why.rstrip("."), kept


def _counted(result: SearchResult) -> str:
    seconds = result.elapsed_ms["total"] / 1000
    bound = limit(result.threshold, "en")
    kind = f"; by {result.score_kind}, no probability"
    if result.not_here is not None:
        kind = f"; not here: {percent(result.not_here)}"
    return f"{result.searched:,} posts compared in {seconds:.2f} s, threshold {bound}{kind}"


def _nothing(result: SearchResult) -> str:
    """What was asked of how many posts, and what to try."""
    query = result.query
    where = joined(*(f"{name} {value}" for name, value in query.get("filters", {}).items()))
    if not result.searched:
        return f"No post to compare with ({where}): try fewer filters, or --status any."
    what = " and ".join(f"{name} {query[name]!r}" for name in OWN if name in query)
    bound = limit(result.threshold, "en")
    least = -1 if result.score_kind == "cosine" else 0
    return (
        f"Nothing like {what} among {result.searched:,} posts ({where}) reached the threshold of "
        f"{bound}: try a lower --threshold ({least}: no limit), fewer filters, or another photo or "
        "words."
    )


def in_words(said: Description) -> str:
    """The title of a photo in both languages, and how sure it is."""
    title = said.title
    if title.korean is None or title.confidence is None:
        return "unknown"
    return f"{title.korean} / {title.english}, {title.confidence:.0%}"


def joined(*words: object) -> str:
    """What there is of them, in a line."""
    return ", ".join(" ".join(str(word).split()) for word in words if word)


def moment(at: dt.datetime) -> str:
    """As this machine's clock tells it, which `undo --before` takes."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def titled(title: str, *columns: str, numbers: Iterable[str] = ()) -> Table:
    """Columns, those of numbers last, whose title and caption stand to the left."""
    view = Table(*columns, title=title, title_justify="left", caption_justify="left")
    for name in numbers:
        view.add_column(name, justify="right")
    return view


def facts(said: dict[str, Any]) -> Table:
    """A row a fact, moments by this machine's clock."""
    view = Table(show_header=False)
    view.add_column()
    view.add_column(overflow="fold")
    for name, value in said.items():
        told = moment(value) if isinstance(value, dt.datetime) else value
        view.add_row(name, figures(told) if isinstance(told, float) else str(told))
    return view


def said(value: Any) -> str:
    """A field's value on a terminal."""
    return "-" if value in (None, "") else str(value)
