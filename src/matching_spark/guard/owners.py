"""Whose a file or a folder is: what others may write can run code, or be believed, as this user."""

import grp
import os
import pwd
import threading
from contextlib import suppress
from errno import EPERM
from pathlib import Path

from platformdirs import user_cache_dir

from matching_spark.errors import UsageError

_asking = threading.Lock()


def cache_folder() -> str:
    """Where this host keeps what was derived or fetched; of what names it only the variable is
    asked: for what must be known before there are settings. Raises UsageError for a user who has
    no home, as a container's may not."""
    if named := os.environ.get("MATCHING_CACHE__FOLDER"):
        return os.path.expanduser(named)
    try:
        return user_cache_dir("matching-spark")
    except RuntimeError:
        raise UsageError(
            f"{_name(os.geteuid())} has no home to keep a cache in: set HOME, or name its folder",
            argument="cache.folder",
        ) from None


def doubt(path: Path, opened: os.stat_result | None = None) -> str:
    """Why it may be another user's doing; '' where only this user, or root, can have written it.

    opened: of the file that was opened there, where another may be put in its place meanwhile.
    Raises OSError where there is none.
    """
    link, state = os.lstat(path), opened or os.stat(path)
    for each in (link, state):
        if each.st_uid not in (os.geteuid(), 0):
            return f"it belongs to {_name(each.st_uid)}"
    if state.st_mode & 0o002:
        return "everybody may write to it"
    if state.st_mode & 0o020 and not _alone(state):
        return "its group may write to it"
    return ""


def own_folder(path: Path) -> None:
    """Make a folder that only this user may enter; one that is there is closed to others.

    Raises PermissionError where it is another's or others may have written there.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if why := doubt(path):
        raise PermissionError(EPERM, f"{why}: remove it, or name another", str(path))
    if os.stat(path).st_mode & 0o077:
        with suppress(OSError):  # what others may read cannot be changed by them
            os.chmod(path, 0o700)


def denied(path: str) -> str:
    """Why this user may not read or write a file or folder of this machine, and what to do."""
    whole = Path(path).absolute()
    at, state = whole, os.stat("/")
    for each in (*reversed(whole.parents), whole):
        try:
            at, state = each, os.stat(each)
        except OSError:  # it is not there, or is in what is closed
            break
        if each.is_dir() and not os.access(each, os.X_OK):
            break
    me, owner = _name(os.geteuid()), _name(state.st_uid)
    subject = "it" if at == whole else f"{at}"
    if os.access(at, os.R_OK) and os.statvfs(at).f_flag & os.ST_RDONLY:  # no chmod helps there
        return f"{subject} lies on a file system that is mounted read-only: name a place on another"
    if me == owner:
        return f"{subject} is closed to {me}, whose own it is: chmod -R u+rwX {at}"
    return (
        f"{subject} belongs to {owner} and is closed to {me}: run this as {owner}, or, where a "
        f"container or sudo left it behind, give it to {me} with all that lies in the same table: "
        f"sudo chown -R {me} FOLDER"
    )


def stranger(path: str) -> str:
    """Who may not read what this user writes in a folder of theirs, as a container's root does; ''
    where nobody is kept out."""
    owner = os.stat(path).st_uid
    return "" if os.geteuid() or not owner else _name(owner)


def _alone(state: os.stat_result) -> bool:
    """Whether the group is the owner's own: systems with a umask of 002 make one for each user."""
    try:
        group = grp.getgrgid(state.st_gid)
    except KeyError:
        return False
    return group.gr_name == _name(state.st_uid) and set(group.gr_mem) <= {group.gr_name}


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's
        return f"user {uid}"


def umask() -> int:
    """This process's."""
    with _asking:
        now = os.umask(0o077)  # no other way to ask is everywhere
        os.umask(now)
    return now


def closed_umask() -> int:
    """The umask of what is kept of people: all others have nothing, the group has what the umask
    gives it and not them: 022 -> 077, 002 -> 007, 027 and 077 stay."""
    now = umask()
    group, others = now >> 3 & 7, now & 7
    return now & 0o700 | (7 if group == others else group) << 3 | 7
