"""What goes wrong between a lost thing and the post of its find, and how often: one table.

Few of these rates are published. Those that are name their source; all others are assumed: guesses
that are written down, so that whoever knows better can put theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Parts per thousand of what is found. The first four: Seoul Metro's finds of 2022 (31,228 wallets,
# 24.5 % of 127,387; phones 16.5 %, clothes 14.4 %, bags 14.2 %; Hankyung, 2023-02-10), for want of
# the portal's own. The rest, 30.4 %, is assumed.
SHARES: Mapping[str, float] = {
    "지갑": 245,
    "휴대폰": 165,
    "의류": 144,
    "가방": 142,
    "전자기기": 85,
    "카드": 60,
    "기타물품": 50,
    "귀금속": 25,
    "증명서": 25,
    "쇼핑백": 20,
    "현금": 10,
    "도서용품": 10,
    "컴퓨터": 7,
    "스포츠용품": 6,
    "서류": 4,
    "악기": 2,
}
# Of things that people carry, in percent: assumed. 기타: a pattern, or no colour of the ten.
COLOURS: Mapping[str, float] = {
    "검정": 40,
    "흰색": 12,
    "갈색": 11,
    "파랑": 11,
    "핑크": 6,
    "빨강": 5,
    "기타": 5,
    "초록": 4,
    "노랑": 2,
    "보라": 2,
    "주황": 2,
}
# What is taken for it: in poor light, on another screen, by other eyes. Assumed.
NEIGHBOUR_COLOURS: Mapping[str, tuple[str, ...]] = {
    "흰색": ("노랑", "핑크", "파랑"),
    "검정": ("파랑", "갈색"),
    "빨강": ("핑크", "주황", "갈색"),
    "주황": ("빨강", "노랑", "갈색"),
    "노랑": ("주황", "흰색"),
    "초록": ("파랑", "검정"),
    "파랑": ("검정", "보라", "초록"),
    "갈색": ("주황", "검정", "빨강"),
    "보라": ("파랑", "핑크"),
    "핑크": ("빨강", "보라", "흰색"),
    "기타": ("흰색", "검정", "갈색"),
}
# Where else a thing of the category is filed: assumed, from what the portal's subcategories share.
NEIGHBOUR_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "지갑": ("가방", "카드"),
    "가방": ("쇼핑백", "지갑"),
    "쇼핑백": ("가방", "기타물품"),
    "휴대폰": ("전자기기",),
    "전자기기": ("휴대폰", "컴퓨터"),
    "컴퓨터": ("전자기기", "가방"),
    "카드": ("증명서", "지갑"),
    "증명서": ("카드", "지갑"),
    "의류": ("기타물품", "쇼핑백"),
    "귀금속": ("기타물품", "전자기기"),
    "현금": ("지갑",),
    "도서용품": ("서류", "기타물품"),
    "서류": ("도서용품", "증명서"),
    "스포츠용품": ("기타물품", "의류"),
    "악기": ("기타물품",),
    "기타물품": ("의류", "전자기기", "스포츠용품"),
}


@dataclass(frozen=True)
class Telling:
    """How one side tells of a thing: shares of its posts. All are assumed."""

    colour_wrong: float  # a neighbouring one
    colour_missing: float
    colour_vague: float  # 기타
    category_near: float
    place_renamed: float  # by another name of the same place
    place_unknown: float
    day_unknown: float
    text_only: float
    placeholder: float  # the portal's "no image" picture
    second_photo: float  # of those with a photo
    photo_poor: float  # of photos: dark, blurred or tiny, and a JPEG of quality 30
    point_told: float  # of posts that name a place: with its coordinates
    point_off_km: float  # a standard deviation of these, north and east alike
    number_told: float  # of things that have a number
    number_misread: float  # of these: one digit is another
    words_few: float  # the thing and its colour, if that, and no more: a search's two words
    words_own: float  # details of the thing in place of a sentence, which the other may not tell


@dataclass(frozen=True)
class Troubles:
    """Shares of things unless it says otherwise."""

    here: float = 0.5  # of lost posts: its thing is among the found ones. Assumed.
    # Seoul Metro gives 63 % of its finds back (2022, same source): what is found is mostly sought;
    # how much of what is sought is found, nobody counts.
    twice: float = 0.04  # a found thing posted by its station and by the centre. Assumed.
    twice_same_photo: float = 0.5  # of these. Assumed.
    elsewhere: float = 0.15  # handed in at another place of the region. Assumed.
    region_away: float = 0.05  # handed in in another region: on trains and buses. Assumed.
    same_day: float = 0.6  # found on the day of its loss. Assumed.
    each_day: float = 0.15  # of what still lies there, found on each later day. Assumed: of all,
    # 87 % within a week and 0.3 % after 30 days (Korea Railroad, 2023: of what is claimed, 97 %
    # within a week of the report; Korea Herald 2024-01-22).
    misdated: float = 0.10  # of lost posts with a day: it is wrong by 1 to 5 days. Assumed.
    misdated_days: int = 5
    marked: float = 0.45  # of things that are no common model: with a sticker, a band. Assumed.
    # Of each kind, things that bear a number: a device's, a card's in it, a document's, a tag's.
    # Assumed.
    numbered: Mapping[str, float] = field(
        default_factory=lambda: {
            "휴대폰": 1.0,
            "카드": 0.9,
            "컴퓨터": 0.9,
            "증명서": 0.7,
            "전자기기": 0.6,
            "지갑": 0.5,
            "가방": 0.1,
        }
    )
    # Of popular kinds, things of a model that many have: the same colour, no marks. Assumed.
    common: Mapping[str, float] = field(
        default_factory=lambda: {
            "지갑": 0.3,
            "휴대폰": 0.5,
            "전자기기": 0.5,
            "카드": 0.3,
            "가방": 0.2,
            "의류": 0.1,
        }
    )
    # Of each popular kind; the one of rank r is as frequent as 1 / r: the first is one in five of
    # them. Of 30,000 found posts 400 show the best-selling wallet, of 3,000 forty, of 300 four.
    models: int = 60
    lost: Telling = Telling(
        colour_wrong=0.04,
        colour_missing=0.10,
        colour_vague=0.04,
        category_near=0.05,
        place_renamed=0.5,
        place_unknown=0.15,
        day_unknown=0.05,
        text_only=0.30,
        placeholder=0.03,
        second_photo=0.10,
        photo_poor=0.10,
        point_told=0.4,
        point_off_km=0.5,
        number_told=0.3,
        number_misread=0.03,
        words_few=0.3,
        words_own=0.2,
    )
    found: Telling = Telling(
        colour_wrong=0.08,
        colour_missing=0.06,
        colour_vague=0.06,
        category_near=0.08,
        place_renamed=0.5,
        place_unknown=0.05,
        day_unknown=0.0,
        text_only=0.05,
        placeholder=0.10,
        second_photo=0.15,
        photo_poor=0.15,
        point_told=0.6,
        point_off_km=0.1,
        number_told=0.3,
        number_misread=0.03,
        words_few=0.2,
        words_own=0.3,
    )
