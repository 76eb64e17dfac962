#!/usr/bin/python3
"""System calls that fail: a daemon ends with a line and an exit status, or goes on; none of its own ends it by a signal.

`fail_a_call.cpp`, preloaded, lets one call fail. Each point is (kind of call, which one of it, errno), over the life of a daemon: its
start, an operator's bootstrap, a durable message, its end. As a test some points of every kind, in a campaign all of them.
"""

import concurrent.futures
import errno
import os
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from support import EVENT_WITHIN_S, RELEASE, count, find_build, say

# Errors that the kernel gives, by kind of call.
ERRORS = {
    "open": (errno.EMFILE, errno.ENOSPC, errno.EIO),
    "write": (errno.ENOSPC, errno.EIO, errno.EINTR),
    "fsync": (errno.EIO, errno.ENOSPC, errno.EDQUOT),
    "rename": (errno.EIO, errno.ENOSPC, errno.EROFS),
    "mkdir": (errno.ENOSPC, errno.EACCES, errno.EROFS),
    "ftruncate": (errno.EIO, errno.ENOSPC, errno.EPERM),
    "flock": (errno.ENOLCK, errno.EINTR, errno.EWOULDBLOCK),
    "socket": (errno.EMFILE, errno.ENFILE, errno.ENOBUFS),
    "bind": (errno.EADDRINUSE, errno.EACCES, errno.ENOMEM),
    "listen": (errno.EADDRINUSE, errno.EOPNOTSUPP, errno.EMFILE),
    "connect": (errno.ECONNREFUSED, errno.EAGAIN, errno.ENETUNREACH),
    "accept": (errno.EMFILE, errno.ECONNABORTED, errno.ENFILE),
    "epoll_create": (errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    "eventfd": (errno.EMFILE, errno.ENFILE),
}
CALLS_MAX = 24  # of each kind
# ZeroMQ's threads can't be without what they wait with, and say so themselves.
ZEROMQ_ABORTS = r"\(src/epoll\.cpp:\d+\)"
EXIT_STATUSES = range(0, 7)  # daemon/start_error.hpp
AT_ONCE = 4


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Point:
    """One life of a daemon in which one call fails."""

    def __init__(self, build, kind=None, at=0, error=0):
        self.build, self.kind, self.at, self.error = build, kind, at, error
        self.programs = {"vsync": build / "bindings/cli/vsync", "vsyncd": build / "daemon/vsyncd"}

    def name(self):
        return f"{self.kind}:{self.at}:{errno.errorcode[self.error]}"

    def live(self):
        """What is wrong with how it ended; None: nothing."""
        with tempfile.TemporaryDirectory(prefix="vsync-calls-") as directory:
            self.directory = Path(directory)
            process = self.start()
            try:
                self.use(process)
                alive = process.poll() is None
                answers = alive and self.ask("status")
                if alive:
                    process.send_signal(signal.SIGTERM)
                said = process.communicate(timeout=EVENT_WITHIN_S)[0].decode(errors="replace")
            except subprocess.TimeoutExpired:
                return "it doesn't end"
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
            self.calls = self.read_calls()
            return self.judge(process.returncode, said, alive, answers)

    def start(self):
        environment = {**os.environ, "LD_PRELOAD": str(self.build / "tests/integration/libfail-a-call.so"),
                       "VSYNC_CALLS": str(self.directory / "calls"),
                       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        environment.pop("NOTIFY_SOCKET", None)
        if self.kind:
            environment["VSYNC_FAIL"] = f"{self.kind}:{self.at}:{self.error}"
        settings = {"node": "a", "state_dir": self.directory / "state", "socket": self.directory / "run/s.sock", "security": "none",
                    "listen": f"tcp://127.0.0.1:{free_port()}", "trace_file": self.directory / "trace", "leave_within_ms": 500}
        file = self.directory / "vsyncd.toml"
        file.write_text("".join(f"{key} = {value if isinstance(value, int) else repr(str(value))}\n" for key, value in settings.items()) +
                        '[[peer]]\nname = "b"\nendpoint = "tcp://127.0.0.1:9"\n')
        return subprocess.Popen([self.programs["vsyncd"], "--config", file], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=environment)

    def use(self, process):
        until = time.monotonic() + EVENT_WITHIN_S
        while process.poll() is None and time.monotonic() < until:
            if self.ask("bootstrap"):
                self.ask("pub", "--level", "durable", "--when-blocked", "wait", "--timeout", "2", "a.topic", "text")
                self.ask("trace", "dump")
                return

    def ask(self, *words):
        command = [self.programs["vsync"], "--endpoint", f"ipc://{self.directory}/run/s.sock", *words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def read_calls(self):
        file = self.directory / "calls"
        return {kind: int(count) for kind, count in (line.split() for line in file.read_text().splitlines())} if file.exists() else {}

    def judge(self, status, said, alive, answers):
        if status == -signal.SIGABRT and re.search(ZEROMQ_ABORTS, said):
            return None
        if status not in EXIT_STATUSES:
            return f"it ended with {status}: {said[-1500:]}"
        if "Sanitizer" in said or "runtime error" in said:
            return said[-3000:]
        if alive and not answers:
            return f"it goes on, and doesn't answer: {said[-1500:]}"
        if status != 0 and not said.strip():
            return f"it ended with {status} and said nothing"
        if status != 0 and not alive and "vsyncd" not in said.splitlines()[-1]:
            return f"its last words aren't its own: {said[-1500:]}"
        return None


class FailedCalls(unittest.TestCase):

    def points(self):
        build = find_build()
        sound = Point(build)
        self.assertIsNone(sound.live())
        for kind, errors in ERRORS.items():
            for at in range(1, min(sound.calls[kind], CALLS_MAX) + 1):
                for error in errors:
                    yield Point(build, kind, at, error)

    def test_a_daemon_ends_with_a_status_or_goes_on(self):
        points = list(self.points())
        if not RELEASE:
            points = points[::max(1, len(points) // 30)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for point, wrong in zip(points, pool.map(Point.live, points)):
                with self.subTest(point.name()):
                    self.assertIsNone(wrong)
        say(f"{len(points)} points")
        count("failed calls", len(points))

    def test_a_limit_of_descriptors_that_no_daemon_can_live_with_is_told(self):
        for limit in (10, 16, 23):
            with tempfile.TemporaryDirectory(prefix="vsync-calls-") as directory:
                ended = subprocess.run(
                    [find_build() / "daemon/vsyncd", "--set", f"state_dir={directory}/state", "--set", f"socket={directory}/run/s.sock"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=EVENT_WITHIN_S,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
                self.assertEqual(ended.returncode, 1, ended.stdout)
                self.assertIn("LimitNOFILE", ended.stdout)
                self.assertEqual(len(ended.stdout.splitlines()), 1, ended.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
