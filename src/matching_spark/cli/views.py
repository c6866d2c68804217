"""What several commands draw on a terminal: a search's result, facts by name."""

from typing import Any

from rich.table import Table

from matching_spark.domain.results import SearchResult


def to_table(result: SearchResult) -> Table:
    """For a terminal. Without matches the caption says what to try."""
    limit = "none" if result.threshold is None else f"{result.threshold:g}"
    seconds = result.elapsed_ms["total"] / 1000
    caption = f"{result.searched:,} posts compared in {seconds:.2f} s, threshold {limit}"
    if not result.matches:
        caption += "; nothing reached it: try a lower --threshold or fewer filters"
    table = Table(caption=caption, caption_justify="left", header_style="bold", show_lines=True)
    table.add_column("#", justify="right")
    table.add_column(result.score_kind, justify="right")
    table.add_column("post", overflow="fold")
    table.add_column("what", overflow="fold", ratio=1)
    table.add_column("where and when", overflow="fold", ratio=1)
    for m in result.matches:
        day = "" if m.happened_on is None else m.happened_on.isoformat()
        what = _lines(m.title, _joined(m.category, m.colour))
        where = _lines(_joined(day, m.place), _joined(m.kept_at, m.kept_phone), m.why)
        table.add_row(str(m.rank), f"{m.score:.3f}", m.post_id, what, where)
    return table


def _joined(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def facts(said: dict[str, Any]) -> Table:
    """A row a fact, numbers to four figures."""
    view = Table(show_header=False)
    view.add_column()
    view.add_column(overflow="fold")
    for name, value in said.items():
        view.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
    return view


def said(value: Any) -> str:
    """A field's value on a terminal."""
    return "-" if value in (None, "") else str(value)
