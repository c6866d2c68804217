"""What is a secret, by its name and by the shape of a value, and how it is left out.

One rule for `config`, the log, what is said on stderr, and what Spark shows and keeps (RULE is a
pattern for Java as well). It leaves out too much rather than too little.
"""

import re

# Of a setting, a variable, a parameter of an address or of a JDBC string; a name may go on
# (fs.azure.account.key.NAME). `key` alone is no secret's: it has a word before it, or is a part.
NAME = (
    r"(?:secret|token(?!i[sz])|passw(?:or)?d|passphrase|pwd(?![a-z])|(?<!by)(?<!com)pass(?![a-z])"
    r"|credential|authorization|signature|(?<![a-z0-9])(?:sig|sas)(?![a-z0-9])|webhook[._-]?url"
    r"|(?:service|api|access|account|private|shared|signing|encryption|storage|master|client|auth"
    r"|subscription)[._-]?key|[._-]key(?![a-z0-9]))"
)
# The first group of each is what stays of it. Each takes time that grows as the text: what may be
# long is bounded, or always found once begun, so that no two beginnings read the same rest.
_SHAPES = (
    # name=value, "name": "value", Authorization: Bearer value. A value without quotes ends where
    # addresses and JDBC strings go on, not at a comma or a quote, which a password may have.
    rf"((?:{NAME}|(?<=[?&])key)[\w.-]{{0,100}}[\"']?\s{{0,9}}[=:]\s{{0,9}})"
    r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\{[^}]*\}?|[\"'][^\n]*"
    r"|(?:(?:bearer|basic)\s+)?[^\s&;]+)",
    # As a line of spark-defaults.conf has it: by a space.
    rf"((?<![^\n])spark\.[\w.-]{{0,200}}{NAME}[\w.-]{{0,200}}\s{{1,9}})\S+",
    # user:password@ of an address, also with / or @ in it; host:80/@name is none.
    r"((?<=://))[^\s/@:\"'<>\[]*:(?!\d+(?:[/?#,\s]|$))[^\s\"'<>]{0,1000}(?=@)",
    # A token in its user's place.
    r"(\b(?:https?|ftp)://)[^\s/@:\"'<>?#]+(?=@)",
    r"(jdbc:oracle:\w+:)[^\s@]{1,1000}(?=@)",  # scott/tiger@
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]+",
)
SHAPE = "|".join(_SHAPES)
RULE = f"(?i){NAME}|{SHAPE}"  # found in a key or in a value

_NAME, _SHAPE = re.compile(NAME, re.IGNORECASE), re.compile(SHAPE, re.IGNORECASE)


def masked(text: str) -> str:
    """The text with every secret that it names replaced by ***."""
    return _SHAPE.sub(lambda found: f"{next(filter(None, found.groups()), '')}***", text)


def masked_setting(name: str, value: object) -> object:
    """The value of a setting as it may be shown: *** where its name is a secret's, else masked."""
    if value and _NAME.search(name):
        return "***"
    if isinstance(value, tuple):
        return tuple(masked_setting(name, each) for each in value)
    return masked(value) if isinstance(value, str) else value
