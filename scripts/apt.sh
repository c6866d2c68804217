# Sourced by the scripts that say what the system must have.
# by_apt PACKAGE...: installs them where this user may; else says what to install, and fails.
by_apt() {
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  if command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then
    echo "installing $* ..." >&2
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    return
  fi
  echo "matching-spark needs $*: install it (on Debian and Ubuntu: sudo apt install $*), then run make again." >&2
  return 1
}
