"""The licences of an environment: of every distribution in it, and of the libraries in its wheels.

licences.py [FOLDER]: of an environment other than this one. Ends with 1 when there is a licence, or
a bundled library, that nobody has looked at: look at it, and enter it below.
"""

import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

# As metadata call them: with these one may do as one likes, if their texts go along.
KNOWN = re.compile(
    r"(the )?(MIT|MIT-0|MIT-CMU|BSD|0BSD|BSD-[23]-Clause|BSD [23]-Clause|3-Clause BSD|"
    r"Apache|Apache 2\.0|Apache-2\.0|Apache Software( License)?|"
    r"ISC|ISC license \(ISCL\)|PSF-2\.0|PSFL|"
    r"Python Software Foundation|"
    r"Zlib|CC0-1\.0|MPL-2\.0|Mozilla Public License 2\.0 \(MPL 2\.0\))( license)?",
    re.IGNORECASE,
)
# What their metadata do not say, by their sources.
STATED = {
    "aiosmtpd": "Apache-2.0",
    "hdfs-native": "Apache-2.0",
    "pytest-timeout": "MIT",
    "resvg_py": "MIT",  # resvg, which is in it: Apache-2.0 OR MIT
}
GCC = "GPL-3.0 with the GCC runtime exception"
# Libraries in wheels, beside the Python code, by the names of their files.
BUNDLED = {
    "libarrow": "Apache-2.0",
    "libavif": "BSD-2-Clause, with dav1d or libaom (BSD-2-Clause)",
    "libbrotli": "MIT",
    "libde265": "LGPL-3.0",
    "libfaiss": "MIT",
    "libfreetype": "FTL",
    "libgfortran": GCC,
    "libgomp": GCC,
    "libharfbuzz": "MIT",
    "libheif": "LGPL-3.0",
    "libjpeg": "IJG, BSD-3-Clause",
    "liblcms2": "MIT",
    "liblzma": "0BSD",
    "libonnxruntime": "MIT",
    "libopenblas": "BSD-3-Clause",
    "libopenjp2": "BSD-2-Clause",
    "libparquet": "Apache-2.0",
    "libpng": "libpng-2.0",
    "libquadmath": "LGPL-2.1",
    "libscipy_openblas": "BSD-3-Clause",
    "libsharpyuv": "BSD-3-Clause",
    "libsodium": "ISC",
    "libtiff": "libtiff",
    "libwebp": "BSD-3-Clause",
    "libx265": "GPL-2.0",
    "libXau": "MIT",
    "libxcb": "MIT",
    "libzmq": "MPL-2.0",
    "libzstd": "BSD-3-Clause",
}
LIBRARY = re.compile(r"(lib[\w+]+?)(?:64_)?(?:-[\w-]+)?(?:\.[\d.]+)?\.(?:so|dylib)[\d.]*")


def licence(of: Distribution) -> str:
    """What the metadata say, an expression before a classifier before a text; '' for nothing."""
    said = of.metadata
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in said.get_all("Classifier") or []
        if each.startswith("License ::")
    ]
    text = (said["License"] or "").strip().partition("\n")[0]
    named = STATED.get(said["Name"])
    return named or said["License-Expression"] or ", ".join(classifiers) or text


def known(text: str) -> bool:
    parts = re.split(r",| AND | OR ", text)
    return all(any(map(KNOWN.fullmatch, (part.strip(), part.strip(" ()")))) for part in parts)


def bundled(of: Distribution) -> list[str]:
    """The names of the libraries that its wheel brings, which are no modules of its own."""
    names = {LIBRARY.fullmatch(Path(file).name) for file in of.files or []}
    return sorted({found[1] for found in names if found})


def of_library(name: str) -> str:
    """Its licence, by the beginning of its name; '' when that is not in the list."""
    return next((BUNDLED[key] for key in BUNDLED if name.startswith(key)), "")


def main() -> int:
    where = sys.path
    if sys.argv[1:]:
        where = [str(path) for path in Path(sys.argv[1]).glob("lib/python*/site-packages")]
    unknown = []
    for each in sorted(distributions(path=where), key=lambda d: d.metadata["Name"].lower()):
        name, said = each.metadata["Name"], licence(each)
        print(f"{name} {each.version}: {said or '?'}")
        if not known(said):
            unknown.append(f"{name} ({said or 'nothing is said'})")
        for library in bundled(each):
            print(f"    {library}: {of_library(library) or '?'}")
            if not of_library(library):
                unknown.append(f"{library} in {name}")
    for what in unknown:
        print(f"not looked at: {what}; read it, and enter it in {__file__}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
