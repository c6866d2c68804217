"""Which of the places that a table's posts have a sentence speaks of."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from matching_spark.domain.place_names import REGIONS, PlaceNames
from matching_spark.domain.romanised import begin_several, one_word
from matching_spark.domain.sentences.place_kinds import (
    NUMBERED,
    PLACES,
    generic,
    is_line,
    is_town,
    of_region,
    tells,
)
from matching_spark.domain.sentences.sentence import Word

RUN = 6  # words of a name


_BETWEEN = re.compile(r"[-\s&,·/()]+")  # the words of a name
# What says alone that it is a place's name: 강남역; 지역 and 구역 are none.
_NAMED = re.compile(
    r"(?!.*(?:지역|(?:주차|흡연|금연|환승|공사|대기)구역|무역|통역)$).{2,}(?:역|공항|터미널|대학교|대병원|병원|백화점|시장|공원|"
    r"해수욕장|동물원|미술관|박물관|도서관)"
)
_BEHIND = (
    r"(?:\d+번)?(?:출구|개찰구|승강장|대합실|플랫폼|화장실|광장|정류장|지하상가)?"
    r"(?:앞|뒤|옆|안|속|밖|위|밑|쪽|근처|부근|인근|주변|입구|사거리|방향|방면|행)?"
)
_COPULA = (
    r"(?:이?(?:[에예]요|었\w*|라고\w*|래요?|라서|[구고][요예]?|네요|요|지만|라예|우다|오)|였\w*|인데\w*"
    r"|입니[다더]|임)"
)
_TAIL = re.compile(
    rf"(?P<behind>{_BEHIND})(?P<particle>(?:에서|서|에다가?|에|쯤)(?:는|도|만|의|선|요)?)?"
    rf"|{_BEHIND}(?P<copula>{_COPULA})"
    rf"|{_BEHIND}(?:으로|로|까지|부터|이?랑|하고|과|와|은|는|이|가|을|를|이?나|도|만|의|분실.*)"
)
_NEAR = re.compile(
    r"(?:근처|앞|뒤|옆|안|내|부근|인근|주변|쪽|방향|방면|사거리|대합실|개찰구|승강장|광장|화장실|출구|"
    r"입구|정류장|어딘가|\d+번|\d+층|에서|주차|갔[다던는을어]|가서$|다녀|놀러|들렀)"
)
# Behind a whole name, within a few words: one was there. 내장산 단풍 보러 갔다가.
_WENT = re.compile(
    r"끝나|참석|마치고|갔[다던는을어]|가서$|다녀왔|놀러|들렀|관람|(?:보고|보다가?)$"
    r"|(?:건너|걷|돌|뛰|달리|올라가|내려오|오르|구경하?|산책하?|쇼핑하?|등산하?|운동하?|러닝하?)(?:다|다가|고|면서|던)$"
)
_RAILWAY = re.compile("공항철도|(?:신?분당|수인분당|경의|경춘|경강|경의중앙|서해|우이신설)선")
_STATION = re.compile(r".+대입구|.+\d가")  # which is called so without 역
_FIRST = begin_several() | {"dong", "seo", "nam", "buk", "sin", "east", "west", "south", "north"}
_TAKEN = re.compile("타고|타서|탔")  # behind a line: one was on it
# What goes on with a name: an exit of it, a terminal.
_MORE = re.compile(
    r"(?:제?\d+(?:-\d+)?번? ?)?(?:출구|(?:여객)?터미널)|(?:지하 ?)?\d+층"
    r"|(?:제?\d+|[a-z])(?:홀|전시장)"
    r"|(?:exit|terminal|(?:exhibition )?hall) \d+(?:-\d+)?|t\d|bus stop|b?\d+f"
    r"|\d+(?:st|nd|rd|th) floor|(?:\w+ )?campus|\w+캠퍼스"
)
_COUNTED = re.compile("(?:day|night|week|hour|minute|min)s?$|(?:am|pm|people)$")
_EXIT = re.compile(r"\d+(?:-\d+)?번(?: ?출구.*)?$")
# What says only where in a place: 민원동, 원무과, 환승통로, 택시승강장.
_PART = "(?:[동과홈]|창구|통로|승[강차]장|[락라]커|맞이방)"
# A word that goes on with a name, if it is where something happened.
_VENUE = re.compile(
    r"(?!.*(?:공연|행사|콘서트|축제|모임|회식|약속|수업|시험|회|경기|세미나|포럼)에서)"
    rf"(?!.*{_PART}에서)([가-힣]{{2,}}?)에서(?:는|도|만|요)?"
)
_MOVES = re.compile(".*(?:버스|택시|지하철|전철|열차|기차|비행기|차$|호선)")
_THERE = re.compile(r"[곳데](?:에서?|서)")
_LOCATED = re.compile(r".+에서|.{2,}(?:에|[앞뒤옆안](?:에서?)?)|[곳데](?:에|서)")
_ENDED = re.compile("[을를은는이가고의로기면서러다]$")  # which is no part of a place
# Beside a name that stands alone: a day or a loss, which are no part of it.
_BESIDE = re.compile(
    r"\d|어제|어젯|오늘|그제|그저께|지난|이번|[월화수목금토일](?:요일|욜)|분실|아니[고라]|말고"
    r"|(?:yesterday|today|last|this|on|at)$"
)
_BEFORE = frozenset(["at", "in", "near", "on", "around", "inside", "outside", "from", "by", "to"])


# Behind an English name, what is no part of it.
_OVER = _BEFORE | frozenset(
    [
        *("and", "but", "with", "when", "while", "after", "before", "for", "last", "this", "i"),
        *("we", "yesterday", "today", "my", "is", "was", "it", "because", "area", "where", "or"),
        "during",
    ]
)
_PARTS = frozenset(["exit", "hall", "terminal", "gate", "platform", "floor", "lobby", "entrance"])
_LABEL = re.compile(r"place|location|where|(?:분실)?(?:장소|위치)[은는]?|[곳데][은는]")


@dataclass(frozen=True)
class PlaceSaid:
    """words[first] to words[last] name a place: run, as the names of the table have it, which ends
    at `end` in the text. open: nothing is attached to it, so that more of it may follow. known: to
    the table; else it only tells that another place may be meant.
    """

    run: str
    first: int
    last: int
    end: int
    open: bool
    known: bool = True


def in_names(words: Sequence[Word], names: PlaceNames, things: Collection[int]) -> frozenset[int]:
    """Which words stand in a name of several that a thing's word is in: baseball of Jamsil Baseball
    Stadium."""
    found = (_whole(words, at, names, things) for at in range(len(words) if things else 0))
    return frozenset(at for each in found if each for at in range(each.first, each.last + 1))


def places_said(
    words: Sequence[Word], names: PlaceNames, taken: Collection[int]
) -> list[PlaceSaid]:
    """The places that a sentence speaks of, but for words that are `taken` by something else."""
    out: list[PlaceSaid] = []
    at = 0
    while at < len(words):
        found = _whole(words, at, names, taken)
        if found is None and at not in taken:
            found = _longest(words, at, names, taken)
            if found is None or found.last == at:
                found = _joined(words, at, names, taken) or found
            if found is not None and _of_a_station(found, words):
                found = None
        if found is not None:
            out.append(found)
        at = at + 1 if found is None else found.last + 1
    told = {at for each in out for at in range(each.first - 1, each.last + 2)}.union(taken)
    others = (_another(words, at) for at in range(len(words)) if at not in told)
    return sorted([*out, *filter(None, others)], key=lambda each: each.first)


def _another(words: Sequence[Word], at: int) -> PlaceSaid | None:
    """The station or airport there, which the table does not have."""
    for stem, located, tail in _stems(words[at], 3):
        near = not tail and words[at].joined and _NEAR.match(words[at + 1].text)
        named = stem[-1] in "역항" and stem not in generic() and _NAMED.fullmatch(stem)
        if named and (located or near):
            return PlaceSaid(stem, at, at, words[at].start + len(stem), not tail, known=False)
    return None


def _whole(
    words: Sequence[Word], first: int, names: PlaceNames, taken: Collection[int]
) -> PlaceSaid | None:
    """A name of several words that begins at words[first], one of them a word of something else, or
    with more than a space between: Sokcho Express Bus Terminal, 양산 실내체육관, Terminal 2, lobby.
    """
    if words[first].text not in names.leading:
        return None
    for last in range(min(first + RUN, len(words)) - 1, first, -1):
        run = words[first : last + 1]
        others = sum(at in taken for at in range(first, last + 1))
        apart = not all(word.joined for word in run[:-1])
        if others == len(run) or not (others or apart):
            continue
        if apart and not all(_BETWEEN.fullmatch(word.gap) for word in run[:-1]):
            continue
        head = " ".join(word.text for word in run[:-1])
        for stem, located, tail in _stems(words[last], 1):
            name = f"{head} {stem}"
            if name in names.wholes and (located or not tail or re.fullmatch(_COPULA, tail)):
                end = words[last].start + len(stem)
                found = PlaceSaid(name, first, last, end, not tail)
                return _with_more(found, words, taken) if found.open else found
    return None


def _longest(
    words: Sequence[Word], first: int, names: PlaceNames, taken: Collection[int]
) -> PlaceSaid | None:
    """The longest name, or part of one, that begins at words[first]."""
    best, head = None, ""
    alone_before = _beside(words, first - 1, first - 1, taken)
    for last in range(first, min(first + RUN, len(words))):
        if last in taken or (last > first and not words[last - 1].joined):
            break
        for stem, located, tail in _stems(words[last], 1 if head else 2):
            if stem[-1] == "번" and tail.startswith("출구"):
                continue  # 11번출구 is one
            run = head + stem
            if _no_end(words, last):
                break
            if not names.have(run):
                spaced = _station(head, stem, tail, words, last, names) or names.mixed(run)
                spaced = spaced or ("" if head else names.spaced(stem))
                if not spaced and (head or not _NAMED.fullmatch(run) or not names.begin(run)):
                    continue
                run = spaced or run
            whole = names.whole(run)
            named = whole or names.first(run)
            alone = named and alone_before and _beside(words, last, last + 1, taken)
            within = not tail and words[last].joined and _within(words[last + 1 : last + 4])
            apart = tells(run, whole) and not names.chain(run) and not (is_town(run) and not whole)
            if (apart or (is_line(run) and run in names.wholes)) and (
                located
                or (alone and (not tail or re.fullmatch(_COPULA, tail)))
                or (within and (whole or (named and words[last].hangul)))
                or _placed(words, first, last, run, tail, whole)
            ):
                end = words[last].start + len(stem)
                best = PlaceSaid(run, first, last, end, not tail)
            break
        head += words[last].text + " "
        kind = words[last].joined and last + 1 < len(words) and words[last + 1].text in PLACES
        if not (kind and words[first].hangul) and not _goes_on(head.rstrip(), names):
            break
    return _with_more(best, words, taken) if best is not None and best.open else best


def _station(
    head: str, stem: str, tail: str, words: Sequence[Word], last: int, names: PlaceNames
) -> str:
    """The station that is said without 역, beside its line or an exit, or ''."""
    line = tail.startswith("에") and is_line(head.rstrip())
    exit_ = not tail and words[last].joined and _EXIT.match(words[last + 1].text)
    if len(stem) < 2 or not (line or exit_ or _STATION.fullmatch(stem)):
        return ""
    return next((each for each in (f"{head}{stem}역", f"{stem}역") if names.have(each)), "")


def _of_a_station(said: PlaceSaid, words: Sequence[Word]) -> bool:
    """Whether a station comes that the table does not have: Gyeongbokgung Station is no palace."""
    return words[said.last].joined and words[said.last + 1].text in ("station", "stn")


def _no_end(words: Sequence[Word], at: int) -> bool:
    """Whether no name ends there, as its number comes: Gangnam Station exit 10, Terminal 2."""
    after = words[at + 1].text if at + 1 < len(words) and words[at].joined else ""
    numbered = words[at].text in ("terminal", "hall") and after.isdecimal()
    numbered = numbered and not _counts(words, at + 1)
    bus = words[at].text == "bus" and at and words[at - 1].text in ("express", "intercity")
    return numbered or bool(bus) or words[at].text in ("exit", "international")


def _goes_on(head: str, names: PlaceNames) -> bool:
    """Whether words may be the first of a name."""
    last = head.split()[-1].replace("'", "")
    return last in _FIRST or head in REGIONS or names.go_on(head)


def _joined(
    words: Sequence[Word], first: int, names: PlaceNames, taken: Collection[int]
) -> PlaceSaid | None:
    """A word of a name that is written as two: 여수 엑스포역 of 여수엑스포역."""
    this, after = words[first], words[first + 1] if first + 1 < len(words) else None
    if after is None or not (this.joined and this.hangul and this.text[:2] in names.begun):
        return None
    for stem, _, tail in _stems(after, 1):
        run = this.text + stem
        named = stem not in generic() and _NAMED.fullmatch(run)
        if run in names.words and tells(run, False) and (named or names.whole(run)):
            said = PlaceSaid(run, first, first + 1, after.start + len(stem), not tail)
            return _with_more(said, words, taken) if not tail else said
    return None


def _beside(words: Sequence[Word], gap: int, at: int, taken: Collection[int]) -> bool:
    """Whether words[at] leaves a name beside it alone: it is none, or of a thing or a day."""
    if not 0 <= at < len(words) or not words[gap].joined:
        return True
    if words[gap].clause != words[gap + 1].clause:
        return True
    named = at in taken and (at == gap or words[at].hangul)  # but of Everland keychain, no place
    return named or words[at].lost or _BESIDE.search(words[at].text) is not None


def _with_more(said: PlaceSaid, words: Sequence[Word], taken: Collection[int]) -> PlaceSaid:
    """With what goes on with the name: of 강남역 11번 출구, of 센텀시티 아이스링크에서."""
    more = words[said.last + 1 : said.last + 4] if words[said.last].joined else []
    for count in range(len(more), 0, -1):
        *before, word = more[:count]
        if not all(each.joined for each in before):
            continue
        text = "".join(each.text + ("-" if "-" in each.gap else " ") for each in before)
        found = _MORE.match(text + word.text)
        if found is None or found.end() <= len(text) or _counts(words, said.last + count):
            continue
        if tail := _TAIL.fullmatch(text + word.text, found.end()):
            end, last = word.end - len(tail[0]), said.last + count
            with_it = PlaceSaid(said.run, said.first, last, end, not tail[0])
            return _with_more(with_it, words, taken) if with_it.open else with_it
    named = more and said.last + 1 not in taken and said.run.split()[-1] == words[said.last].text
    venue = _VENUE.fullmatch(more[0].text) if named else None
    if venue and venue[1] not in generic() and not NUMBERED.fullmatch(venue[1]):
        return PlaceSaid(said.run, said.first, said.last + 1, more[0].start + venue.end(1), False)
    return said


def _counts(words: Sequence[Word], at: int) -> bool:
    """Whether the number there is of what comes: at the terminal 2 days ago."""
    after = words[at + 1].text if at + 1 < len(words) and words[at].joined else ""
    return words[at].text.isdecimal() and _COUNTED.match(after) is not None


def _stems(word: Word, least: int) -> Iterator[tuple[str, bool, str]]:
    """What of the word may be a name of `least` letters and more, the longest first; whether its
    ending is one of a place; that ending.
    """
    if not word.hangul:
        yield word.text, False, ""
        return
    for cut in range(len(word.text), least - 1, -1):
        if found := _TAIL.fullmatch(word.text, cut):
            yield word.text[:cut], bool(found["behind"] or found["particle"]), word.text[cut:]


def taken(said: PlaceSaid, words: Sequence[Word]) -> bool:
    """Whether it is a line that one took: 공항철도 타고."""
    return said.open and _taken(said.run, words, said.last)


def _taken(run: str, words: Sequence[Word], last: int) -> bool:
    line = is_line(run) or _RAILWAY.fullmatch(run) is not None
    return line and words[last].joined and _TAKEN.match(words[last + 1].text) is not None


def _within(words: Sequence[Word]) -> bool:
    """Whether what comes is a part of a place, or where in it: 코엑스 주차장, 센텀시티 서점 앞."""
    place = re.sub(f"(?:에(?:서|다가?)?|{_COPULA})$", "", words[0].text)
    ends = (place[at:] for at in range(1, len(place) - 1) if words[0].hangul)  # no headb-and
    if place in generic() or any(end in generic() for end in ends):
        return _MOVES.match(words[0].text) is None
    for word, after in zip_longest(words, words[1:]):
        if _LOCATED.fullmatch(word.text) or (word is not words[0] and _NEAR.match(word.text)):
            return _MOVES.match(word.text) is None
        there = after is not None and _THERE.fullmatch(after.text)  # 배 타는 데서
        if not word.joined or (_ENDED.search(word.text) and not there):
            break
    return False


def _placed(words: Sequence[Word], first: int, last: int, run: str, tail: str, whole: bool) -> bool:
    """Whether what stands about a run says that it is a place, or the run itself does."""
    if any(_NAMED.fullmatch(word) for word in run.split()) or (last > first and whole):
        return True
    if last > first and not PLACES.isdisjoint(one_word(run).split()):
        named = first > 0 and words[first - 1].joined and words[first - 1].capital
        return whole or not named or of_region(words[first - 1].text)
    if not tail and words[last].joined and _NEAR.match(words[last + 1].text):
        return True
    if not tail and _taken(run, words, last):
        return True
    went = [word for word in words[last + 1 : last + 4] if word.clause == words[last].clause]
    if whole and not tail and any(_WENT.match(word.text) for word in went):
        return True
    if first and _LABEL.fullmatch(words[first - 1].text):
        return True
    more = words[last + 1].text if words[last].joined else ""
    if not whole and first == last and more.isascii() and more and more not in _OVER | _PARTS:
        return False  # the Lotte duty free is not in Lotte World
    while first and words[first - 1].joined and of_region(words[first - 1].text):
        first -= 1  # at Gwangju U-Square
    before = [word.text for word in words[max(0, first - 2) : first] if word.joined]
    if before[-1:] == ["of"] and before[0] in _PARTS:
        return True
    after_the = before[-1:] in (["the"], ["a"], ["an"]) and before[0] in _BEFORE
    return after_the or (bool(before) and before[-1] in _BEFORE)
