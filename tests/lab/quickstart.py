#!/usr/bin/python3
"""vsync in a minute, on one machine: three daemons, two price feeds, a subscriber on each daemon. The daemon that gives the order,
with its feed and its subscriber, is killed and comes back. At the end every subscriber's stream is compared, and every publish's
outcome is held against what was delivered. daemon/quickstart builds what it needs and starts it."""

import argparse
import hashlib
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import prices  # noqa: E402
from lab import Lab, LabError, default_directory, wait_until  # noqa: E402
from screen import Screen, sparkline  # noqa: E402

REPLAY_S = 20
KILL_AT_S = 7
AWAY_S = 2.5
COMMON_PART_MIN = 0.90
SPARK_EVERY_DAYS = 10


class Stream:
    """One of our applications (tests/lab/feed.cpp) and the events it prints."""

    def __init__(self, lab, node, *arguments):
        self.node = node
        self.events = []
        self.errors = ""
        command, environment = lab.command(node, lab.program("tests/lab/feed"), *arguments)
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._readers = [threading.Thread(target=self._read, daemon=True), threading.Thread(target=self._read_errors, daemon=True)]
        for reader in self._readers:
            reader.start()
        self.wait(lambda event: event["event"] == "ready", "its connection")

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _read_errors(self):
        self.errors = self.process.stderr.read()

    def of_kind(self, kind):
        return [event for event in self.events if event["event"] == kind]

    def wait(self, condition, what, within_s=15):
        def found():
            if self.process.poll() is not None and not any(map(condition, self.events)):
                self._readers[1].join()
                raise LabError(f"the application at {self.node} ended: {self.errors.strip()}")
            return next(filter(condition, self.events), None)
        return wait_until(found, within_s, f"{what} at {self.node}")

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(15)
        for reader in self._readers:
            reader.join()


class Feed(Stream):
    """A publisher of ticks, one line each with its time."""

    def __init__(self, lab, node, name, ticks):
        self.name = name
        self.messages = [(tick.topic, f"{tick.date} {tick.price}") for tick in ticks]
        pace = REPLAY_S * 1e6 / len(ticks)
        script = lab.directory / f"{name}.feed"
        script.write_text("".join(f"{int(index * pace)}\t{topic}\t{text}\n" for index, (topic, text) in enumerate(self.messages)))
        super().__init__(lab, node, "publish", name, str(script))

    def outcomes(self):
        """n -> (kind, position or None); n counts publishes from 1."""
        resolved = {}
        for event in self.of_kind("outcome"):
            for offset in range(event["count"]):
                where = event.get("position")
                resolved[event["first"] + offset] = (event["kind"], where and (*where[:4], where[4] + offset))
        return resolved


class Demo:

    def __init__(self, lab, screen):
        self.lab = lab
        self.screen = screen
        self.subscribers = {}
        self.feeds = []
        self.closes = []
        self.seen = 0
        self.shown_at = 0.0

    # ---- the play

    def run(self):
        status = self.lab.wait_common_view()
        leader = status["sequencer"]
        others = [node for node in self.lab.nodes if node != leader]
        self.step("cluster", f"{self.view_text(status)} on loopback, every link encrypted (CURVE)")
        for node in self.lab.nodes:
            self.subscribers[node] = Stream(self.lab, node, "subscribe", "screen", ">")
        self.feeds = [Feed(self.lab, leader, "index", prices.index_feed()), Feed(self.lab, others[0], "exchange", prices.exchange_feed())]
        for feed in self.feeds:
            self.step("feed", f"{feed.name} at {feed.node}: {len(feed.messages):,} prices on {len({topic for topic, _ in feed.messages})} topics")
        self.step("screens", f"a subscriber of everything at {', '.join(self.lab.nodes)}")
        started = time.monotonic()
        for feed in self.feeds:
            feed.go()
        self.watch(lambda: time.monotonic() >= started + KILL_AT_S)

        victim = self.crash()
        self.watch(lambda: time.monotonic() >= self.killed_at + AWAY_S)
        self.come_back(victim)
        self.watch(lambda: all(feed.process.poll() is not None for feed in self.feeds), within_s=REPLAY_S + 40)
        self.wait_for_the_rest(victim)
        return self.prove(victim)

    def crash(self):
        """SIGKILL of the sequencer's daemon."""
        status = self.lab.wait_common_view()
        victim = status["sequencer"]
        if victim not in [feed.node for feed in self.feeds]:
            raise LabError(f"the sequencer is {victim}, which has no feed")
        survivors = [node for node in self.lab.nodes if node != victim]
        before = len(self.subscribers[survivors[0]].events)
        self.step("crash", self.screen.paint(f"kill -9 {victim}", "red") + f": the sequencer, with a feed and a subscriber, in {self.view_text(status)}")
        self.killed_at, self.killed_at_wall = time.monotonic(), time.time_ns()
        self.lab.kill(victim)
        status = self.lab.wait_common_view(survivors)
        self.step("view", f"{self.view_text(status)} after {(time.monotonic() - self.killed_at) * 1000:.0f} ms (as `vsync status` sees it)")
        self.watch(lambda: time.monotonic() >= self.killed_at + 1)
        more = sum(event["event"] == "message" for event in self.subscribers[survivors[0]].events[before:])
        self.step("", f"prices go on: {more:,} more at {survivors[0]} since")
        return victim

    def come_back(self, victim):
        started = time.monotonic()
        self.lab.start(victim)
        status = self.watch(lambda: self.lab.common_view(self.lab.nodes), within_s=20)
        self.step("return", self.screen.paint(f"{victim} is back", "green") + f" after {time.monotonic() - started:.1f} s: {self.view_text(status)}")
        subscriber = self.subscribers[victim]
        resync = subscriber.wait(lambda event: event["event"] == "resync", "the resync")
        self.step("", f"its subscriber is told: resync, {'something' if resync['orphaned'] else 'nothing'} delivered in vain, "
                      f"missed {self.position_text(resync['missed'][0])} to {self.position_text(resync['missed'][1])}")

    def wait_for_the_rest(self, victim):
        """Every survivor's subscriber has what ended well; then the streams stand still."""
        ok = sum(kind == "ok" for feed in self.feeds for kind, _ in feed.outcomes().values())
        for node, subscriber in self.subscribers.items():
            if node != victim:
                self.watch(lambda subscriber=subscriber: len(subscriber.of_kind("message")) >= ok, within_s=15)
        for stream in self.subscribers.values():
            stream.end()

    # ---- what one sees meanwhile

    def step(self, name, text):
        self.screen.step(name, text)

    def view_text(self, status):
        members = ", ".join(member["node"] for member in status["view"]["members"])
        return f"view {status['view']['number']} of {members}, sequencer {status['sequencer']}"

    @staticmethod
    def position_text(position):
        return f"{position[2]}/{position[4]}"

    def watch(self, condition, within_s=60):
        """Shows prices until the condition is met; returns what it was met with."""
        def painted():
            self.paint()
            return condition()
        return wait_until(painted, within_s, "the next step of the demo")

    def paint(self):
        now = time.monotonic()
        if now - self.shown_at < (0.1 if self.screen.moves else 2.0):
            return
        living = max(self.subscribers.values(), key=lambda subscriber: len(subscriber.events))
        new = living.events[self.seen:]
        ticks = [event for event in new if event["event"] == "message"]
        if not ticks:
            return
        rate = len(ticks) / (now - self.shown_at) if self.shown_at else 0
        self.seen += len(new)
        self.shown_at = now
        closes = [event["data"] for event in ticks if event["topic"] == prices.INDEX_TOPIC]
        self.closes += [float(text.split()[1]) for text in closes[::SPARK_EVERY_DAYS]]
        date, price = ticks[-1]["data"].split()
        last = f"{ticks[-1]['topic']} {float(price):,.2f}"
        spark = sparkline(self.closes, 30)
        text = f"           {date}  {last:<28} {spark:<30} {rate:>6,.0f}/s"
        if self.screen.moves:
            self.screen.progress(self.screen.paint(text, "blue"), len(text))
        else:
            self.screen.say(f"           {date}  {last:<28} {rate:>6,.0f}/s")

    # ---- the proof

    def prove(self, victim):
        streams = {node: self.delivered(subscriber) for node, subscriber in self.subscribers.items()}
        survivors = [node for node in self.lab.nodes if node != victim]
        published = sum(len(feed.messages) for feed in self.feeds)
        common = set.intersection(*({(topic, text) for _, topic, text in stream} for stream in streams.values()))
        self.screen.say()
        digests = {}
        for node, stream in streams.items():
            part = [entry for entry in stream if entry[1:] in common]
            digests[node] = hashlib.sha256(json.dumps(part).encode()).hexdigest()[:16]
            self.step(f"screen {node}", f"{len(stream):>6,} of {published:,} messages, digest of the common part {digests[node]}"
                      + (self.screen.paint("  (was killed)", "dim") if node == victim else ""))
        checks = [
            (len(set(digests.values())) == 1, f"one order: {len(common):,} messages ({len(common) / published:.1%} of all) at every subscriber, at the same positions"),
            (len(common) >= COMMON_PART_MIN * published, f"the common part is at least {COMMON_PART_MIN:.0%}"),
            (all(len(stream) == len({entry[1:] for entry in stream}) for stream in streams.values()), "nothing was delivered twice"),
            *(self.reconcile(feed, streams, survivors) for feed in self.feeds),
        ]
        for good, text in checks:
            self.step("", (self.screen.paint("✓", "green") if good else self.screen.paint("✗", "red")) + f" {text}")
        self.measures(survivors)
        return all(good for good, _ in checks)

    @staticmethod
    def delivered(subscriber):
        return [(tuple(event["position"]), event["topic"], event["data"]) for event in subscriber.of_kind("message")]

    def reconcile(self, feed, streams, survivors):
        """Every publish against what the survivors, who were there all the time, delivered."""
        outcomes = feed.outcomes()
        where = [{entry[1:]: entry[0] for entry in streams[node]} for node in survivors]
        wrong = 0
        counts = {}
        for n, message in enumerate(feed.messages, 1):
            kind, position = outcomes.get(n, ("none", None))
            counts[kind] = counts.get(kind, 0) + 1
            found = [places.get(message) for places in where]
            if kind == "ok":
                wrong += any(place is None or (position and place != position) for place in found)
            elif kind == "rejected":
                wrong += any(place is not None for place in found)
            else:
                wrong += kind == "none" or len(set(found)) != 1
        told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
        return wrong == 0, f"outcomes of the {feed.name} feed: {told}; {wrong or 'none'} of them contradict{'s' if wrong == 1 else ''} what was delivered"

    def measures(self, survivors):
        quiet = range(self.killed_at_wall - 10**9, self.killed_at_wall + 10**9 * 10)
        latencies = sorted(event["received_at"] - event["published_at"] for node in survivors for event in self.subscribers[node].of_kind("message")
                           if event["received_at"] not in quiet)
        rate = min(self.rate(self.subscribers[node]) for node in survivors)
        pauses = {node: self.pause(self.subscribers[node]) for node in survivors}
        self.step("rate", f"{rate:,.0f} messages/s delivered at the slowest subscriber that stayed (the feeds' own pace)")
        self.step("latency", f"publish to delivery p50 {latencies[len(latencies) // 2] / 1000:,.0f} µs, p99 {latencies[len(latencies) * 99 // 100] / 1000:,.0f} µs")
        self.step("pause", "delivery paused at the crash for " + ", ".join(f"{pause:.0f} ms at {node}" for node, pause in pauses.items()))

    @staticmethod
    def rate(subscriber):
        times = [event["received_at"] for event in subscriber.of_kind("message")]
        return len(times) / ((times[-1] - times[0]) / 1e9)

    def pause(self, subscriber):
        """The longest gap between deliveries around the crash, in milliseconds."""
        times = [event["received_at"] for event in subscriber.of_kind("message")
                 if -0.5e9 < event["received_at"] - self.killed_at_wall < AWAY_S * 1e9]
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=0) / 1e6


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="quickstart", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the cluster running and say how to talk to it")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    screen = Screen()
    started = time.monotonic()
    directory = default_directory() if options.keep else tempfile.mkdtemp(prefix="vsync-quickstart-")
    lab = None
    kept = False
    try:
        lab = Lab.up(3, directory, trace=False)
        good = Demo(lab, screen).run()
        kept = options.keep
        screen.step("done", f"in {time.monotonic() - started:.0f} s" + ("" if good else screen.paint(", and something is wrong: see ✗ above", "red")))
        if kept:
            tool = Path(__file__).resolve().parent / "lab"
            screen.say(f"\nThe cluster stays up in {lab.directory}. In two terminals:\n"
                       f"  {tool} exec a -- vsync sub 'news.>'\n  {tool} exec b -- vsync pub news.world hello\n"
                       f"Look at it with `{tool} status`, break it with `{tool} kill c`, end it with `{tool} down`.")
        return 0 if good else 1
    except KeyboardInterrupt:
        screen.say("interrupted")
        return 130
    except LabError as error:
        screen.say()
        print(f"quickstart: {error}", file=sys.stderr)
        return 1
    finally:
        if lab and not kept:
            lab.down()


if __name__ == "__main__":
    sys.exit(main())
