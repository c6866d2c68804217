"""A person's numbers are cut wherever they stand; an office's, a price and an id stay."""

import time
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching_spark import Post
from matching_spark.domain.personal import PATTERNS, _is_card, public  # a card of any digits
from matching_spark.domain.posts import checked

WIDE = str.maketrans("0123456789-", "０１２３４５６７８９－")
BEFORE = st.sampled_from(["", "연락처", "연락처: ", "tel ", "(", "제 번호는 ", "ㅎ", "010 아니고 "])
AFTER = st.sampled_from(
    ["", "로 연락주세요", "입니다", "번으로", ").", "!", "에게", " 또는 02-123-4567"]
)
GAP = st.sampled_from(
    ["", "-", ".", " ", " - ", "–", "—", "‐", "ㅡ", "/", "_", "~", ",", ":", "  -  ", "*"]
)


@given(
    st.sampled_from(
        [
            *("010", "011", "016", "019", "+82-10", "+82 10", "82-10", "(010)", "+82(0)10"),
            *("0082-10", "0082 10", "00 82-10", "(0082)10", "008210"),
        ]
    ),
    st.from_regex(r"[0-9]{3,4}", fullmatch=True),
    st.from_regex(r"[0-9]{4}", fullmatch=True),
    GAP,
    BEFORE,
    AFTER,
    st.booleans(),
)
def test_mobile_numbers(
    head: str, middle: str, tail: str, gap: str, before: str, after: str, wide: bool
) -> None:
    number = f"{head}{gap}{middle}{gap}{tail}"
    left = public(before + (number.translate(WIDE) if wide else number) + after)
    assert tail not in left.replace("02-123-4567", "")
    assert letters(left) == letters(before + after)


SAID = str.maketrans("0123456789", "공일이삼사오육칠팔구")
BETWEEN = st.sampled_from(
    [
        *("", " ", "-", ".", "  ", " - ", ")", "(", "]", "|", "ㅣ", "★", "☎", "→", "^", "#", "'"),
        *("\\", "…", "、", "。", ";", "+", ">", "\n", "\r\n", " \n", "\u200b", "\ufeff", "\u3164"),
        *("\u2800", "\u034f", "에 ", " 다시 ", "\u3000"),
    ]
)


KEYCAPS = {ord(c): f"{c}\ufe0f\u20e3" for c in "0123456789"}
RINGED = str.maketrans("0123456789", "⓿❶❷❸❹❺❻❼❽❾")


@given(
    st.sampled_from(["010", "011", "016", "019", "+8210", "+82 10", "008210", "+82010"]),
    st.from_regex(r"[0-9]{8}", fullmatch=True),
    st.lists(st.integers(0, 8), max_size=5),
    BETWEEN,
    st.sampled_from([{}, WIDE, KEYCAPS, RINGED]),
    BEFORE.filter(lambda before: "아니고" not in before),
    st.sampled_from(["", "로 연락주세요", " 입니다", "에요", "이에요", "번", "!"]),
)
def test_mobile_numbers_in_whatever_groups_and_digits(
    head: str,
    rest: str,
    cuts: list[int],
    between: str,
    digits: Mapping[int, str | int],
    before: str,
    after: str,
) -> None:
    """010 12 34 56 78 looks like a day; 010 is none."""
    parts = [rest[a:b] for a, b in pairwise(sorted({0, 8, *cuts}))]
    text = before + between.join([head, *parts]).translate(digits) + after
    assert not any(map(str.isdigit, public(text))), text
    assert letters(public(text)) == letters(before + after), text


@given(
    st.from_regex(r"01[016-9][0-9]{8}", fullmatch=True),
    st.lists(st.integers(3, 11), max_size=5),
    BETWEEN,
    st.booleans(),
    st.sampled_from(["", "로 연락주세요", " 입니다", "에요", "이에요", "번", "!"]),
)
def test_mobile_numbers_that_are_told_in_words(
    number: str, cuts: list[int], between: str, head: bool, after: str
) -> None:
    """head: it, too. Behind a digit, one word of them may be another: 30일."""
    parts = [number[a:b] for a, b in pairwise(sorted({0, 3, 11, *cuts}))]
    said = [part.translate(SAID) for part in parts]
    text = "연락처 " + between.join(said if head or not between else [parts[0], *said[1:]]) + after
    assert letters(public(text)) == letters("연락처 " + after), text


def letters(text: str) -> str:
    return "".join(c for c in text if c.isalpha() and c not in "ㅇㅣ\u3164")


def card(digits: str) -> str:
    return next(digits + str(d) for d in range(10) if _is_card(digits + str(d)))


@given(st.from_regex(r"[2-9][0-9]{14}", fullmatch=True), st.sampled_from(["", " ", "-"]), AFTER)
def test_cards_by_their_checksum(digits: str, gap: str, after: str) -> None:
    whole = card(digits)
    spaced = gap.join(whole[i : i + 4] for i in range(0, 16, 4))
    assert whole[-4:] not in public(f"카드 {spaced}{after}").replace("02-123-4567", "")
    wrong = digits + str((int(whole[-1]) + 1) % 10)
    if not any(p.search(wrong) and (h is None or h(wrong)) for _, p, h in PATTERNS):
        assert wrong in public(f"번호 {wrong}")


@pytest.mark.parametrize(
    "text",
    [
        *("주민번호 900101-1234567", "9001011234568", "여권 M12345678", "m123A4567 여권"),
        *("kim.lee+1@example.co.kr로 메일", "９００１０１－１２３４５６７", "010-12\u200b34-5678"),
        *("12 가 3456", "서울 123호1234, 12나 3456", "경기 34 마3456"),
        *("연락처 1012345678", "10-1234-5678로 연락", "x" * 100 + "@example.co.kr"),
        *("공일공 일이삼사 오육칠팔", "영일영-일이삼사-오육칠팔이에요", "010에 1234에 5678번"),
        *("구공공일공일 다시 일이삼사오육칠", "사일일일 일일일일 일일일일 일일일일"),
        *("〇一〇 一二三四 五六七八", "90.01.01-1234567", "900101(1234567)", "900101\n1234567"),
        *("3782.822463.10005", "(4111)(1111)(1111)(1111)", "41 11 11 11 11 11 11 11"),
        *("국민은행 123456-04-123456", "신한 110123456789", "3333-01-1234567 카카오뱅크"),
        *("계좌: 110 123 456789", "우리은행 1002-123-456789 김철수", "계좌번호는 110-123-456789"),
        *("여권번호 M 12345678", "여권 M-1234-5678", "11 12 123456 12", "서울 12-123456-12"),
        *("12가-3456", "12가 · 3456", "kim @ naver.com", "kim(at)naver.com", "kim@naver,com"),
        *("12 가 34 56", "123가 45-67입니다", "서울 12하34 56", "k i m @ n a v e r . c o m"),
        *("주민등록번호 900101 123 4567", "주민번호는 90 01 01 1 234567", "RRN: 9001 01 12 345 67"),
        *("kim 골뱅이 네이버 닷컴", "kim@네이버", "kim at naver dot com", "kim@naver. com로"),
    ],
)
def test_what_is_a_persons_is_cut(text: str) -> None:
    assert not any(c.isdigit() or c in "공삼사육칠팔〇一二三四" for c in public(text))
    assert not any(c in public(text) for c in ("@", "naver", "네이버", "골뱅이"))


ONE_BY_ONE = st.sampled_from([" ", ".", "·", "ㆍ", "/", "_", ",", "-", "  ", " . ", "*", "・"])
DIGITS = st.sampled_from(["0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "⓪①②③④⑤⑥⑦⑧⑨"])


@given(
    st.sampled_from(["01012345678", "01112345678", "4111111111111111", "9001011234568"]),
    ONE_BY_ONE,
    DIGITS,
    AFTER,
)
def test_a_number_told_digit_by_digit(number: str, gap: str, digits: str, after: str) -> None:
    """In whichever digits, whatever parts them; what parts them goes with it."""
    said = gap.join(number).translate(str.maketrans("0123456789", digits))
    assert public(f"제 번호는 {said} {after}") == " ".join(f"제 번호는 {after}".split())
    assert public(said).strip() == ""


@pytest.mark.parametrize(
    "text",
    [
        *("0 1 0 - 1 2 3 4 - 5 6 7 8", "0 1 0 1234 5678", "010 1 2 3 4 5 6 7 8"),
        *("9 0 0 1 0 1 - 1 2 3 4 5 6 7", "9 0 0 1 0 1 1 2 3 4 5 6 7", "900101/1234567"),
        *("4111.1111.1111.1111", "4111·1111·1111·1111", "4111 - 1111 - 1111 - 1111"),
        *("O1O-1234-5678", "010-l234-5678", "OIO 1234 5678", "90O1O1-1234567"),
        *("ㅇ1ㅇ-1234-5678", "O1O 12 34 56 78", "공1공-1234-5678", "010ㅣ1234ㅣ5678"),
    ],
)
def test_a_number_that_is_dressed_up_is_cut(text: str) -> None:
    assert public(f"번호 {text} 입니다") == "번호 입니다"


@pytest.mark.parametrize(
    "text",
    [
        *("1 2 3 4 5 6 7 8 9 10", "0 2 - 3 1 4 9 - 2 1 1 4", "1, 2, 3, 4번 출구", "3 4 5호"),
        *("2026.11.01-2026.11.03", "2026/11/01 2026/11/09", "1.1.1.1.1.1.1.1.1.1.1"),
        *("ooo lll ooo lll", "현금 1,234,567원 2,345,678원", "3.1.4.1.5.9.2.6"),
        *("보관: 서울역 02-3149-2114", "1588-1234", "F2026000000000003-1", "2026-11-01 20:00"),
        *("현금 1,234,567원", "iPhone 15 Pro 256", "삼성 SM-S928N"),
        *("검정 지갑", "3번 출구 @ 강남역"),
        *("10 개 2026", "302호 1234", "12 번 출구 3456", "0082-2-3149-2114"),
        *("900199-1234567", "9013011234567", "", "0101234"),
        *("2026-11-01 2026-11-09", "2026.11.30일 10 20 30 40 50", "11월 30일 10 20 30 40 50"),
        *("신한은행 2026-11-01 20:00", "신한은행 명동점 02-1234-5678", "농협 031-123-4567로"),
        *("부산 2026-1101-0003", "하나은행 1599-1111", "국민은행 1,000,000,000원"),
        *("계좌이체 10,000원", "통장 2026-11-01-1", "0507-1234-5678", "+82-2-3149-2114"),
        *("ISBN 9788994492032", "바코드 8801234567893", "운송장 1234-5678-9012", "15 보 3456원"),
        *("0100-1234", "01:10 02:20 03:30 04:40", "2010 1234 5678", "010 2026", "12 34 56 78"),
        *("이사 오이 삼일 구이 사이 일이", "일이삼사오육칠팔구십", "공영주차장 이일 사오 육칠"),
        *("삼일절 이사 공일 사구 오일 구영", "사이즈 82 10 20 30 40 50", "사업자 123-45-67890"),
        *("서울 12-345678", "여권 2026-11-01", "S 20261101", "26.11.30 1234567", "12 가지 3456"),
        *("11월 12 나 34 56", "길이 12 가로 34 세로 56", "버스 12 대 34 56", "12 도 34 56"),
        *("12 가 34 56cm", "2026 11 30 12 30 45", "12 다 34 50원", "a b @ c d e", "30 나 40 50명"),
        *("주민센터 2026 11 30 12 34 56 7", "look at naver.com"),
        *("I was at the station. com", "cafe @ COEX mall. Come on"),
    ],
)
def test_what_is_nobodys_stays(text: str) -> None:
    assert public(text) == text


def test_every_post_comes_through_it() -> None:
    said = "연락처010-1234-5678로"
    texts = dict.fromkeys(("title", "description", "place", "kept_at", "kept_phone"), said)
    post = checked(Post("010-1234-5678", "found", source_url="https://x/010-1234-5678", **texts))  # type: ignore[arg-type]
    assert {getattr(post, name) for name in texts} == {"연락처로"}
    assert post.post_id == "010-1234-5678"


def test_letters_that_may_begin_an_address_take_no_longer_than_others() -> None:
    def seconds(letter: str) -> float:
        start = time.process_time()
        assert public(letter * 20_000 + " 010-1234-5678") == letter * 20_000
        return time.process_time() - start

    # Half as long again; where fewer of the letters are tried too, from each on, 3.6 times as long.
    assert min(seconds("a") for _ in range(3)) < 2.5 * min(seconds("가") for _ in range(3))
