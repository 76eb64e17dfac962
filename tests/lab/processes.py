"""Processes that outlive who started them: a pid alone is not enough, since the kernel gives it to another one day."""

import json
import os
import signal
import time
from pathlib import Path

END_WITHIN_S = 10


def start_time(pid):
    """When the process started, in the kernel's ticks; None when there is no such process or it has ended (zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started


def remember(file, pid):
    file.write_text(json.dumps({"pid": pid, "started": start_time(pid)}))


def recall(file):
    """The remembered process, None when it has ended."""
    try:
        known = json.loads(file.read_text())
    except (OSError, json.JSONDecodeError):
        return None
    started = start_time(known["pid"])
    return known["pid"] if started is not None and started == known["started"] else None


def with_environment(name, value):
    """The processes of this user whose environment has name=value."""
    wanted = f"{name}={value}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
        except OSError:
            continue


def end(pid):
    """SIGKILL, also for a stopped process; returns when it has ended."""
    started = start_time(pid)
    if started is None:
        return
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + END_WITHIN_S
    while start_time(pid) == started and time.monotonic() < deadline:
        time.sleep(0.005)


def cpu_seconds(pid):
    """User and system time of a living process and all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
