"""The place and the region of a loss, of those that a sentence speaks of."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise, takewhile

from matching_spark.domain.districts import AIRPORTS, towns, towns_in_latin
from matching_spark.domain.place_names import PlaceNames
from matching_spark.domain.sentences.place_kinds import is_line
from matching_spark.domain.sentences.places_said import PlaceSaid, taken
from matching_spark.domain.sentences.sentence import (
    Mention,
    Word,
    clauses_of_loss,
    ends_lost,
    lower,
    taken_back,
    the_one,
)
from matching_spark.domain.vocabulary import COLOUR, REGION, VAGUE

_REGIONS = {each: word for each, word in REGION.spelt.items() if word not in (VAGUE, "해외")}
_REGION = re.compile(
    "(?P<word>"
    + "|".join(sorted((each for each in _REGIONS if not each.isascii()), key=len, reverse=True))
    + ")(?P<suffix>특별자치도|특별자치시|특별시|광역시|시내|시|도)?"
)
# Towns that are other words too: a princess, a pearl, a parasol, glory; told by a particle alone.
_OTHERWISE = frozenset(
    [
        *("공주", "진주", "구리", "이천", "사천", "장수", "영광", "화성", "의성", "고령", "부여"),
        *("상주", "여주", "보은", "무안", "양주", "남해", "동해", "오산", "안성", "나주", "고양"),
        *("성주", "양산", "영양", "예산", "진도", "고성", "강진"),
    ]
)
_IN_TOWN = re.compile(r"(..|...)(?:역|터미널|시장|시청|군청|해변|해수욕장|항|대학교|휴게소|훈련소)")
_ELSEWHERE = re.compile(
    r"(?:넘어|지나|온$|[가오][는던]|가려|갔다|행|방면|방향|출발|도착|올라|내려)"
)
_TOLD = 30  # words of a clause that tell of a place in it
_HOME = re.compile(
    r"(?:사는|살|삽니다|삼|거주|집에|사람|출신|토박이|주민|시민|일하는|근무|학생|아줌마|아저씨)"
)
_A_STORE = re.compile(r".*(?:백화점|마트|아울렛|면세점|문고)")
_ITS_OWN = re.compile(r"가방|쇼핑백|종이|봉투|봉지|상품권|장바구니|카드|포인트|에코백")
_LIVES = re.compile(
    r"\S+ (?:(?:근처|부근|쪽|옆)에? )?(?:(?:호텔|숙소|모텔)에 )?"
    r"(?:사는|삽니다|살[아고]|거주|묵[고는]|머무)"
)
_SURELY = frozenset(["확실히", "절대", "전혀", "분명히", "진짜"])
_HOME_OF = re.compile(r"(?:집|본가|고향|주소|숙소|회사|직장|학교|사는\s?곳)[은는이가]")
_HOME_ENGLISH = frozenset(
    [
        *("live", "living", "lives", "teach", "work", "study", "stationed", "staying", "native"),
        *("job", "i'm"),
    ]
)
_NOTICED = frozenset(["noticed", "realised", "realized", "discovered"])
_HANDED_TO = re.compile(r"[에로](?:다가?|는|도)?$")
_HANDED = re.compile(
    r"맡[겼긴김겨기길]|전달|인계|제출|보관|갖다|가져다|물어|여쭤|문의|전화[했해드로]"
)
_RIDES = re.compile(r"(?:가|오)(?:는|던)|내[렸린]|도착|행")
_VEHICLE = "taxi|cab|bus|limousine|subway|metro|train|ktx|ferry|plane"
_RIDE = re.compile(
    r"(?:택시|버스|지하철|전철|열차|기차|비행기|호선|ktx)(?: ?안)?(?:에서?|에다가?)(?: |$)"
    rf"|\b(?:on|in|inside) (?:a|the|my|our) (?:\w+ )?(?:{_VEHICLE})\b"
)
_TO = re.compile(
    r"(?:다녀|돌아|내려)?[가오]시?(?:는|던|다가?|면서)$|올라(?:가[는던]|오시?(?:는|던|다가?|면서))$|지나"
)
_BOUGHT = re.compile(
    r"탄|(?:갈아)?탔\w*|타는|타던|내렸\w*|출발한|(?:도착|출발)하는|산|샀던|사온|구매한|구입한|받은|빌린|만난|빌려온|빌려서|사[주준]\w*|사다준|선물받은|파는|팔던|알았\w*|깨달\w*|생각나\w*"
)
_BOUGHT_THERE = re.compile(r"\S+에서 (?:산|샀던|사[온준]|구[매입]한)")  # 대구 서문시장에서 산 양말
_BOARDED = re.compile(
    r"(?:버스|택시|차|지하철|전철|비행기|호|선|철도|셔틀|ktx|srt|itx)[를을]?"
    r" ?(?:(?:급행|막차|첫차)[를을]?)? ?(?:탔|타고|타서|탑승)"
    r"|\b(?:took|caught|boarded|got (?:on|in|into)) (?:a|the|my|our) (?:\w+ )?"
    rf"(?:{_VEHICLE})\b"
)
_ARRIVED = re.compile("갔|왔|추정|보[이입인]|기억|생각")  # 강남역까지 갔는데, 코엑스로 추정
_GETS_OFF = re.compile("내[리릴려린림렸]|하차")
_AS_FAR_AS = re.compile("(?!지금|아침|점심|저녁|오후|밤|새벽|끝|늦).+까지")  # 송내역에서 부천역까지
_ANYHOW = frozenset(["그냥", "바로", "급히", "급하게", "먼저", "깜빡", "깜박"])
_OR_ELSE = re.compile(r"것도 같|같기도|군데")
_DIRECTION = re.compile(r".*(?:까지|부터|으로|행|방면)")
_BOUGHT_AT = re.compile(r"(?:산|구[매입]한|받은|탄|내린) (?:곳|데|장소)[은는]$")
_NOT = re.compile(r"아니(?!면)|아닌|말고")
_OR = frozenset(["or", "아니면", "또는", "혹은"])
_NO_COLOUR = "".join(f"(?<!{each})" for each in ("색", *COLOUR.spelt) if not each.isascii())
_NOBODY_KNOWS = re.compile(  # but 정확히 어디서: there, and no more is known
    r"(?<!정확히 )(?<!정확히는 )어디(?:서|에서|에|다|에다)? ?"
    r"(?:놓쳤|잃어|흘렸|두고|뒀|떨어|빠[졌뜨트])\S*지"
    r"|\bbut it (?:might|could|may)(?: be| have been|['’]ve been)\b|어디선가"
    r"|(?:둘|셋|넷) ?중 ?어디|어딘지 ?(?:는|도)? ?(?:전혀 |잘 )?(?:모르|기억)"
    # 식당인지 택시인지, but 5일인지 6일인지, 검정인지 남색인지; 식당에서 흘렸는지 택시에서 흘렸는지
    rf"|{_NO_COLOUR}(?<!일)인지 (?:\S+ ){{0,2}}\S+(?<!일)인지(?=[ .,도]|$)"
    r"|에서 (?:\S+ )?\S+는지 (?:\S+ )?\S+에서 (?:\S+ )?\S+는지(?=[ .,도]|$)"
)
_WORKS = re.compile(r"에서 (?:일[하해합]|근무|살[아고]|삽니다)|\bi (?:work|live)\b")
# Of a clause: one was there before or after the loss, or only thought so.
_STILL = re.compile(
    r"(?:[때땐]|까[지진]|에서[는도만]|분명)\w* .*있었|\b(?:still had|had it|had them)\b"
    r"|줄 (?:로 )?알았|괜찮|\bafter (?:that|this)\b"
)
# Behind a place, within its sentence: one had left it when the thing was missed, or had not come.
_MISSED_LATER = re.compile(
    r"[^.!?\n]{0,60}(?:타고|탔|내려서|내렸는데|내리[고니자]|도착|(?:집|숙소|회사)[에로]? ?[와왔오])"
    r"[^.!?\n]{0,60}(없(?!어[졌지진])|안 ?보[이여])"
    r"|\S* ?(?:갔다가?|들렀다가?|다녀) ?(?:돌아|집에 )?오시?(?:는|던|다가?|면서)"
    r"|에서 (?:올라)?오시?(?:다가?|면서) |[^.!?\n]{0,30} 집에 (?:돌아)?[가오]는 길에"
    r"|에서 [^.!?\n]{0,20}없(?:는|어진) ?[거걸것줄]\S* ?(?:알|깨달|발견|확인)"
    r"|\S* (?:도착|[가오]기) ?(?:하기 )?(?:직)?전"
    r"|[^.!?\n]{0,60}\b(?:got (?:off|out|home|back)|arrived|back (?:at|in|home|to))\b"
    r"[^.!?\n]{0,60}\b(gone|missing|noticed|reali[sz]ed|wasn't)\b"
)
_RODE = 12  # characters before a place that tell how one came there
_NOT_THERE = re.compile(r"\S* ?(?:갔|왔|도착)\S*[^.!?\n]{0,40}없(?!어[졌지진])")
_HOME_IS = re.compile(
    r"\b(?:(?:office|hotel|hostel|home|house|school|company|airbnb|address) is"
    r"|staying (?:at|in) an? \w+) (?:in|at|near|by|on)(?: the)?$"
    r"|(?:\bwill|['’]ll) be in$|\b(?:asked|(?:i|we) called)(?: at| in)?(?: the)?$"
)
_HAD = re.compile(r"\b(?:(?:still )?had (?:it|them)|still with (?:me|us)) (?:at|in)(?: the)?$")
_THERE = (
    *("transferred at", "changed at", "trains at", "got to", "get to", "got off at", "get off at"),
    *("got out at", "get out at"),
)
_TRAVEL = frozenset(
    [
        *("way", "going", "from", "heading", "headed", "train", "bus", "taxi", "flight", "ktx"),
        *("walked", "walking", "rode"),
    ]
)
_TAKEN = frozenset(["stolen", "disappeared", "missing", "vanished", "gone", "taken"])  # from there
_PLACE_BEHIND = frozenset(
    [
        *("station", "university", "univ", "airport", "tower", "line", "forest"),
        *("medical", "hospital", "hotel", "center", "mall", "store", "grand", "land", "bank"),
    ]
)


def the_region(
    words: Sequence[Word], place: Mention[str] | None, places: PlaceNames
) -> Mention[str] | None:
    """The region that is said with the place, or that it is known to be in; else the one said."""
    said = _regions(words, places)
    if place is not None:
        before = [each for each in said if each.first == place.first - 1]
        if not before and (of := places.region(place.own)):
            return replace(place, value=of)
        said = before or [e for e in said if place.first <= e.first <= place.last] or said
    one = the_one(said, words)
    return one if one is not None and one.value else None


def _regions(words: Sequence[Word], places: PlaceNames) -> list[Mention[str]]:
    """All that are said but for those where one lives; of one that is gone to or come from, ''. A
    place that the table does not have tells its town: 속초해변에서.
    """
    out: list[Mention[str]] = []
    for at, word in enumerate(words):
        after = words[at + 1] if word.joined else None
        if not word.hangul:
            if (value := _REGIONS.get(word.text) or towns_in_latin().get(word.text)) and (
                after is None or after.text not in _PLACE_BEHIND
            ):
                led = [w.text for w in words[max(0, at - 6) : at]]
                if not _HOME_ENGLISH.isdisjoint(led) or _HOME_IS.search(" ".join(led)):
                    continue
                to = at and words[at - 1].text in ("to", "for", "from")
                out.append(Mention("" if to else value, at, at))
            continue
        for stem, role, tail in word.stems:
            found = _REGION.fullmatch(stem)
            stem = _town_of(stem, after, places) if role == "where" else stem
            if found is None and (stem not in towns() or stem in AIRPORTS):
                continue
            if found is None and role != "where" and (role != "bare" or stem in _OTHERWISE):
                break
            near = after is not None and re.search("[시군구](?:에서?)?$", after.text)
            if stem == "경기" and not near:
                break  # a match
            before = words[at - 1].text if at else ""
            if (after is not None and _HOME.match(after.text)) or _HOME_OF.fullmatch(before):
                break
            away = role not in ("bare", "where") or bool(after and _ELSEWHERE.match(after.text))
            away = away or (role == "where" and _rides(words, at))
            behind = " ".join(each.text for each in words[at + 1 : at + 3])
            away = away or (role == "bare" and _BOUGHT_THERE.fullmatch(behind) is not None)
            of = _REGIONS[found["word"]] if found else towns()[stem]
            value = "" if away else of
            out.append(Mention(value, at, at, end=word.end - len(tail)))
            break
    return out


def _town_of(stem: str, after: Word | None, places: PlaceNames) -> str:
    """The town that a place there is called by, unless one only got on or off; else the same."""
    of = None if places.have(stem) else _IN_TOWN.fullmatch(stem)
    rode = after and (_GETS_OFF.match(after.text) or _BOARDED.search(f"차 {after.text}"))
    return of[1] if of and not rode and of[1] not in _OTHERWISE else stem


def _rides(words: Sequence[Word], at: int) -> bool:
    """Whether one only sets out there: 서울에서 동대구 가는, 서울에서 동대구 내렸고."""
    way = words[at : at + 3]
    return (
        len(way) > 2
        and way[0].joined
        and way[1].joined
        and words[at].text.endswith("에서")
        and re.search("[을를이가]$", way[1].text) is None
        and _RIDES.match(way[2].text) is not None
    )


def the_place(said: Sequence[PlaceSaid], words: Sequence[Word], text: str) -> Mention[str] | None:
    """The place; of two side by side, or one with the other's name, the longer: 강남역 스타벅스."""
    if _NOBODY_KNOWS.search(text):
        return None
    low = lower(text)
    losses, behind = clauses_of_loss(words), _left_behind(words)
    denied = {each.run for each in said if _not_there(each, words)}
    there: list[PlaceSaid] = []
    for each in said:
        if each.run in denied or _on_the_way(each, words, behind):
            continue
        if _left_before(each, words, losses, behind, low) or _rode_there(each, words, behind, low):
            continue
        if taken(each, words) and not behind:
            continue
        last = there[-1] if there else None
        if last and last.open and each.first == last.last + 1 and words[last.last].joined:
            there[-1] = max(last, each, key=lambda place: (not is_line(place.run), len(place.run)))
        else:
            there.append(each)
    there = [each for each in there if not is_line(each.run)] or there
    runs = {each.run.replace(" ", "") for each in there}
    parts = {run for run in runs if any(run in other for other in runs - {run})}
    mentions = [
        Mention(
            ""
            if not each.known or _one_of_two(each, words)
            else " ".join(text[words[each.first].start : each.end].split()),
            each.first,
            each.last,
            end=each.end,
            own=each.run,
        )
        for each in there
        if each.run.replace(" ", "") not in parts
    ]
    one = the_one(mentions, words)
    return one if one is not None and one.value else None


def _one_of_two(said: PlaceSaid, words: Sequence[Word]) -> bool:
    """Whether it may have been there or elsewhere: 명동 아니면 강남역, at Itaewon or on the bus."""
    before = [word.text for word in words[max(0, said.first - 2) : said.first]]
    beside = before[-1:] + ["or"] * ("or" in before)
    for at in range(said.last, min(said.last + 3, len(words) - 1)):
        if not words[at].joined and words[at + 1].text not in ("아니면", "or"):
            break
        beside.append(words[at + 1].text)
    clause = words[said.last].clause
    near = [word for word in words[said.last : said.last + 6] if word.clause == clause]
    unsure = _OR_ELSE.search(" ".join(word.text for word in near))
    return bool(unsure) or not _OR.isdisjoint(beside) or words[said.last].text.endswith("이나")


def _not_there(said: PlaceSaid, words: Sequence[Word]) -> bool:
    """Whether it is denied, only bought there, or was not lost there yet: 강남역에서는 있었어요."""
    after = words[said.last + 1].text if said.last + 1 < len(words) else ""
    before = [word.text for word in words[max(0, said.first - 2) : said.first]]
    not_ = said.first and words[said.first - 1].joined and "not" in before
    led = " ".join(word.text for word in words[max(0, said.first - 5) : said.first])
    had = _HAD.search(led) or _HOME_IS.search(led)
    lives = _LIVES.match(" ".join(word.text for word in words[said.last : said.last + 4]))
    if after in _SURELY and said.last + 2 < len(words):
        after = words[said.last + 2].text
    if _A_STORE.fullmatch(said.run) and said.open and _ITS_OWN.match(after):
        return True  # 현대백화점 쇼핑백
    home = before and _HOME_OF.fullmatch(before[-1])
    denied = (
        not_
        or after in ("said", "says", "told")
        or _NOT.match(after)
        or taken_back(words[said.last], after)
    )
    if denied or lives or home or had or _BOUGHT_AT.search(" ".join(before)):
        return True
    clause = words[said.first].clause
    near = words[said.first : said.first + _TOLD]
    here = " ".join(word.text for word in near if word.clause == clause)
    works = _WORKS.search(here) and clause not in clauses_of_loss(words)
    return bool(works or _STILL.search(here)) or _kept(said, words)


def _kept(said: PlaceSaid, words: Sequence[Word]) -> bool:
    """Whether one handed in there what was found, or asked there: 기흥역 역무실에 맡겼습니다."""
    near = pairwise(words[said.last : said.last + 4])
    pairs = takewhile(lambda pair: pair[0].joined and pair[0].clause == pair[1].clause, near)
    beside = [words[said.last].text, *(next_.text for _, next_ in pairs)]
    to = next((n for n, text in enumerate(beside) if _HANDED_TO.search(text)), len(beside))
    return any(_HANDED.match(text) for text in beside[to + 1 : to + 3])


def _left_before(
    said: PlaceSaid, words: Sequence[Word], losses: Collection[int], behind: bool, text: str
) -> bool:
    """Whether one had left it by then: 강남역에서 밥 먹고 택시에 두고 내림, 서울역에서 내려서
    보니 없어요. behind: as in _on_the_way.
    """
    after = words[said.last + 1 : said.last + _TOLD]
    surely = [word.start for word in after if word.lost_surely or ends_lost(word)]
    missed = _MISSED_LATER.match(text, said.end)
    if missed and not (surely and surely[0] < missed.start(missed.lastindex or 0)):
        return True
    lost = [word for word in after if word.clause in losses]
    if not lost or (words[said.last].clause in losses and not behind):
        return False
    told = after[: after.index(lost[-1]) + 1]
    here = " ".join(word.text for word in told if word.sentence == lost[0].sentence)
    return bool(_RIDE.search(here) or _BOARDED.search(text, said.end, lost[0].start))


def _rode_there(said: PlaceSaid, words: Sequence[Word], behind: bool, text: str) -> bool:
    """Whether one missed it when one had come there, or left it in what one came by: 버스 타고 수원
    갔는데 없어요. behind: as in _on_the_way."""
    start = words[said.first].start
    rode = _BOARDED.search(text, max(0, start - _RODE), start)
    return rode is not None and (behind or _NOT_THERE.match(text, said.end) is not None)


def _left_behind(words: Sequence[Word]) -> bool:
    """Whether something was left in what one got off: 두고 내림, 두고 강남역에서 그냥 내림."""
    return any(
        word.lost and any(_GETS_OFF.match(o.text) and o.sentence == word.sentence for o in near)
        for at, word in enumerate(words)
        for near in [words[at + 1 : at + 4]]
    )


def _passed(before: Sequence[Word]) -> bool:
    """Whether English words before a place tell that one went there or came from there, or only
    bought something: from Sinchon to Yangjae."""
    said = [word.text for word in before]
    to = said[-1:] == ["to"] and ("took" not in said or "from" in said)
    from_ = said[-1:] == ["from"] and not _TAKEN.intersection(said[-2:])
    if (to or from_) and not _TRAVEL.isdisjoint(said):
        return True
    bought = said.index("bought") if "bought" in said else len(said)
    return bought < len(said) and not any(word.lost_surely for word in before[bought:])


def _on_the_way(said: PlaceSaid, words: Sequence[Word], behind: bool) -> bool:
    """Whether one only goes there, or sets out there: both of 서울역에서 수원역 가는 열차; or only
    bought there what was lost. behind: whether it stayed in what one got off. Who waits for a
    train is still where it sets out.
    """
    way = words[said.last : said.last + 7]
    before = [word.text for word in words[max(0, said.first - 9) : said.first]]
    if before[-1:] in (["between"], ["left"]) or not _NOTICED.isdisjoint(before[-3:]):
        return True
    if " ".join(before[-3:]).endswith(_THERE) or (before[-1:] == ["and"] and "between" in before):
        return True
    if _passed(words[max(0, said.first - 9) : said.first]):
        return True
    if not way[0].hangul:
        return False
    ahead = way[1].text if len(way) > 1 else ""
    towards = said.open and way[0].joined and ahead.startswith(("방향", "방면"))
    bound = not said.open and _DIRECTION.fullmatch(way[0].text) and not _ARRIVED.match(ahead)
    far = way[0].text.endswith("에서") and _AS_FAR_AS.fullmatch(ahead)
    between = any(word.text.startswith("사이") for word in way[1:3])
    if towards or bound or far or between or (not said.open and ahead in ("타고", "타서")):
        return True
    did = 2 if len(way) > 2 and way[1].text.endswith("에서") else 1
    if did < len(way) and way[0].joined and _BOUGHT.fullmatch(way[did].text):
        return True
    off = way[did + 1 :] if did < len(way) and way[did].text in _ANYHOW else way[did:]
    if off and behind and _GETS_OFF.match(off[0].text):
        return True
    ride = " ".join(word.text for word in way[did : did + 3])
    if way[0].joined and _BOARDED.search(ride):
        return True
    if any(word.text.startswith(("기다리", "타려", "타기")) or word.text == "탈" for word in way):
        return said.open and len(way) > 1 and way[0].joined and _TO.match(way[1].text) is not None
    goes = 1 if said.open else 2 if way[0].text.endswith("에서") else len(way)
    return (
        goes < len(way)
        and all(word.joined for word in way[:goes])
        and _TO.match(way[goes].text) is not None
    )
