"""Processes that outlive who started them: a pid alone is not enough, since the kernel gives it to another one day."""

import json
import os
import signal
import time
from pathlib import Path

END_WITHIN_S = 10


def stat(pid):
    """The fields of /proc/PID/stat behind the name, from the state on; None when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def start_time(pid):
    """When the process started, in the kernel's ticks; None when there is no such process or it has ended (zombie)."""
    fields = stat(pid)
    return None if fields is None or fields[0] in "ZX" else fields[19]


def is_stopped(pid):
    fields = stat(pid)
    return fields is not None and fields[0] in "Tt"


def ourselves():
    """This process and those that started it: `lab down` in a shell of `lab exec` must not end itself before its work is done."""
    pid, line = os.getpid(), set()
    while pid > 0 and pid not in line:
        line.add(pid)
        fields = stat(pid)
        pid = int(fields[1]) if fields else 0
    return line


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
    spared = ourselves()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in spared:
            continue
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
        except OSError:
            continue


def end(pid, number=signal.SIGKILL):
    """SIGKILL, also for a stopped process, or another signal; returns when it has ended."""
    started = start_time(pid)
    if started is None:
        return
    os.kill(pid, number)
    deadline = time.monotonic() + END_WITHIN_S
    while start_time(pid) == started and time.monotonic() < deadline:
        time.sleep(0.005)


def cpu_seconds(pid):
    """User and system time of a living process and all its threads."""
    fields = stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
