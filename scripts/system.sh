#!/usr/bin/env bash
# What the system must have: Java 17 to 22 (spark/environment.py says why), and a Python that can make environments.
# Installs it by apt where this user may, else says what to install.
set -euo pipefail
. "$(dirname "$0")/apt.sh"
python=${1:-python3}

"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || {
  echo "matching-spark needs Python 3.11, 3.12 or 3.13: install one, then 'make setup PYTHON=/path/to/python3.11'." >&2
  exit 1
}
missing=()
java_version() {
  ("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 || true) | sed -nE 's/.* version "(1\.)?([0-9]+).*/\2/p' | head -1
}
java_fits() { [ "${1:-0}" -ge 17 ] && [ "$1" -le 22 ]; }
another_java() { find /usr/lib/jvm -maxdepth 1 \( -name 'java-17-openjdk*' -o -name 'java-21-openjdk*' \) 2>/dev/null | sort | head -1; }
say_which() {
  local version; version=$(java_version)
  java_fits "$version" || echo "the Java in force is ${version:-none}; for matching-spark: export JAVA_HOME=$(another_java)" >&2
}

java_fits "$(java_version)" || [ -n "$(another_java)" ] || missing+=(openjdk-17-jre-headless)
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[ ${#missing[@]} -gt 0 ] || { say_which; exit 0; }

by_apt "${missing[@]}"
say_which
