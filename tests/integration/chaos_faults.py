"""A plan's faults, done to a lab: one thread for the network, one for each daemon. Every fault ends, and what a fault may do to a daemon
is written here; a daemon that ends in another way is a failure of the round."""

import os
import re
import resource
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass

import disturbance
from chaos_crowd import Crowd
from lab import LabError, wait_until

WATCH_EVERY_S = 0.05
RESTART_AFTER_S = 0.3  # as a supervisor does with a daemon that ended
RUNS_WITHIN_S = 30
LEAVES_WITHIN_S = 20
CROWD_EVERY_S = 0.2
MEMORY_SLACK_BYTES = (256 << 10, 16 << 20)


@dataclass(frozen=True)
class Excuse:
    """How a daemon may end under a fault: its exit statuses, or minus the numbers of signals, and what it must have said."""
    name: str
    statuses: tuple
    words: str
    never: str = "(?i)assertion"

    def covers(self, status, said):
        return status in self.statuses and re.search(self.words, said) and not re.search(self.never, said)


DISK_FULL = Excuse("disk full", (4, 6), "No space left on device")
# Whoever meets the limit first says so in its own words, the C++ runtime or libzmq; libuv just aborts.
OUT_OF_MEMORY = Excuse("out of memory", (1, -signal.SIGABRT), "bad_alloc|(?i:out of memory|cannot allocate memory)|signal 6: ")


class Faults:

    def __init__(self, lab, plan):
        self.lab = lab
        self.counts = Counter()  # faults done, by kind
        self.frames = Counter()  # what relays did
        self.ends = Counter()  # daemons that ended under a fault, as they may
        self.failures = []
        self._count_lock = threading.Lock()
        self._began = time.monotonic()
        self._daemons = [DaemonFaults(self, node, faults) for node, faults in plan.processes.items()]
        self._network = NetworkFaults(self, plan.network)

    def run(self):
        """All of the plan; returns when the last fault has ended."""
        actors = [*self._daemons, self._network]
        for actor in actors:
            actor.start()
        for actor in actors:
            actor.join()

    def settled(self):
        """The common view of all, once there is one. Daemons that still end under a fault are started again."""
        for daemon in self._daemons:
            daemon.watch()
        return self.lab.common_view(self.lab.nodes)

    def not_settled(self):
        said = {node: self.lab.summary(self.lab.status(node)) for node in self.lab.nodes}
        return f"one primary view of all; they say {said}"

    def add_frames(self, node):
        self.frames.update(self.lab.disturbance_counts(node))

    def now(self):
        return time.monotonic() - self._began

    def add(self, counter, key, count=1):
        with self._count_lock:
            counter[key] += count

    def fail(self, what):
        self.failures.append(f"after {self.now():.2f} s: {what}")

    @property
    def failed(self):
        return bool(self.failures)


class Actor:
    """Does the faults of one list at their times, until one of the round's actors has failed. It has a thread and is none: Thread has
    methods of its own, which one of a fault's name would replace (in Python 3.11, `_stop` is called behind its end)."""

    def __init__(self, faults, name):
        self.round = faults
        self.lab = faults.lab
        self.name = name
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)

    def start(self):
        self._thread.start()

    def join(self):
        self._thread.join()

    def _run(self):
        try:
            self.act()
        except Exception as error:  # whatever it is, the round says so
            self.round.fail(f"{self.name}: {type(error).__name__}: {error}")

    def wait_until(self, at):
        """False: the round has failed meanwhile."""
        while (left := at - self.round.now()) > 0 and not self.round.failed:
            self.watch()
            time.sleep(min(left, WATCH_EVERY_S))
        return not self.round.failed

    def watch(self):
        pass


class NetworkFaults(Actor):

    def __init__(self, faults, planned):
        super().__init__(faults, "network")
        begins = [(at, self._begin, fault) for fault in planned for at in beginnings(fault)]
        ends = [(at, self._finish, fault) for fault in planned for at in endings(fault)]
        self._steps = sorted(begins + ends, key=lambda step: step[0])

    def act(self):
        for at, step, fault in self._steps:
            if not self.wait_until(at):
                return
            step(fault)

    def _begin(self, fault):
        if fault.kind == "cable":
            told = {key: value for key, value in fault.what.items() if key not in ("direction", "seed")}
            ways = disturbance.DIRECTIONS[fault.what["direction"]]
            self.lab.disturb(fault.nodes[0], told if "out" in ways else None, told if "in" in ways else None, fault.what["seed"])
            for kind in told:
                self.round.add(self.round.counts, kind)
            return
        if fault.kind == "rate":
            self.lab.limit(fault.nodes[0], fault.what["rate"], fault.what["direction"])
        else:
            self.lab.partition(fault.what["cut"])
        self.round.add(self.round.counts, fault.kind)

    def _finish(self, fault):
        if fault.kind == "cable":
            self.lab.disturb(fault.nodes[0])
        elif fault.kind == "rate":
            self.lab.limit(fault.nodes[0], None)
        else:
            self.lab.partition("")


def beginnings(fault):
    """One that flaps begins again and again."""
    hz = fault.what.get("hz")
    return [fault.at + n / hz for n in range(max(1, int(fault.lasts * hz)))] if hz else [fault.at]


def endings(fault):
    """Not behind the fault's own end: what begins there is no part of it."""
    hz = fault.what.get("hz")
    return [min(at + 0.5 / hz, fault.end) for at in beginnings(fault)] if hz else [fault.end]


class DaemonFaults(Actor):

    def __init__(self, faults, node, planned):
        super().__init__(faults, f"faults of {node}")
        self.node = node
        self._planned = planned
        self._excuse = None

    def act(self):
        for fault in self._planned:
            if not self.wait_until(fault.at):
                return
            wait_until(self._runs, RUNS_WITHIN_S, f"a daemon to run at {self.node}")
            # `choice` is a number from 0 to 1 that a fault may draw from; what it does depends on nothing else.
            getattr(self, fault.kind)(fault.end, fault.what.get("choice", 0))
            self.round.add(self.round.counts, fault.kind)

    def watch(self):
        """A daemon runs, or has an excuse; then it is started again."""
        status = self.lab.ended(self.node)
        if status is None:
            return
        said = self.lab.last_words(self.node)
        if self._excuse is None or not self._excuse.covers(status, said):
            raise LabError(f"{self.node}'s daemon has ended with status {status}; its last words: {said}")
        self.round.add(self.round.ends, f"{self._excuse.name} ({'exit' if status > 0 else 'signal'} {abs(status)})")
        time.sleep(RESTART_AFTER_S)
        self.lab.start(self.node)

    def _runs(self):
        self.watch()
        return self.lab.pid(self.node)

    # ---- each kind, until `end`

    def kill(self, end, choice):
        """Restarted at once, or later."""
        self._kill()
        if choice < 0.5:
            self._wait_without_daemon(end)
        self.lab.start(self.node)

    def kill_many(self, end, _):
        """The others of its moment are killed by their own threads."""
        self._kill()
        self._wait_without_daemon(end)
        self.lab.start(self.node)

    def kill_again(self, end, choice):
        """Some times, at all moments of its return."""
        times = 2 + int(choice * 4)
        began = self.round.now()
        for again in range(times):
            self._kill()
            self.lab.start(self.node)
            if again + 1 < times and not self.wait_until(began + (end - began) * (again + 1) / times):
                return

    def pause(self, end, _):
        self._stop()
        self._wait_without_daemon(end)
        self.lab.resume(self.node)

    def starve(self, end, choice):
        """It gets the processor for a tenth of the time: stopped for 20 to 200 ms again and again, it lives and is slow."""
        # These times are the fault itself. Nothing is waited for, and nothing is judged by then.
        stopped = 0.02 * 10 ** choice
        while self.round.now() < end and not self.round.failed:
            self._stop()
            time.sleep(stopped)
            self.lab.resume(self.node)
            time.sleep(stopped / 9)

    def leave(self, end, choice):
        """It comes back at once, or later."""
        # Before it answers, it doesn't take the signal for a wish.
        wait_until(lambda: self._runs() and self.lab.status(self.node), RUNS_WITHIN_S, f"an answer of {self.node}")
        os.kill(self.lab.pid(self.node), signal.SIGTERM)
        status = wait_until(lambda: (self.lab.ended(self.node),) if self.lab.ended(self.node) is not None else None, LEAVES_WITHIN_S,
                            f"the leave of {self.node}")[0]
        if status != 0:
            raise LabError(f"{self.node} left with status {status}; its last words: {self.lab.last_words(self.node)}")
        if choice < 0.5:
            self._wait_without_daemon(end)
        self.lab.start(self.node)

    def disk_full(self, end, _):
        """Whoever has to write there stops, and can't start before there is room again."""
        self._excuse = DISK_FULL
        self.lab.fill_disk(self.node)
        self.wait_until(end)
        self.lab.free_disk(self.node)

    def memory(self, end, choice):
        """It gets no more than it has, and a little."""
        self._excuse = OUT_OF_MEMORY
        pid = self.lab.pid(self.node)
        low, high = MEMORY_SLACK_BYTES
        limit = address_space_bytes(pid) + int(low * (high / low) ** choice)
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        self.wait_until(end)
        if self.lab.pid(self.node) == pid:
            resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def descriptors(self, end, _):
        """It is started with few, and a crowd connects, again and again where it is turned away."""
        self._kill()
        self.lab.start(self.node, limits={"nofile": descriptors(len(self.lab.nodes))})
        with Crowd(self.lab.socket(self.node)) as crowd:
            while self.round.now() < end and self.wait_until(min(end, self.round.now() + CROWD_EVERY_S)):
                crowd.press()

    def _kill(self):
        self._unless_it_ends(self.lab.kill)

    def _stop(self):
        self._unless_it_ends(self.lab.pause)

    def _unless_it_ends(self, act):
        try:
            act(self.node)
        except LabError:
            self.watch()  # it was ending by itself just then: had it an excuse?
            act(self.node)

    def _wait_without_daemon(self, end):
        while self.round.now() < end:
            time.sleep(WATCH_EVERY_S)


def descriptors(nodes):
    """Enough for a daemon of so many, what it keeps from applications, and some applications."""
    return 100 + 25 * nodes


def address_space_bytes(pid):
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
