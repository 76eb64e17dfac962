#!/usr/bin/python3
"""System calls that fail, or do half of what was asked: a daemon ends with a line and an exit status, or goes on; none of its own ends it
by a signal. The next start over the same directory is a good one, and what was told durable is there.

`fail_a_call.cpp`, preloaded, lets one call fail. Each point is stage:kind:number:error, as "first:write:7:ENOSPC", the seventh write to a
file in the life of a daemon that begins with an empty directory, or "later:read:2:short" in one that finds the state of another. As a test
some points of every kind, others each time, in a campaign all of them. Those of a seed that was printed, or single ones, again:

    VSYNC_SEED=1234 tests/integration/failed_calls_test.py
    VSYNC_POINTS="first:write:7:ENOSPC later:read:2:short" tests/integration/failed_calls_test.py
"""

import concurrent.futures
import errno
import itertools
import os
import random
import re
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from collections import Counter
from pathlib import Path

from support import EVENT_WITHIN_S, RELEASE, SANITIZED, count, find_build, say

SHORT = 0  # no error: half of it is done
# What the kernel gives, by kind of call.
ERRORS = {
    "open": (errno.EMFILE, errno.ENOSPC, errno.EIO, errno.ENOMEM),
    "read": (errno.EIO, errno.EINTR, errno.ENOMEM, SHORT),
    "write": (errno.ENOSPC, errno.EIO, errno.EINTR, SHORT),
    "send": (errno.ECONNRESET, errno.EPIPE, errno.EINTR, SHORT),
    "recv": (errno.ECONNRESET, errno.ETIMEDOUT, errno.EINTR, SHORT),
    "fsync": (errno.EIO, errno.ENOSPC, errno.EDQUOT),
    "rename": (errno.EIO, errno.ENOSPC, errno.EROFS),
    "mkdir": (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ENOMEM),
    "ftruncate": (errno.EIO, errno.ENOSPC, errno.EPERM),
    "flock": (errno.ENOLCK, errno.EINTR, errno.EWOULDBLOCK),
    "socket": (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),
    "bind": (errno.EADDRINUSE, errno.EACCES, errno.ENOMEM),
    "listen": (errno.EADDRINUSE, errno.EOPNOTSUPP, errno.EMFILE),
    "connect": (errno.ECONNREFUSED, errno.EAGAIN, errno.ENETUNREACH),
    "accept": (errno.EMFILE, errno.ECONNABORTED, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS),
    "epoll_create": (errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    "eventfd": (errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    "pidfd_open": (errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}
TRANSFERS = ("read", "write", "send", "recv")
STAGES = ("first", "later")
CALLS_MAX = 40  # of each kind
POINTS = 40 if SANITIZED else 200  # of a slice
AT_ONCE = 8  # most of a life is waiting
# ZeroMQ can't be without what its threads wait with, and says so itself.
ZEROMQ_ABORTS = r"\(src/(epoll|ip)\.cpp:\d+\)"
EXIT_STATUSES = range(0, 7)  # daemon/start_error.hpp
USAGE = 2
REFUSED = 4  # bindings/cli/exit_status.hpp
# A view of one comes sooner than by default, and nobody is there to be suspected.
TIMES = {"heartbeat_every_ms": 15, "lease_ms": 30, "suspect_after_min_ms": 60, "admit_after_ms": 70, "leave_within_ms": 500}


def addresses():
    """One for each host, since lives that end leave their ports in use."""
    network = random.randint(1, 254)
    return (f"tcp://127.{network}.{number // 250}.{number % 250 + 1}:7400" for number in itertools.count())


def name_of(error):
    return "short" if error == SHORT else errno.errorcode[error]


def preloaded(build):
    return {"LD_PRELOAD": str(build / "tests/integration/libfail-a-call.so"),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


def end_and_exit(*_):
    """A test that runs out of time leaves no daemons behind; they are in no lab."""
    for process in list(Host.running):
        process.kill()
    os._exit(1)


signal.signal(signal.SIGTERM, end_and_exit)


def wait_for_an_end(*processes):
    """Of one of them."""
    if all(process.poll() is None for process in processes):
        ends = [os.pidfd_open(process.pid) for process in processes]
        try:
            select.select(ends, [], [])
        finally:
            for end in ends:
                os.close(end)


class Life:
    """What a daemon did from its start to its end."""

    def __init__(self, said, status, alive, answers, calls):
        self.said, self.status, self.alive, self.answers, self.calls = said, status, alive, answers, calls

    def wrong(self):
        """What no failed call may do; None: nothing."""
        if self.status == -signal.SIGABRT and re.search(ZEROMQ_ABORTS, self.said):
            return None
        if self.status not in EXIT_STATUSES:
            return f"it ended with {self.status}: {self.said[-1500:]}"
        if "Sanitizer" in self.said or "runtime error" in self.said:
            return self.said[-3000:]
        if self.alive and not self.answers:
            return f"it goes on, and doesn't answer: {self.said[-1500:]}"
        if self.status != 0 and not self.said.strip():
            return f"it ended with {self.status} and said nothing"
        if self.status != 0 and not self.alive and "vsyncd" not in self.said.splitlines()[-1]:
            return f"its last words aren't its own: {self.said[-1500:]}"
        return None


class Host:
    """A directory in which daemons live one after the other: start, an operator's bootstrap, a durable message, an end."""

    address = addresses()
    running = set()

    def __init__(self, build, directory):
        self.build, self.directory = build, Path(directory)
        self.programs = {"vsync": build / "bindings/cli/vsync", "vsyncd": build / "daemon/vsyncd"}
        self.listen = next(Host.address)
        self.lives = 0
        self.promised = 0  # messages that were told durable

    def make_keys(self):
        subprocess.run([self.programs["vsyncd"], "keygen", self.directory], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)

    def copy(self, directory):
        """Another one with the same keys, state and traces."""
        other = Host(self.build, directory)
        shutil.copytree(self.directory, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("run"))
        other.lives, other.promised = self.lives, self.promised
        return other

    def live(self, failure=None):
        self.lives += 1
        process = self.start(failure)
        Host.running.add(process)
        try:
            self.use(process)
            alive = process.poll() is None
            answers = alive and any(self.ask(process, "status") == 0 for _ in range(2))  # it may be the first one's connection that failed
            if alive:
                process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=EVENT_WITHIN_S)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            return Life("it doesn't end", None, False, False, {})
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            Host.running.discard(process)
        return Life(said, process.returncode, alive, answers, self.calls())

    def start(self, failure):
        environment = {**os.environ, **preloaded(self.build), "VSYNC_CALLS": str(self.directory / f"calls.{self.lives}")}
        environment.pop("NOTIFY_SOCKET", None)
        if failure:
            environment["VSYNC_FAIL"] = failure
        settings = {"node": "a", "state_dir": self.directory / "state", "socket": self.directory / "run/s.sock", "listen": self.listen,
                    "secret_key_file": self.directory / "secret.key", "trace_file": self.directory / f"trace.{self.lives}", **TIMES}
        peer = {"name": "b", "endpoint": "tcp://127.0.0.1:9", "public_key": (self.directory / "public.key").read_text().strip()}
        file = self.directory / "vsyncd.toml"
        file.write_text(self.lines(settings) + "[[peer]]\n" + self.lines(peer))
        return subprocess.Popen([self.programs["vsyncd"], "--config", file], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=environment)

    @staticmethod
    def lines(table):
        return "".join(f"{key} = {value if isinstance(value, int) else repr(str(value))}\n" for key, value in table.items())

    def use(self, process):
        until = time.monotonic() + EVENT_WITHIN_S
        while process.poll() is None and time.monotonic() < until:
            if self.ask(process, "bootstrap") in (0, REFUSED):  # refused: it has been in a view
                pub = self.ask(process, "pub", "--level", "durable", "--when-blocked", "wait", "a.topic", "text")
                self.promised += pub == 0
                self.ask(process, "trace", "dump")
                return

    def ask(self, process, *words):
        """The command's exit status; None when the daemon has ended, which the command would go on looking for."""
        command = [self.programs["vsync"], "--endpoint", f"ipc://{self.directory}/run/s.sock", *words]
        asking = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for_an_end(process, asking)
            return asking.poll()
        finally:
            asking.kill()
            asking.wait()

    def calls(self):
        file = self.directory / f"calls.{self.lives}"
        return Counter({kind: int(many) for kind, many in map(str.split, file.read_text().splitlines())} if file.exists() else {})

    def held(self):
        """How many durable messages the last daemon found on its disk when it formed its view."""
        trace = (self.directory / f"trace.{self.lives}").read_text()
        found = re.search(r"^\S+ \S+ logged \d+((?: \S+ \d+ \S+ \d+ \d+)*)$", trace, re.MULTILINE)
        return sum(map(int, found[1].split()[1::5])) if found else 0

    def traces_wrong(self):
        checked = subprocess.run([os.environ.get("VSYNC_OBSERVER") or self.programs["vsync"], "trace", "check",
                                  *sorted(self.directory.glob("trace.*"))], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return None if checked.returncode == 0 else f"the checker finds:\n{checked.stdout[-3000:]}{checked.stderr[-1000:]}"


class Point:
    """A life in which one call fails, and one behind it in which none does."""

    def __init__(self, stage, kind, at, error):
        self.stage, self.kind, self.at, self.error = stage, kind, at, error
        self.name = f"{stage}:{kind}:{at}:{name_of(error)}"
        self.struck = False

    @classmethod
    def named(cls, name):
        stage, kind, at, error = name.split(":")
        return cls(stage, kind, int(at), SHORT if error == "short" else getattr(errno, error))

    def is_no_error(self):
        """It is to be tried again, or gone on with: nobody may notice it."""
        return self.error == SHORT or (self.error == errno.EINTR and self.kind in TRANSFERS)

    def live(self, former):
        """What is wrong; None: nothing."""
        with tempfile.TemporaryDirectory(prefix="vsync-calls-") as directory:
            host = former[self.stage].copy(directory)
            life = host.live(f"{self.kind}:{self.at}:{self.error or 'short'}")
            self.struck = "struck" in life.calls
            wrong = life.wrong()
            if not wrong and self.is_no_error() and (life.status != 0 or host.promised == former[self.stage].promised):
                wrong = f"it doesn't go on, {life.status}: {life.said[-1500:]}"
            return wrong or self.wrong_behind(host, life)

    def wrong_behind(self, host, failed):
        promised = host.promised
        sound = host.live()
        if sound.status != 0 or not sound.answers or host.promised == promised:
            return f"the next one isn't sound, {sound.status}: {sound.said[-1500:]}; before it: {failed.said[-1500:]}"
        if host.held() < promised:
            return f"of {promised} durable messages {host.held()} are there: {sound.said[-1500:]}; before it: {failed.said[-1500:]}"
        return None if "the trace ends here" in failed.said else host.traces_wrong()


class FailedCalls(unittest.TestCase):

    def sound_lives(self):
        """Who is there before a point of each stage, and how many calls a life of that stage has."""
        empty, former, later = (Host(find_build(), self.enterContext(tempfile.TemporaryDirectory(prefix="vsync-calls-"))) for _ in range(3))
        empty.make_keys()
        former = empty.copy(former.directory)
        lives = {"first": former.live()}
        later = former.copy(later.directory)
        lives["later"] = later.live()
        for life in lives.values():
            self.assertEqual((life.status, life.answers), (0, True), life.said)
        self.assertEqual((later.promised, later.held()), (2, 1))
        return {"first": empty, "later": former}, {stage: life.calls for stage, life in lives.items()}

    def all_points(self, calls):
        return [Point(stage, kind, at, error) for stage in STAGES for kind, errors in ERRORS.items()
                for at in range(1, min(calls[stage][kind], CALLS_MAX) + 1) for error in errors]

    def chosen(self, points):
        if names := os.environ.get("VSYNC_POINTS", "").split():
            return [Point.named(name) for name in names]
        if RELEASE:
            return points
        seed = int(os.environ.get("VSYNC_SEED") or random.randrange(1_000_000))
        say(f"{POINTS} of {len(points)} points, those of VSYNC_SEED={seed}")
        # By lot, whatever other points there are: how many calls a life has of a kind depends on its moments, too.
        points.sort(key=lambda point: random.Random(f"{seed} {point.name}").random())
        kinds = [[point for point in points if point.kind == kind] for kind in ERRORS]
        in_turn = [point for turn in itertools.zip_longest(*kinds) for point in turn if point]
        return in_turn[:POINTS]

    def test_a_daemon_ends_with_a_status_or_goes_on_and_the_next_one_has_what_was_durable(self):
        former, calls = self.sound_lives()
        for kind in ERRORS:
            self.assertGreater(calls["first"][kind], 0, f"no {kind} is seen")
        points = self.chosen(self.all_points(calls))
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for point, wrong in zip(points, pool.map(lambda point: point.live(former), points)):
                with self.subTest(point.name):
                    self.assertIsNone(wrong, f"\nagain: VSYNC_POINTS={point.name} {__file__}")
        struck = sum(point.struck for point in points)
        say(f"{len(points)} points, {struck} calls failed")
        self.assertGreater(struck, 0.8 * len(points), "calls that failed: there must be about as many as in a life in which none does")
        count("failed calls", struck)

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


class Keys(unittest.TestCase):

    def keygen(self, directory, **environment):
        return subprocess.run([find_build() / "daemon/vsyncd", "keygen", directory], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env={**os.environ, **preloaded(find_build()), **environment})

    def test_a_pair_is_written_whole_or_not_at_all(self):
        for kind, at, error in itertools.product(("open", "write", "fsync"), (1, 2), (errno.ENOSPC, errno.EIO, SHORT)):
            if error == SHORT and kind != "write":
                continue
            with self.subTest(f"{kind}:{at}:{name_of(error)}"), tempfile.TemporaryDirectory(prefix="vsync-calls-") as directory:
                made = self.keygen(directory, VSYNC_FAIL=f"{kind}:{at}:{error or 'short'}")
                if error != SHORT:
                    self.assertEqual(made.returncode, USAGE)
                    self.assertRegex(made.stdout, rf"\Avsyncd: {directory}/\w+\.key: {os.strerror(error)}\n\Z")
                    made = self.keygen(directory)
                self.assertEqual(made.returncode, 0, made.stdout)
                self.assertEqual([len((Path(directory) / key).read_text()) for key in ("secret.key", "public.key")], [41, 41])


if __name__ == "__main__":
    unittest.main(verbosity=2)
