#!/usr/bin/env bash
# What the browser's tests and the pictures of the pages need: Chromium, a font with Hangul, and npm.
# Installs it by apt where this user may, else says what to install. CHROMIUM names another one.
set -euo pipefail
. "$(dirname "$0")/apt.sh"
missing=()
[ -x "${CHROMIUM:-}" ] || command -v chromium >/dev/null || missing+=(chromium)
{ command -v fc-list >/dev/null && [ -n "$(fc-list :lang=ko file)" ]; } || missing+=(fontconfig fonts-nanum)
command -v npm >/dev/null || missing+=(npm)
[ ${#missing[@]} -eq 0 ] || by_apt "${missing[@]}"
