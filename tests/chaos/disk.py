"""Bad disks: a state file that another program holds, a disk that is full, read-only or slow.

Two kinds of means: what the system itself offers (a tmpfs, a limit of a running process), and a small C library that is
loaded into the bot and stands between SQLite and the system. Both leave the bot's own code as it is.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

# Holds the write lock until its stdin is closed.
HOLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
db.execute("ROLLBACK")
"""

# The control file holds two numbers: how many milliseconds a sync takes, and with which errno a write fails (0: none).
# Each sync adds a byte to a file of their number.
# Regular files only: what the bot prints goes to a pipe.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(name) __typeof__(name) *real = (__typeof__(name) *) dlsym(RTLD_NEXT, #name)

static void read_control(long *milliseconds, int *error) {
    char text[64];
    const char *path = getenv("CHAOS_DISK");
    *milliseconds = 0; *error = 0;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0) return;
    text[size] = 0;
    sscanf(text, "%ld %d", milliseconds, error);
}

static int fails(int fd) {
    long milliseconds; int error; struct stat found;
    int before = errno;
    read_control(&milliseconds, &error);
    errno = before;
    if (!error || fstat(fd, &found) || !S_ISREG(found.st_mode)) return 0;
    errno = error;
    return 1;
}

static void linger(void) {
    long milliseconds; int error;
    read_control(&milliseconds, &error);
    const char *path = getenv("CHAOS_SYNCS");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        REAL(write);
        if (real(fd, ".", 1) != 1) abort();
        close(fd);
    }
    if (milliseconds) usleep(milliseconds * 1000);
}

int fsync(int fd) { REAL(fsync); linger(); return fails(fd) ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); linger(); return fails(fd) ? -1 : real(fd); }
ssize_t write(int fd, const void *data, size_t size) { REAL(write); return fails(fd) ? -1 : real(fd, data, size); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(pwrite); return fails(fd) ? -1 : real(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(pwrite64); return fails(fd) ? -1 : real(fd, data, size, at);
}
int ftruncate(int fd, off_t size) { REAL(ftruncate); return fails(fd) ? -1 : real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); return fails(fd) ? -1 : real(fd, size); }
"""


class FaultyDisk:
    """The C library, and the file that says what it does at the moment. `env` is for the bot."""

    def __init__(self, folder: Path) -> None:
        """Build it. Skips the test where that cannot be."""
        if sys.platform != "linux" or not shutil.which("gcc"):
            pytest.skip("needs Linux and gcc")
        source, library = folder / "disk.c", folder / "disk.so"
        source.write_text(SHIM, encoding="ascii")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, capture_output=True)
        self._control, self._syncs = folder / "disk-control", folder / "disk-syncs"
        self.env = {
            "LD_PRELOAD": str(library),
            "CHAOS_DISK": str(self._control),
            "CHAOS_SYNCS": str(self._syncs),
        }

    @property
    def syncs(self) -> int:
        """How many syncs there were so far."""
        return self._syncs.stat().st_size if self._syncs.exists() else 0

    def _set(self, milliseconds: int, error: int) -> None:
        # Moved into place: the bot must never read half of it.
        fresh = self._control.with_suffix(".new")
        fresh.write_text(f"{milliseconds} {error}", encoding="ascii")
        fresh.replace(self._control)

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Every sync takes that long."""
        self._set(int(seconds * 1000), 0)
        try:
            yield
        finally:
            self._set(0, 0)

    @contextmanager
    def failing(self, error: int) -> Iterator[None]:
        """Every write to a file fails with that errno, also to files that are open: so does a disk gone read-only."""
        self._set(0, error)
        try:
            yield
        finally:
            self._set(0, 0)


@asynccontextmanager
async def held_by_another(state_file: Path) -> AsyncIterator[None]:
    """Another process is in the middle of a transaction on that file."""
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(state_file), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert other.stdin and other.stdout
    try:
        assert await asyncio.wait_for(other.stdout.readline(), 40) == b"held\n"
        yield
    finally:
        other.stdin.close()
        await asyncio.wait_for(other.wait(), 10)


@contextmanager
def no_room_for(pid: int) -> Iterator[None]:
    """A running process cannot write to any file (Linux; Python ignores the signal that comes with it)."""
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    import resource

    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it did not survive
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def small_disk(folder: Path, megabytes: int = 4) -> Iterator[Path]:
    """A small disk in memory. Skips the test where mounting is not allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs Linux, and the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """No byte is free on that disk."""
    ballast = disk / "ballast"
    block = os.open(ballast, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for size in (65536, 4096, 1):
            try:
                while True:
                    os.write(block, bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC
        yield
    finally:
        os.close(block)
        ballast.unlink()
