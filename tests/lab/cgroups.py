"""Control groups for a lab's daemons: a part of the processor's time, a number of threads. Of version 1, where each controller has a
hierarchy of its own, or of version 2, where one has all."""

import contextlib
import os
from pathlib import Path

PERIOD_US = 100_000  # the kernel's own


class CgroupError(OSError):
    """This machine, or this user, has no such groups; the text says why."""


class Cgroup:
    """One controller's group for one daemon, with no limit yet. It is gone with its lab."""

    def __init__(self, lab, node, controller):
        self.version, parent = hierarchy(controller)
        self.path = parent / f"{prefix(lab)}{node}-{controller}"
        try:
            self.path.mkdir()
        except OSError as error:
            raise CgroupError(f"no control group can be made in {parent}: {error.strerror}") from None

    def take(self, pid):
        """The process with all its threads."""
        self._write("cgroup.procs", pid)

    def entrance(self):
        """A command through which another one is started in the group: its first thread is the group's first."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.path / "cgroup.procs")]

    def limit_processor(self, part, period_us=PERIOD_US):
        """It runs for this part of each period, on all processors together, and then waits for the next one; None: no limit. Others who
        want the processors don't keep it from that part, so that it is the quota that makes it wait."""
        quota_us = None if part is None else int(part * period_us)
        if self.version == 2:
            self._write("cpu.weight", 10_000)
            self._write("cpu.max", f"{'max' if quota_us is None else quota_us} {period_us}")
        else:
            self._write("cpu.shares", 262_144)
            self._write("cpu.cfs_period_us", period_us)
            self._write("cpu.cfs_quota_us", -1 if quota_us is None else quota_us)

    def times_throttled(self):
        """In how many periods it wanted to run and had to wait."""
        return self._counts("cpu.stat")["nr_throttled"]

    def limit_threads(self, count):
        """Of all its processes together; None: no limit."""
        self._write("pids.max", "max" if count is None else count)

    def threads(self):
        return int((self.path / "pids.current").read_text())

    def threads_refused(self):
        return self._counts("pids.events")["max"]

    def _write(self, name, value):
        (self.path / name).write_text(f"{value}\n")

    def _counts(self, name):
        return {key: int(value) for key, value in (line.split() for line in (self.path / name).read_text().splitlines())}


def prefix(lab):
    return f"vsync-{lab}-"


def mounts():
    """Version, where and with which options, of each hierarchy."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, options = line.split()[:4]
        if kind in ("cgroup", "cgroup2"):
            yield (2 if kind == "cgroup2" else 1), Path(place), options.split(",")


def hierarchy(controller):
    """Its version, and where groups with this controller are made."""
    if os.geteuid() != 0:
        raise CgroupError("control groups need root")
    for version, place, options in mounts():
        if version == 1 and controller in options:
            return 1, place
        if version == 2 and controller in (place / "cgroup.controllers").read_text().split():
            hand_down(controller, place)
            return 2, place
    raise CgroupError(f"no hierarchy of control groups has the controller '{controller}'")


def hand_down(controller, place):
    """Groups of version 2 have the controllers that the one above gives them. One that isn't the root and has processes can't."""
    try:
        (place / "cgroup.subtree_control").write_text(f"+{controller}")
    except OSError as error:
        raise CgroupError(f"{place} doesn't hand down its controller '{controller}': {error.strerror}") from None


def remove(lab):
    """All groups of a lab, whose processes have ended."""
    for _, place, _ in mounts():
        for group in place.glob(f"{prefix(lab)}*"):
            with contextlib.suppress(OSError):  # one that isn't free yet keeps nothing else of the lab from going
                group.rmdir()
