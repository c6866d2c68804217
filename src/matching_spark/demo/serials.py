"""Numbers that drawn things bear: of forms that domain.personal knows, and of no real thing."""

from collections.abc import Mapping

import numpy as np

from matching_spark.domain.personal import numbers

DIGITS = "0123456789"


def a_number(category: str, shares: Mapping[str, float], rng: np.random.Generator) -> str:
    """Of a thing of a category, '' for one that bears none. shares: of each that do."""
    digits = "".join(map(str, rng.integers(0, 10, 14).tolist()))
    if rng.random() >= shares.get(category, 0):
        return ""
    if category == "휴대폰":
        return _checked(f"001{digits[:11]}")  # 00: of devices under test (3GPP TS 23.003)
    if category in ("카드", "지갑"):
        return _checked(f"9{digits}")  # 9: left to each country (ISO/IEC 7812-1)
    if category == "증명서":
        return f"11-00-{digits[:6]}-{digits[6:8]}"
    return f"SN{digits[:10]}"


def misread(number: str, rng: np.random.Generator) -> str:
    """The number with one of its digits another."""
    if not number:
        return number
    at = int(rng.choice([i for i, each in enumerate(number) if each in DIGITS]))
    other = (int(number[at]) + int(rng.integers(1, 10))) % 10
    return f"{number[:at]}{other}{number[at + 1 :]}"


def _checked(number: str) -> str:
    """With the last digit that makes it one of its kind."""
    return next(whole for digit in DIGITS if numbers(whole := number + digit))
