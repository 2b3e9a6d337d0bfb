"""Opens what is imported: a plain file, a `.gz`, a `.zip` with one file in it, or a folder of these.

Everything streams, and nothing unpacks without a bound: what a compressed file becomes is counted while it is read.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from .rows import Unreadable

LARGEST_UNPACKED = 2 * 1024**3
LARGEST_RATIO = 100
SMALL = 10 * 1024**2  # below this a ratio says nothing: a tiny file of blanks packs a thousandfold
CORRUPT = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)

_ARCHIVES = (".zip", ".gz", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz")


class TooLarge(Unreadable):
    """A compressed file unpacks to more than is read."""


class _Counted(io.RawIOBase):
    """A stream that stops where an unpacked file outgrows the bounds."""

    def __init__(self, inner: IO[bytes], name: str, packed: int) -> None:
        self._inner = inner
        self._name = name
        self._packed = max(packed, 1)
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        piece = self._inner.read(len(view))
        view[: len(piece)] = piece
        self._read += len(piece)
        if self._read > LARGEST_UNPACKED or (self._read > SMALL and self._read / self._packed > LARGEST_RATIO):
            raise TooLarge(
                f"{self._name} unpacks to more than {self._read // 1024**2} MB from {self._packed // 1024} KB, which is"
                f" more than is read (at most {LARGEST_UNPACKED // 1024**3} GB and {LARGEST_RATIO} times the packed"
                " size). Unpack it yourself and import the plain file, if you trust it."
            )
        return len(piece)

    def close(self) -> None:
        self._inner.close()
        super().close()


def files_in(path: Path, suffix: str) -> list[Path]:
    """The file itself, or the folder's files ending in `suffix`, `.gz` and `.zip` ones included, in order of name.

    Hidden files and links are left out. Raises Unreadable when there is none.
    """
    if not path.exists():
        raise Unreadable(f"{path} does not exist. Give the path of a file or a folder.")
    if path.is_file():
        return [path]
    endings = (suffix, f"{suffix}.gz", f"{suffix}.zip")
    found = sorted(
        file
        for file in path.rglob("*")
        if file.name.casefold().endswith(endings)
        and not file.name.startswith(".")
        and file.is_file()
        and not file.is_symlink()
    )
    if not found:
        raise Unreadable(f"The folder {path} holds no file that ends in {', '.join(endings)}.")
    return found


@contextmanager
def opened(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The name of the file read (a zip's member has one of its own) and its unpacked bytes, as a stream.

    What a file is, its first bytes tell, not its name. Raises Unreadable for a file that cannot be opened, is empty,
    or is a zip without exactly one file in it; `CORRUPT` and TooLarge may come up while the stream is read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            if not start:
                raise Unreadable(f"{path} is empty.")
            if start[:2] == b"\x1f\x8b":
                unpacked = cast(IO[bytes], gzip.GzipFile(fileobj=file))
                yield path.name, io.BufferedReader(_Counted(unpacked, path.name, path.stat().st_size))
            elif start == b"PK\x03\x04" or start == b"PK\x05\x06":
                with _only_member(path, file) as (name, member, packed):
                    yield f"{path.name}/{name}", io.BufferedReader(_Counted(member, name, packed))
            else:
                yield path.name, file
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise
        raise Unreadable(f"{path} cannot be read: {error.strerror or error}.") from error


@contextmanager
def _only_member(path: Path, file: IO[bytes]) -> Iterator[tuple[str, IO[bytes], int]]:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise Unreadable(f"{path} is not a whole zip file ({error}). Fetch it again.") from error
    with archive:
        members = [info for info in archive.infolist() if not info.is_dir() and not _is_litter(info.filename)]
        if len(members) != 1:
            raise Unreadable(
                f"{path} holds {len(members)} files; a zip is read when it holds exactly one. Unpack it and give the"
                " folder, or the one file that you mean."
            )
        member = members[0]
        if member.filename.casefold().endswith(_ARCHIVES):
            raise Unreadable(f"{path} holds another archive, {member.filename}. Unpack it and give what is inside.")
        if member.flag_bits & 0x1:
            raise Unreadable(f"{path} is locked with a password. Unpack it yourself and give the plain file.")
        with archive.open(member) as inner:
            yield member.filename, inner, member.compress_size


def _is_litter(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith(".")
