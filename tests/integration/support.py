"""What the integration tests share: clusters that end with the test, and the checks that hold in every test."""

import atexit
import json
import os
import resource
import signal
import subprocess
import sys
import unittest
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

from applications import EVENT_WITHIN_S, SANITIZED, SLOWNESS, VIEW_WITHIN_S, Publisher, Subscriber, longest_gap  # noqa: E402,F401
from lab import Lab, LabError, end_all, find_build, wait_until  # noqa: E402,F401


DESCRIPTORS_BESIDE = 200  # connections: of a test and of a daemon, what that keeps for its files and peers included
RELEASE = os.environ.get("VSYNC_FIGURES") == "release"


def figure(of_a_slice, of_a_release):
    """How many, for how long: what `tests/run` has time for, or a campaign."""
    return of_a_release if RELEASE else of_a_slice


def count(what, many=1):
    """For a campaign's sum."""
    if file := os.environ.get("VSYNC_COUNTS"):
        with open(file, "a") as counts:
            counts.write(json.dumps({what: many}) + "\n")


def say(text):
    """What was measured."""
    print(f"  {text}", flush=True)


def end_labs_and_exit(*_):
    end_all()
    os._exit(1)


signal.signal(signal.SIGTERM, end_labs_and_exit)  # a test that runs out of time leaves no daemons behind
atexit.register(end_all)


class ClusterTest(unittest.TestCase):
    """Every test has clusters of its own, and ends with the trace checker's verdict on what their daemons did."""

    longMessage = True

    def lab(self, count, check=True, **options):
        lab = Lab.up(count, **options)
        self.addCleanup(self._end_lab, lab, check)
        return lab

    def netns_lab(self, count, **options):
        if os.geteuid() != 0:
            self.skipTest("network namespaces need root")
        return self.lab(count, netns=True, **options)

    def connections_allowed(self, wanted):
        """So many of this process to one daemon, or as many as the limit of file descriptors (the same for both) has room for."""
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
        descriptors = min(wanted + DESCRIPTORS_BESIDE, allowed[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, allowed[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, allowed)
        return descriptors - DESCRIPTORS_BESIDE

    def subscriber(self, lab, node, *topics, options=()):
        made = Subscriber(lab, node, *topics, options=options)
        self.addCleanup(made.stop)
        return made

    def publisher(self, lab, node, topic, rate=300, options=()):
        made = Publisher(lab, node, topic, rate, options)
        self.addCleanup(made.kill)
        return made

    def _end_lab(self, lab, check):
        try:
            if check:
                self.check_traces(lab)
        finally:
            if not self._outcome.success:
                self._show(lab)
            lab.save_logs()
            lab.down()

    def check_traces(self, lab):
        """A daemon writes its trace before it sends, so that traces that have all ended tell one story."""
        for node in lab.nodes:
            if lab.pid(node):
                lab.kill(node)
        files = [str(file) for file in lab.trace_files()]
        checked = self.trace_check(lab, files)
        self.assertEqual(checked.returncode, 0, f"the checker finds:\n{checked.stdout[-8000:]}{checked.stderr[-2000:]}")

    def trace_check(self, lab, files, *options):
        return subprocess.run([lab.observer(), "trace", "check", *options, *map(str, files)], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)

    def _show(self, lab):
        for node in lab.nodes:
            if lab.log(node).exists():
                tail = lab.log(node).read_text(errors="replace").splitlines()[-25:]
                print(f"---- log of {node}", *tail, sep="\n", file=sys.stderr)

    # ---- checks

    def assert_ok(self, publisher):
        self.assertEqual(publisher.finish(), 0, f"publisher at {publisher.node}: {publisher.errors.decode(errors='replace')}")

    def assert_complete(self, subscriber, publishers):
        """Everything published was delivered exactly once."""
        wanted = Counter(line for publisher in publishers for line in publisher.lines())
        subscriber.wait_count(sum(wanted.values()))
        got = Counter(data for _, _, data in subscriber.messages())
        self.assertEqual(list((wanted - got).elements())[:5], [], f"lost at {subscriber.node}")
        self.assertEqual(list((got - wanted).elements())[:5], [], f"more than once, or never published, at {subscriber.node}")

    def assert_same(self, subscribers):
        """The same messages at the same positions in the same order, at all of them."""
        first = subscribers[0].messages()
        for other in subscribers[1:]:
            self.assert_equal_lists(first, other.messages(), f"{subscribers[0].node} and {other.node}")

    def assert_common_order(self, one, other):
        """What both delivered stands in one order. One of them may have been away."""
        theirs = {data for _, _, data in other.messages()}
        ours = {data for _, _, data in one.messages()}
        self.assert_equal_lists([data for _, _, data in one.messages() if data in theirs],
                                [data for _, _, data in other.messages() if data in ours], f"{one.node} and {other.node}")

    def assert_equal_lists(self, one, other, who):
        for index, (left, right) in enumerate(zip(one, other)):
            if left != right:
                self.fail(f"{who} differ from message {index} on: {one[index:index + 3]} and {other[index:index + 3]}")
        self.assertEqual(len(one), len(other), f"{who}: one has more messages")

    def assert_each_once(self, subscriber):
        twice = [data for data, count in Counter(data for _, _, data in subscriber.messages()).items() if count > 1]
        self.assertEqual(twice[:5], [], f"delivered twice at {subscriber.node}")


def roles(status):
    """Which node has which part in a view: the coordinator is the most senior member."""
    members = [member["node"] for member in status["view"]["members"]]
    sequencer = status["sequencer"]
    sequencer = sequencer["node"] if isinstance(sequencer, dict) else sequencer
    plain = [node for node in members if node not in (sequencer, members[0])]
    return {"sequencer": sequencer, "coordinator": members[0], "member": plain[0] if plain else None, "members": members}
