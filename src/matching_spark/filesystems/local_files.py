"""Files of this machine, by the calls of fsspec that storage.py makes: its import takes long."""

import os
import shutil
from contextlib import suppress
from typing import IO, Any


class LocalFiles:
    """As fsspec's file system of this machine; links to folders are no folders to `ls`."""

    def open(self, path: str, mode: str) -> IO[bytes]:
        stream: IO[bytes] = open(path, mode)  # noqa: SIM115  (the caller's)
        return stream

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def isdir(self, path: str) -> bool:
        return os.path.isdir(path)

    def size(self, path: str) -> int:
        return os.stat(path).st_size

    def info(self, path: str) -> dict[str, Any]:
        return {"mtime": os.stat(path).st_mtime}

    def ls(self, path: str, detail: bool) -> list[dict[str, Any]]:
        """What lies in a folder: each one's name (its whole path), type and mtime, a link's own."""
        if not os.path.isdir(path):
            os.stat(path)  # raises FileNotFoundError
            return [{"name": path, "type": "file", **self.info(path)}]
        found = []
        with os.scandir(path) as listed:
            for each in listed:
                with suppress(FileNotFoundError):  # it has gone since
                    written = each.stat(follow_symlinks=False).st_mtime
                    kind = "directory" if each.is_dir(follow_symlinks=False) else "file"
                    found.append({"name": each.path, "type": kind, "mtime": written})
        return found

    def rm(self, path: str, recursive: bool = False) -> None:
        if recursive and os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.remove(path)
