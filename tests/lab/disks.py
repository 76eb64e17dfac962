"""Small disks of their own for state directories (tmpfs), so that one can be full."""

import errno
import os
import subprocess

FILLER = "filler"
PIECE_BYTES = 64 << 10


class DiskError(OSError):
    pass


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise DiskError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")


def mount(directory, size):
    directory.mkdir(mode=0o700)
    run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "vsync-lab", directory)


def fill(directory):
    """Leaves not a byte."""
    file = os.open(directory / FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = PIECE_BYTES
        while size > 0:
            try:
                os.write(file, bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
    finally:
        os.close(file)


def free(directory):
    (directory / FILLER).unlink(missing_ok=True)


def unmount_all(below):
    """Whatever is mounted below the directory, whoever mounted it."""
    with open("/proc/self/mounts") as mounts:
        places = [line.split()[1].encode().decode("unicode_escape") for line in mounts]
    for place in reversed(places):
        if place.startswith(f"{below}/"):
            run("umount", place)
