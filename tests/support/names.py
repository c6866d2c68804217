"""Names of files that a URI, a shell or a pattern would take for something else."""

import unicodedata

HANGUL = "검정 지갑"
NAMES = [
    *("IMG#1", "IMG", "a?b", "a;b", "100%", "%41", "%EA%B0%80", "a+b", "[1]", "{a,b}", "it's"),
    *('"x"', "back\\slash", "*", "a:b", " space ", "~", "$HOME", "${x}", "file:x", "a&b=c", "`"),
    *(unicodedata.normalize(form, HANGUL) for form in ("NFC", "NFD")),
]
ODD = "it's #1? 100%41; [a]{b,c} a+b \\ " + unicodedata.normalize("NFD", HANGUL)
