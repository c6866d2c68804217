"""What sentences say: facts beside those that a person reads in them.

A kind of place or of vehicle without a name or a number of its own (a taxi, a bus, 지하철, 카페) is
no place in any file: many are called so, and none is told apart by it. A line or a numbered bus is
one where the table has it by that name. Another place that it has by no name is none either, and
its region is told where a word says it.

The case of earphones is filed with them: it charges them. A telephone's is no telephone.
"""

import datetime as dt
import json
import random
from pathlib import Path
from typing import Any

import pytest

from matching_spark.demo.words import COLOUR_WORDS, LOST_TEXTS, LOST_TITLES, PLACES, things
from matching_spark.domain.place_names import MAX_PLACES, PlaceNames
from matching_spark.domain.sentences.sentence import MAX_CHARACTERS
from matching_spark.domain.sentences.understood import understand
from tests.support.effort import calls
from tests.support.said import TODAY, facts

# As the posts of a table have them; some say nothing.
TABLE = [
    *("2호선 강남역", "서울역 대합실", "홍대입구역 9번 출구", "잠실 롯데월드", "여의도 한강공원"),
    *("수원역 버스정류장", "분당선 정자역", "일산 호수공원", "부산 서면역", "해운대 해수욕장"),
    *("부산역 광장", "동대구역", "대구 동성로", "인천공항 제1터미널", "부평역 지하상가"),
    *("대전역 대합실", "유성온천역", "광주송정역", "충장로 카페", "제주공항 3층", "제주 동문시장"),
    *("보라매공원 정문", "강남역 스타벅스", "우리 집 앞", "친구 집", "택시", "지하철"),
    *("Gangnam Station Exit 11", "Hongdae playground", "Incheon Airport Terminal 1"),
    *("Myeongdong", "Busan Station", "Dongdaegu Station", "Lotte World"),
]
NAMES = PlaceNames(dict.fromkeys(TABLE, ""))


def read(
    file: str, names: PlaceNames, today: dt.date = TODAY, skip: int = 0
) -> tuple[float, float]:
    """Precision and recall of the facts of a file's sentences."""
    right = wrong = missed = 0
    for line in (Path(__file__).parent / file).read_text("utf-8").splitlines()[skip:]:
        meant = json.loads(line)
        said = facts(meant.pop("text"), names, today)
        same = sum(meant.get(name) == value for name, value in said.items())
        right, wrong, missed = right + same, wrong + len(said) - same, missed + len(meant) - same
    return right / (right + wrong), right / (right + missed)


def head(file: str) -> dict[str, Any]:
    """The first line: the places of a table, and the day, if it is another."""
    first = (Path(__file__).parent / file).read_text("utf-8").splitlines()[0]
    return dict(json.loads(first))


@pytest.mark.parametrize("file", ["sentences.jsonl", "sentences_held_back.jsonl"])
def test_what_people_write(file: str) -> None:
    """Held back: written when the rules stood. They were then read with a precision of 1.0 and a
    recall of 0.925; faults that they showed have been mended since.
    """
    precision, recall = read(file, NAMES)
    assert precision >= 0.98
    assert recall >= 0.9


def test_what_strangers_write() -> None:
    """By people who knew no rule, and labelled by them as a clerk would, doubtful labels too. They
    were first read with a precision of 0.964 and a recall of 0.883; kinds of faults that they
    showed have been mended since.
    """
    names = PlaceNames(head("sentences_mended.jsonl")["places"])
    precision, recall = read("sentences_strangers.jsonl", names)
    assert precision >= 0.99
    assert recall >= 0.955


@pytest.mark.parametrize(
    ("file", "least"),
    [
        # First read with 0.98 and 0.889.
        ("sentences_dev2.jsonl", (0.995, 0.97)),
        # No rule was made for any of these but that a whole name of the table is one whatever its
        # words are else: without it 0.962 and 0.896, by the rules of the day before 0.963, 0.871.
        ("sentences_unseen.jsonl", (0.975, 0.93)),
        # Half of one lot, drawn by chance: mended on. First read with 0.948 and 0.893.
        ("sentences_december.jsonl", (0.98, 0.955)),
        # The other half: nobody looked at which of them fail. First read with 0.964 and 0.89.
        ("sentences_december_sealed.jsonl", (0.98, 0.92)),
        # Titles and posts of boards and chats: one lot again, halved by chance. Mended on; first
        # read with 0.943 and 0.898, before three labels were set right by the rules above.
        ("sentences_boards.jsonl", (0.98, 0.96)),
        # Nobody looked at which of them fail. First read with 0.965 and 0.908.
        ("sentences_boards_sealed.jsonl", (0.97, 0.935)),
        # Half of another lot, by one who named places as people do and not as the table has them.
        # First read with 0.984 and 0.842; with the labels as they came 0.925 and 0.782. Mended on.
        ("sentences_winter.jsonl", (0.99, 0.92)),
        # The other half. No rule was made for it; how much of a place's name is the place was
        # labelled with an eye on what was read. First read with 0.974 and 0.858.
        ("sentences_winter_sealed.jsonl", (0.975, 0.935)),
        # Half of another lot, whose author knew neither rules nor code, and named places that the
        # table does not have. First read with 0.908 and 0.856, before 25 labels were set right by
        # the rules above with 0.889 and 0.769; as they came 0.967 and 0.882 now. Mended on.
        ("sentences_snow.jsonl", (0.985, 0.98)),
        # The other half. One rule was made by it, of a child's things; its labels were set right
        # when the rules stood: ten of grey, twelve places that the table lacks. First read with
        # 0.939 and 0.819.
        ("sentences_snow_sealed.jsonl", (0.945, 0.91)),
        # Half of another lot, of chats and of two languages in one sentence; its author knew no
        # rule. First read with 0.968 and 0.855, before two labels were set right. Mended on.
        ("sentences_thaw.jsonl", (0.99, 0.975)),
        # The other half: nobody looked at which of them fail. First read with 0.954 and 0.879. Half
        # of what is wrong is how much of a place's name is the place.
        ("sentences_thaw_sealed.jsonl", (0.955, 0.905)),
        # Half of another lot, of questions to the office, corrections and others' things too; its
        # author knew no rule. First read with 0.931 and 0.923, before six labels were set right
        # by the rules above (exits, 신발주머니, a purse, an iPad) with 0.957 and 0.944. Mended on.
        ("sentences_spring.jsonl", (0.99, 0.98)),
        # The other half: no rule was made by it. First read with 0.957 and 0.922, once three labels
        # were set right by the same rules; as they came with 0.943 and 0.912.
        ("sentences_spring_sealed.jsonl", (0.955, 0.925)),
        # The 200 of one more author who knew no rule: none was made by any of them. They are read
        # with 0.980 and 0.954, their regions and five exits and floors labelled, and three labels
        # set right, by the rules above; as they came, without regions, with 0.931 and 0.935.
        ("sentences_frost.jsonl", (0.975, 0.95)),
    ],
)
def test_what_other_strangers_write(file: str, least: tuple[float, float]) -> None:
    """Of more, in a table that knows the places by name, some of them in the other letters."""
    of = head(file)
    names = PlaceNames(head("sentences_mended.jsonl")["places"] | of["places"])
    today = dt.date.fromisoformat(of["today"])
    precision, recall = read(file, names, today, skip=1)
    assert precision >= least[0]
    assert recall >= least[1]


def test_what_was_read_wrongly_once() -> None:
    """One sentence and more of each kind of fault; the first line has the places of its table."""
    path = Path(__file__).parent / "sentences_mended.jsonl"
    places, *sentences = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    names = PlaceNames(places["places"])
    for meant in sentences:
        text = meant.pop("text")
        assert facts(text, names) == meant, text


def test_what_the_demo_writes() -> None:
    places = {place: region for region, (names, _) in PLACES.items() for place in names}
    names, rng = PlaceNames(places), random.Random(7)
    right = wrong = missed = 0
    for thing in things():
        for name in thing.names:
            colour, place = rng.choice(list(COLOUR_WORDS)), rng.choice(list(places))
            word = rng.choice(COLOUR_WORDS[colour])
            title, text = rng.choice(LOST_TITLES), rng.choice(LOST_TEXTS)
            sentence = f"{title} {text}".format(x=f"{word} {name}".strip(), p=place)
            meant = {"category": thing.category} | ({"colour": colour} if word else {})
            if place in sentence:
                meant |= {"place": place, "region": places[place]}
            said = facts(sentence, names)
            same = sum(meant.get(fact) == value for fact, value in said.items())
            right, wrong = right + same, wrong + len(said) - same
            missed += len(meant) - same
    assert right / (right + wrong) >= 0.98
    assert right / (right + missed) >= 0.9


@pytest.mark.parametrize(
    ("said", "day"),
    [
        *(("오늘 아침", "11-27"), ("어제", "11-26"), ("어젯밤에", "11-26"), ("그저께", "11-25")),
        *(
            ("그제", "11-25"),
            ("3일 전에", "11-24"),
            ("이틀 전", "11-25"),
            ("일주일 전", "11-20"),
            ("보름 전", "11-12"),
        ),
        *(("지난주 금요일", "11-20"), ("지난 금요일", "11-20"), ("이번 주 월요일", "11-23")),
        *(("월욜에", "11-23"), ("11월 5일", "11-05"), ("11/5", "11-05"), ("2026-11-05", "11-05")),
        *(("5일 오후에", "11-05"), ("28일에", "10-28"), ("지난달 20일", "10-20")),
        *(("11월 5일 목요일", "11-05"), ("11.5(목)", "11-05"), ("yesterday", "11-26")),
        *(("last Friday", "11-20"), ("on Monday", "11-23"), ("3 days ago", "11-24")),
        *(
            ("Friday the 20th", "11-20"),
            ("Nov 5", "11-05"),
            ("November 5th", "11-05"),
            ("on the 5th", "11-05"),
        ),
        *(("5 November 2026", "11-05"), ("Friday last week", "11-20"), ("a week ago", "11-20")),
        *(("last night", "11-26"), ("the day before yesterday", "11-25")),
    ],
)
def test_a_day(said: str, day: str) -> None:
    for sentence in (f"{said} 강남역에서 지갑 분실", f"I lost my wallet {said}"):
        if sentence.isascii() == said.isascii() or not said[0].isalpha():
            got = understand(sentence, TODAY).facts.happened_on
            if "/" not in said or not sentence.isascii():
                assert got == dt.date.fromisoformat(f"2026-{day}"), sentence


@pytest.mark.parametrize(
    "said",
    [
        *("엊그제", "지난주", "며칠 전", "2~3일 전", "이삼일 전", "3일 전쯤"),
        *("한 3일 전", "2주 전"),
        *("11월 5일쯤", "어제나 그제", "5일 동안", "매주 월요일", "다음 주 월요일", "그제서야"),
        *("금요일", "11월 31일", "12월 1일", "내일", "오늘까지", "월요일과 화요일"),
        *("last Monday", "since this Monday", "오늘은 27일이고", "25일에서 26일"),
        *("last week", "a few days ago", "about a week ago", "by Friday", "on the 5th floor"),
        *("on Friday", "11/5 at noon", "every Monday", "two or three days ago"),
    ],
)
def test_what_is_vague_is_no_day(said: str) -> None:
    korean = any("가" <= c <= "힣" for c in said)
    sentence = f"{said} 지갑을 잃어버렸어요" if korean else f"I lost my wallet {said}"
    assert understand(sentence, TODAY).facts.happened_on is None


@pytest.mark.parametrize(
    "text",
    [
        *("보라매공원에서 지갑 분실", "초록마을 앞 지갑 분실", "흰여울길에서 지갑을 잃어버림"),
        *("레드벨벳 지갑", "블루투스 들다가 지갑 분실", "자주 지갑을 잃어버려요", "밤에 지갑 분실"),
        *("은행에서 지갑 분실", "금요일에 지갑 분실", "회색 지갑", "검정고시 보러 가서 지갑 분실"),
        "빨간 버스에 지갑을 두고 내림",
        *("지갑 분실. 노란 리본이 달려 있어요", "갈색은 아니고 지갑"),
        *("검정이나 남색 지갑", "orange line, lost my wallet", "my wallet was on a red chair"),
    ],
)
def test_what_only_sounds_like_a_colour(text: str) -> None:
    said = facts(text, NAMES)
    assert said.get("category") == "지갑"
    assert "colour" not in said


def test_the_words_are_told_beside_the_facts() -> None:
    said = understand("어제 강남역에서 검정지갑을 잃어버렸어요", TODAY, NAMES)
    assert said.words == {
        "category": "검정지갑",
        "colour": "검정지갑",
        "place": "강남역",
        "happened_on": "어제",
    }


def test_what_comes_from_outside_has_limits() -> None:
    long = "강남역 " * MAX_CHARACTERS + "검정 지갑 분실"
    assert "category" not in facts(long, NAMES)
    many = PlaceNames({f"{n}번지": "" for n in range(MAX_PLACES)} | {"강남역": ""})
    assert not many.have("강남역")
    for odd in (
        *("", " ", "\x00", "ǆ" * 99, "ﷺ" * 3000, "11월 99일 99/99 0일 전 지갑", "을를이가" * 50),
    ):
        understand(odd, TODAY, NAMES)


def steps(text: str) -> int:
    """Functions called."""
    return calls(lambda: understand(text, TODAY, NAMES))


@pytest.mark.parametrize(
    "bit",
    [
        *("가", "흰", "흰 ", "검정색", "은색 ", "분실", "1세대", "프로", "ㅋ", "(", "()"),
        *("1", "3일 "),
        *("지갑 ", "강남역 ", "월요일 ", "어제 잃어버린 ", "a", "black ", "lost ", "in the "),
    ],
)
def test_what_a_text_takes_grows_with_its_length(bit: str) -> None:
    """Twice the text takes about twice as long, whatever it is of: 흰 a thousand times ended the
    search, 분실 five hundred times took two seconds."""
    half, whole = (steps((bit * n)[:n]) for n in (MAX_CHARACTERS // 2, MAX_CHARACTERS))
    assert whole <= 2.2 * half + 100


def test_no_text_is_too_odd() -> None:
    rng = random.Random(3)
    path = Path(__file__).parent / "sentences.jsonl"
    lines = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    bits = [bit for line in lines for bit in line.split()] + [
        "-",
        "(",
        "을",
        ",",
        "\n",
        "11/5",
        "는",
    ]
    for _ in range(500):
        said = "".join(rng.choice(bits) + rng.choice(["", " ", " ", "-", ". "]) for _ in range(9))
        facts(said, NAMES)
