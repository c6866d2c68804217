"""A person's numbers are cut wherever they stand; an office's, a price and an id stay."""

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


def letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))


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
    ],
)
def test_what_is_a_persons_is_cut(text: str) -> None:
    assert not any(c.isdigit() for c in public(text))
    assert "@" not in public(text)


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
        *(
            "현금 1,234,567원",
            "iPhone 15 Pro 256",
            "삼성 SM-S928N",
            "검정 지갑",
            "3번 출구 @ 강남역",
        ),
        *("10 개 2026", "302호 1234", "12 번 출구 3456", "0082-2-3149-2114"),
        *("900199-1234567", "9013011234567", "", "0101234"),
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
