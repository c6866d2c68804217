"""The words of a sentence, Korean or English, and what each does there, by plain rules.

No grammar: a word's particle or the preposition before it says whether it is what was lost, where
that was, or something else. Lists of words here are of the language, not of lost property.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Generic, Literal, TypeVar

MAX_CHARACTERS = 1_000  # looked at of a text: a sentence or ten; a longer one is a story
T = TypeVar("T")
Role = Literal["object", "bare", "and", "where", "holds", "is", "other"]

_JAMO = r"\u1100-\u11ff\u3131-\u318e"  # single letters, ㅠㅠ and ㅋㅋ: no words
# A longer word is none, and is read in pieces: what is done with one grows with its length squared.
_WORD = re.compile(rf"[^\W_{_JAMO}]{{1,30}}(?:['’][a-z]{{1,9}})?")
# After these, what was said is over; a comma may stand within a list.
_END = re.compile(rf"[.!?\n;…{_JAMO}]|\s-\s")
_PAST = "".join(
    chr(ord("가") + 20 + 28 * n) for n in range(399)
)  # 갔, 샀, 왔: ㅆ is the 20th final
_LAST_OF_ALL = (
    r"[어아해에예네데세래대죠][요욤용유]|[어아해]욥|죠|니다|니까"
    rf"|[{_PAST}](?:다|음|지)|내림|[함됨임]"
)
_LAST_WORDS = re.compile(
    rf".*(?:{_LAST_OF_ALL}|[는은ㄴ인던운한린건]데|[는은인던한]디|지만|[{_PAST}]고|거든요?|[어아여해와가돼져려러라나]서|(?<![바에])다가|"
    rf"[{_PAST}]는지|려고|구요|고요|(?:사|먹|마시|보|찍|받|끝나|갈아타|타|들르|쉬|구경하|계산하|주차하|나오|나가)고|더니|나봐요|면서|자마자|길래)$"
)
_LAST_WORD_OF_ALL = re.compile(rf".*(?:{_LAST_OF_ALL})$")
# So many letters without a space are several words; where one of them ends or another begins.
_UNSPACED = re.compile(r"[가-힣0-9]{12,}")
_PHRASE = re.compile(
    r"(?<=[가-힣])(에서|(?<![마가노])을(?!지로|[까게])|를|에(?=두고|놓고|떨어|흘[렸리]|잃어|있)|[는은던운]데(?!서))(?=[가-힣0-9]{2})"
    r"|(그저께|그제|어제|오늘|어젯밤)(?=[가-힣])"
)
_ABBREVIATED = frozenset(["univ", "st", "dr", "mr", "mrs", "ms"])  # whose dot ends nothing
_FIRST_WORDS = frozenset(["but", "which", "there", "inside", "containing", "has", "contains"])
_FIRST_BEFORE_A_VERB = frozenset(["it", "they", "i", "she", "he", "we", "someone", "somebody"])
_VERBS = frozenset(
    [
        *("is", "was", "are", "were", "has", "had", "have", "can", "may", "might", "must", "could"),
        *("does", "also", "went", "fell", "came", "looks", "says", "contains", "got", "took"),
        *("bought", "put", "left", "lost", "dropped", "forgot", "think", "thought", "disappeared"),
    ]
)
_LOST = re.compile(
    r"(?:(?:올려|내려|벗어|걸어|꽂아|풀어)[놓두둬뒀놨]|잃어|잃었|잃은|분실(?!물)|놓고|놓아|놔두|놔뒀|널[짜쩌]|이자[뿌뿟]|놓쳤|두고|두었|뒀|흘[렸린리림려]|떨어[뜨트졌진]|떨[궜군굼궈]|빠뜨|빠트|"
    r"빠졌|빠진|빠져|없어[졌지진짐져]|날[아라]가?[갔감간]|날려|사라|도난|도둑|소매치기|날치기|훔[쳐쳤친]|털[렸려린]|잊어|잊고|깜빡|깜박)"
)
# What is no longer there, looked for or found was lost, but not always where one looks.
_SOUGHT = re.compile(
    r"(?:없어|없네|찾습|찾아|찾고|찾는|찾음|찾을|구해|못찾|없음$|없습니다$|안보이|습득|주우|주웠|주운|주움|보신|분실물)"
)
_ENDS_LOST = re.compile(rf".{{2,}}?(?:{_LOST.pattern}|{_SOUGHT.pattern})")
_LOST_ENGLISH = frozenset(
    [
        *("lost", "lose", "losing", "left", "leave", "leaving", "missing", "dropped", "drop"),
        *("forgot", "forget", "forgotten", "misplaced", "mislaid", "stolen", "stole", "gone"),
        *("disappeared", "fell", "slipped", "pickpocketed", "snatched", "robbed"),
    ]
)
_SOUGHT_ENGLISH = frozenset(["looking", "find", "found", "searching", "seeking"])
_LOCATIVE = r"(?:에서|에다가?|에)(?:는|도|만|의|선)?"
WITHIN = r"안|속|위|밑|아래|옆|앞|뒤|[앞뒤옆안겉호]?주머니|사이"  # of a thing, or of a place
_INSIDE = rf"(?:{WITHIN}|근처|부근|인근|쪽|주변|맞은편|건너편)"
_TAILS: tuple[tuple[Role, str], ...] = (
    ("bare", r"(?:\d*(?:하나|한개|한쪽|개))?"),
    ("object", r"(?:들|만|까지|하나|한쪽)?(?:을|를|이|가|은|는|도|만)"),
    ("object", rf"(?:을|를|이|가|은|는|도)?(?:{_LOST.pattern}|{_SOUGHT.pattern}).*"),
    ("object", "[째채]로?"),
    ("and", r"(?:이?랑|하고|과|와|이?나|및|이?거나|이며)"),
    ("where", rf"{_INSIDE}?{_LOCATIVE}|{_INSIDE}|{_INSIDE}?(?:에있던|에있는)"),
    (
        "is",
        # of dialects too: 입니더, 이라예, 이고예, 이여라, 일세, 이소, 이유
        r"(?:이에요|예요|에요|입니[다더]|이?라예|이?고[요예]?|이?구요?|이여라|일세|이소|이?유|이며|임|이?었\w*|였\w*|이?라서?|이야|야|"
        r"이요|요|이?네요|이?래요?|이라고\w*|이?랍니다|이오|이여|이?더라\w*|이?ㅂ니다|일|일지\w*|인데\w*|인|이?거든요|이죠|죠|이지만|지만|같\w*)",
    ),
    (
        "other",
        r"(?:의|으로|로|처럼|보다|부터|까지|한테|에게|용|형|등|마다|행|방면|방향)(?:는|도|만)?",
    ),
)
_TAIL = [(role, re.compile(pattern)) for role, pattern in _TAILS]
SAID_SO = r"(?:했|썼|적었|말)\S*(?:는데|지만)"  # what was taken back: 수원역이라고 했는데
_TAKEN_BACK = re.compile(rf"라고 {SAID_SO}|인 줄(?: |$)")
_HANGUL = re.compile(r"[가-힣]")
_DETERMINERS = 6  # words before an English noun that may be of it


@lru_cache(maxsize=1 << 12)
def role_of_tail(tail: str) -> Role | None:
    """What a noun does that ends so in Korean; None where that is no ending of a noun."""
    return next((role for role, pattern in _TAIL if pattern.fullmatch(tail)), None)


@dataclass(frozen=True)
class Word:
    """text[start:end] in lower case. gap: what stands before the next word. clause, sentence: of a
    text of several, by number. hangul: whether any letter is. capital: whether it begins with one.
    """

    text: str
    start: int
    end: int
    gap: str = ""
    clause: int = 0
    sentence: int = 0
    hangul: bool = True
    capital: bool = False

    @property
    def joined(self) -> bool:
        """Whether nothing but a space or a hyphen divides it from a next word; not the last one."""
        return self.gap.strip(" -\t\u00a0") == "" and bool(self.gap)

    @cached_property
    def lost(self) -> bool:
        """Whether it says that something was lost."""
        return self.lost_surely or bool(_SOUGHT.match(self.text) or self.text in _SOUGHT_ENGLISH)

    @cached_property
    def lost_surely(self) -> bool:
        """Whether it says so, and not only that it is looked for."""
        return bool(_LOST.match(self.text) or self.text in _LOST_ENGLISH)

    @cached_property
    def stems(self) -> tuple[tuple[str, Role, str], ...]:
        """The nouns that it may be, the longest first, each with its role and its ending.

        An English one is itself, or what its plural is of.
        """
        if self.hangul:
            cuts = range(len(self.text), 0, -1)
            read = ((self.text[:cut], role_of_tail(self.text[cut:]), cut) for cut in cuts)
            return tuple((stem, role, self.text[cut:]) for stem, role, cut in read if role)
        bare = re.sub("['’]s$", "", self.text)
        plural = (end for end in ("es", "s") if len(bare) > 3 and bare.endswith(end))
        return ((bare, "bare", ""), *((bare.removesuffix(end), "bare", "") for end in plural))


def plain(text: str) -> str:
    """The text as it is read: NFKC, at most MAX_CHARACTERS, a space where one ends that is written
    without any."""
    said = unicodedata.normalize("NFKC", text)[:MAX_CHARACTERS]
    return _UNSPACED.sub(lambda run: _PHRASE.sub(r"\1 \2 ", run[0]), said)[:MAX_CHARACTERS]


def lower(text: str) -> str:
    """Letter by letter, so that a place in it is one in the text."""
    return "".join(low if len(low := c.lower()) == 1 else c for c in text)


def words_of(text: str) -> list[Word]:
    """The words of a text."""
    capitals, text = text, lower(text)
    found = list(_WORD.finditer(text))
    ends = [each.start() for each in found[1:]] + [len(text)] * bool(found)
    out: list[Word] = []
    clause = sentence = 0
    for at, (each, end) in enumerate(zip(found, ends, strict=True)):
        said = each[0]
        next_ = found[at + 1][0] if at + 1 < len(found) else ""
        and_ = [word.text for word in out[-2:]]
        and_lost = said in _LOST_ENGLISH and (and_[-1:] == ["and"] or and_ == ["and", "then"])
        begins = said in _FIRST_WORDS or (said in _FIRST_BEFORE_A_VERB and next_ in _VERBS)
        alone = said in ("only", "just") and out and "," in out[-1].gap  # it's here, only the key
        if out and (begins or and_lost or alone or said == "it's"):
            clause += 1
        gap = text[each.end() : end] if next_ else ""
        if said == "w" and gap[:1] == "/" and next_ != "o":  # bag w/ shoes
            said, gap = "with", " "
        if said in _ABBREVIATED and gap.startswith("."):
            gap = gap[1:]
        hangul = bool(_HANGUL.search(said))
        capital = capitals[each.start()].isupper()
        out.append(Word(said, each.start(), each.end(), gap, clause, sentence, hangul, capital))
        over = bool(_END.search(gap))
        clause += over or (hangul and bool(_LAST_WORDS.match(said)))
        sentence += over or (hangul and bool(_LAST_WORD_OF_ALL.match(said)))
    return out


_PREPOSITIONS = frozenset(
    [
        *("in", "on", "at", "inside", "into", "under", "near", "by", "with", "from", "of"),
        *("behind", "beside", "to", "onto", "containing", "like", "for", "between", "via"),
        *("around", "beneath", "off", "out", "outside", "over", "through", "along", "against"),
        "without",
    ]
)
_SEEKING = frozenset(["looking", "searching", "asking", "look", "search", "seeking", "check"])
_ALSO = frozenset(["and", "or", "plus", "with"])
_WORN = frozenset(
    ["wearing", "wears", "wore", "has", "carrying", "holding", "drinking", "reading", "riding"]
)
_GIVEN = frozenset(["hand", "handed", "turn", "turned"])  # in
# with: walked off with my coat, a lanyard with my ID
_TAKEN = frozenset(["off", "away", "lanyard"])
_ARTICLES = frozenset(["a", "an", "the", "his", "her"])
_OURS = frozenset(["my", "our", "their"])
_OF_SO_MANY = frozenset(["one", "pair", "pairs", "set", "bunch", "box", "stack", "pack"])


def english_role(words: Sequence[Word], first: int) -> Role:
    """What an English noun that begins at words[first] does: by what stands before it, and before
    its article, if it has one: at the mall picked up my camera.
    """
    article = False
    for back in range(first - 1, max(-1, first - 1 - _DETERMINERS), -1):
        word = words[back]
        if word.clause != words[first].clause or not word.joined:
            return "bare"
        earlier = words[back - 1].text if back else ""
        if word.text == "of" and earlier in _OF_SO_MANY:
            continue
        if earlier in {"for": _SEEKING, "in": _GIVEN, "with": _TAKEN}.get(word.text, ()):
            return "object"
        if word.text in _PREPOSITIONS:
            return "where"
        if word.text in _WORN and words[back + 1].text in _ARTICLES:
            return "other"
        if word.text in _ALSO:
            return "and"
        if word.lost:
            return "object"
        if article:
            return "bare"
        article = word.text in _ARTICLES | _OURS
    return "bare"


@dataclass(frozen=True)
class Mention(Generic[T]):
    """words[first] to words[last] say a value. end: of what says it in the text, where the last
    word goes on. tail: that ending. own: where a colour stands before it in one word, that colour;
    of a place, what the names of the table have of it.
    """

    value: T
    first: int
    last: int
    role: Role = "bare"
    end: int = 0
    tail: str = ""
    own: str = ""


def the_one(said: Sequence[Mention[T]], words: Sequence[Word]) -> Mention[T] | None:
    """The first of all, or of those nearer to a loss, that say the same."""
    nearer = nearer_to_loss(said, words)
    return next((mine[0] for mine in nearer if len({each.value for each in mine}) == 1), None)


def nearer_to_loss(
    said: Sequence[Mention[T]], words: Sequence[Word]
) -> Iterator[Sequence[Mention[T]]]:
    """All; those in clauses that tell of a loss; those in the clause before one in its sentence:
    18일에 바닷가를 걷다가 반지가 빠졌어요.
    """
    yield said
    clauses = clauses_of_loss(words)
    yield [each for each in said if words[each.first].clause in clauses]
    yield _before_loss(said, words)


def _before_loss(said: Sequence[Mention[T]], words: Sequence[Word]) -> list[Mention[T]]:
    losses = clauses_of_loss(words)
    there = {words[each.first].clause for each in said}
    told: set[int] = set()
    last = sentence = -1
    for word in words:
        if word.sentence != sentence:
            last, sentence = -1, word.sentence
        if word.clause in there:
            last = word.clause
        if word.clause in losses:
            told.add(last)
    return [each for each in said if words[each.first].clause in told]


def clauses_of_loss(words: Sequence[Word]) -> set[int]:
    """Those that say that something was lost; where none does, that something is looked for."""
    surely = {word.clause for word in words if word.lost_surely or ends_lost(word)}
    return surely or {word.clause for word in words if word.lost}


def taken_back(word: Word, behind: str) -> bool:
    """Whether it was only said or thought so: 수원역이라고 했는데, 빨간색인 줄 알았는데."""
    return _TAKEN_BACK.search(f"{word.text} {behind}") is not None


def ends_lost(word: Word) -> bool:
    """Whether a verb of loss stands at a noun without a space: 지갑분실."""
    return word.hangul and _ENDS_LOST.match(word.text) is not None
