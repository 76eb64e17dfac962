"""Subscribers and publishers as users run them: the vsync command, as processes of their own."""

import json
import os
import subprocess
import threading
import time

SANITIZED = "VSYNC_SANITIZED" in os.environ
SLOWNESS = 3 if SANITIZED else 1  # what waiting may take longer than in an optimised build
EVENT_WITHIN_S = 10 * SLOWNESS
VIEW_WITHIN_S = 20 * SLOWNESS


class Subscriber:
    """`vsync sub --json` at one node. Events are kept as (time of arrival, event), in the order they came."""

    def __init__(self, lab, node, *topics, options=()):
        self.node = node
        self.events = []
        self._changed = threading.Condition()
        command, environment = lab.command(node, lab.program("vsync"), "sub", *topics, "--json", *options)
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_errors)]
        self.errors = ""
        for reader in self._readers:
            reader.start()
        if "--no-views" not in options:
            for topic in topics:
                self.wait(lambda event: event["event"] == "view" and event["group"] == topic, f"its own join of {topic}")

    def _read(self):
        for line in self.process.stdout:
            arrived = time.monotonic()
            event = json.loads(line)
            with self._changed:
                self.events.append((arrived, event))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors += line.decode(errors="replace")

    def wait(self, condition, what, within_s=EVENT_WITHIN_S, after=0.0):
        """The first event that fulfils the condition, with its time of arrival; `after` leaves out what came earlier."""
        deadline = time.monotonic() + within_s
        seen = 0
        with self._changed:
            while True:
                for arrived, event in self.events[seen:]:
                    if arrived >= after and condition(event):
                        return arrived, event
                seen = len(self.events)
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    last = [event for _, event in self.events[-3:]]
                    raise AssertionError(f"subscriber at {self.node} didn't see {what} within {within_s} s; "
                                         f"its last events: {last}; {self.errors}")
                self._changed.wait(min(left, 0.2))

    def wait_count(self, count, within_s=EVENT_WITHIN_S):
        deadline = time.monotonic() + within_s
        with self._changed:
            while sum(event["event"] == "message" for _, event in self.events) < count:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"subscriber at {self.node} got {len(self.messages())} of {count} messages "
                                         f"within {within_s} s; {self.errors}")
                self._changed.wait(min(left, 0.2))

    def wait_message(self, text, within_s=EVENT_WITHIN_S):
        return self.wait(lambda event: event.get("data") == text, f"message {text!r}", within_s)

    def of_kind(self, kind):
        with self._changed:
            return [event for _, event in self.events if event["event"] == kind]

    def messages(self):
        """(position, topic, data) of every message, in the order of delivery."""
        return [(position(event), event["topic"], event.get("data", event.get("data_base64")))
                for event in self.of_kind("message")]

    def arrivals(self):
        with self._changed:
            return [arrived for arrived, event in self.events if event["event"] == "message"]

    def stop(self):
        """Orderly: SIGTERM."""
        if self.process.poll() is None:
            self.process.terminate()
        self._end()

    def kill(self):
        killed = time.monotonic()
        self.process.kill()
        self._end()
        return killed

    def _end(self):
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for reader in self._readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()


class Publisher:
    """`vsync pub` at one node, fed with numbered lines ("node-topic-number") at a steady rate until stopped. It waits where there is
    no primary view."""

    def __init__(self, lab, node, topic, rate, options=()):
        self.node = node
        self.topic = topic
        self.rate = rate
        self.sent = 0
        command, environment = lab.command(node, lab.program("vsync"), "pub", topic, "--when-blocked", "wait", *options)
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        self.errors = b""
        self._stopping = threading.Event()
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._feeder.start()
        self._reader.start()

    def line(self, number):
        return f"{self.node}-{self.topic}-{number}"

    def _feed(self):
        started = time.monotonic()
        try:
            while not self._stopping.is_set():
                due = int((time.monotonic() - started) * self.rate) + 1
                if due > self.sent:
                    lines = "".join(f"{self.line(number)}\n" for number in range(self.sent, due))
                    self.process.stdin.write(lines.encode())
                    self.process.stdin.flush()
                    self.sent = due
                self._stopping.wait(0.002)
            self.process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass

    def _read_errors(self):
        self.errors = self.process.stderr.read()

    def wait_sent(self, count):
        while self.sent < count and self.process.poll() is None:
            self._stopping.wait(0.002)

    def finish(self, within_s=30 * SLOWNESS):
        """Stops feeding and waits until every outcome is known; returns the exit status."""
        self._stopping.set()
        self._feeder.join(within_s)
        try:
            status = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"publisher at {self.node} didn't end within {within_s} s") from None
        self._reader.join()
        return status

    def lines(self):
        return [self.line(number) for number in range(self.sent)]

    def kill(self):
        self._stopping.set()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._feeder.join()
        self._reader.join()
        self.process.stderr.close()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass


def position(event):
    """A position as something that compares, within a lane."""
    where = event["position"]
    epoch = where["epoch"]
    epoch = tuple(epoch.values()) if isinstance(epoch, dict) else epoch
    return (epoch, where["view"], where["lane"], where["seq"])


def boot_clock(monotonic):
    """A moment of time.monotonic() on the clock of the daemons' traces, in seconds."""
    return monotonic + time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()


def longest_gap(arrivals):
    return max((later - earlier for earlier, later in zip(arrivals, arrivals[1:])), default=0.0)
