#!/usr/bin/python3
"""vsync in a minute, on one machine: three daemons, two price feeds, a subscriber on each daemon. The daemon that gives the
order, with its feed and its subscriber, is killed and comes back. At the end every subscriber's stream is compared, and every
publish's outcome is held against what was delivered. daemon/quickstart builds what it needs and starts it."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import prices  # noqa: E402
import proof  # noqa: E402
from lab import Lab, LabError, default_directory, end_by_signals, wait_until  # noqa: E402
from screen import Screen, sparkline  # noqa: E402
from streams import Feed, Stream  # noqa: E402

REPLAY_S = 24
KILL_AT_S = 7
AWAY_S = 2.5
SETTLES_WITHIN_S = 60
SPARK_EVERY_DAYS = 10


class Demo:

    def __init__(self, lab, screen):
        self.lab = lab
        self.screen = screen
        self.subscribers = {}
        self.feeds = []
        self.ticker = Ticker(screen)

    def run(self):
        self.set_up()
        started = time.monotonic()
        for feed in self.feeds:
            feed.go()
        self.watch(lambda: time.monotonic() >= started + KILL_AT_S)
        victim = self.crash()
        self.watch(lambda: time.monotonic() >= self.killed_at + AWAY_S)
        self.come_back(victim)
        self.watch(lambda: all(feed.ended() for feed in self.feeds))
        self.settle()
        return self.prove()

    def set_up(self):
        status = self.lab.wait_common_view()
        leader = status["sequencer"]
        other = next(node for node in self.lab.nodes if node != leader)
        self.step("cluster", f"{view_text(status)}; loopback, links encrypted (CURVE)")
        for node in self.lab.nodes:
            self.subscribers[node] = Stream(self.lab, node, "subscribe", "screen", ">")
        self.step("screens", f"a subscriber of everything at {', '.join(self.lab.nodes)}")
        self.feeds = [Feed(self.lab, leader, "index", prices.index_feed(), REPLAY_S),
                      Feed(self.lab, other, "exchange", prices.exchange_feed(), REPLAY_S)]
        for feed in self.feeds:
            topics = len({topic for topic, _ in feed.published})
            self.step("feed", f"{feed.name} at {feed.node}: {len(feed.published):,} real prices on {topics} topics")

    def crash(self):
        """SIGKILL of the sequencer's daemon."""
        status = self.lab.wait_common_view()
        victim = status["sequencer"]
        if victim not in [feed.node for feed in self.feeds]:
            raise LabError(f"the sequencer is {victim}, which has no feed")
        survivors = [node for node in self.lab.nodes if node != victim]
        self.step("crash", self.screen.paint(f"kill -9 {victim}", "red") + ": the sequencer, with a feed and a subscriber")
        self.killed_at, self.killed_at_ns = time.monotonic(), time.time_ns()
        self.lab.kill(victim)
        status = self.lab.wait_common_view(survivors)
        seen_at = time.monotonic()
        self.step("view", f"{view_text(status)}; `vsync status` says so {(seen_at - self.killed_at) * 1000:.0f} ms later")
        witness = self.subscribers[survivors[0]]
        before = len(witness.of_kind("message"))
        self.watch(lambda: time.monotonic() >= seen_at + 1 and len(witness.of_kind("message")) > before)
        self.step("", f"prices go on: {len(witness.of_kind('message')) - before:,} more at {witness.node} since")
        return victim

    def come_back(self, victim):
        started = time.monotonic()
        self.lab.start(victim)
        status = self.watch(lambda: self.lab.common_view(self.lab.nodes))
        back = self.screen.paint(f"{victim} is back", "green")
        self.step("return", f"{back} after {time.monotonic() - started:.1f} s: {view_text(status)}")
        resync = self.subscribers[victim].wait(lambda event: event["event"] == "resync", "the resync")
        orphaned = range_text(resync["orphaned"]) if resync["orphaned"] else "nothing"
        self.step("", f"its subscriber is told: resync, delivered {orphaned} in vain, missed {range_text(resync['missed'])}")

    def settle(self):
        """The subscribers whose daemons were in all views have everything that ended well, and all end with the same message."""
        ok = sum(kind == "ok" for feed in self.feeds for kind, _ in feed.outcomes().values())
        stayed = [subscriber for subscriber in self.subscribers.values() if not subscriber.was_away()]
        for subscriber in stayed:
            self.watch(lambda subscriber=subscriber: len(subscriber.of_kind("message")) >= ok)
        if stayed:
            last = max(subscriber.messages()[-1] for subscriber in stayed)
            for subscriber in self.subscribers.values():
                self.watch(lambda subscriber=subscriber: subscriber.messages()[-1:] == [last])
        for stream in (*self.feeds, *self.subscribers.values()):
            stream.end()

    def prove(self):
        proved = proof.Proof(self.feeds, self.subscribers)
        self.screen.say()
        for node, stream in proved.streams.items():
            away = "" if node in proved.stayed else self.screen.paint(f"  ({self.away_text(node)})", "dim")
            self.step(f"screen {node}", f"{len(stream):>6,} of {proved.published:,} messages, "
                                        f"digest of the common part {proved.digest(node)}{away}")
        checks = proved.checks()
        for good, text in checks:
            self.step("", f"{self.screen.paint('✓', 'green') if good else self.screen.paint('✗', 'red')} {text}")
        self.measure([self.subscribers[node] for node in proved.stayed])
        return all(good for good, _ in checks)

    def away_text(self, node):
        taken_back = self.subscribers[node].taken_back()
        return "was away, and got a resync" + (f"; {taken_back:,} taken back" if taken_back else "")

    def measure(self, stayed):
        if not stayed:
            return
        took = proof.latencies(stayed, self.killed_at_ns)
        pauses = ", ".join(f"{proof.pause(subscriber, self.killed_at_ns, AWAY_S):.0f} ms at {subscriber.node}" for subscriber in stayed)
        self.step("rate", f"{min(map(proof.rate, stayed)):,.0f} messages/s delivered at the slowest subscriber that stayed")
        self.step("latency", f"publish to delivery: p50 {took[len(took) // 2]:,.0f} µs, p99 {took[len(took) * 99 // 100]:,.0f} µs")
        self.step("pause", f"delivery stood still at the crash for {pauses}")

    def step(self, name, text):
        self.screen.step(name, text)

    def watch(self, condition):
        """Shows prices until the condition is met; returns what it was met with."""
        def met():
            self.ticker.show(max(self.subscribers.values(), key=lambda subscriber: len(subscriber.events)).events)
            return condition()

        return wait_until(met, SETTLES_WITHIN_S, "the next step of the demo")


class Ticker:
    """The moving line: where the replay stands."""

    def __init__(self, screen):
        self.screen = screen
        self.every_s = 0.1 if screen.moves else 2.0
        self.closes = []
        self.seen = 0
        self.shown_at = 0.0

    def show(self, events):
        now = time.monotonic()
        if now - self.shown_at < self.every_s:
            return
        new = events[self.seen:]
        ticks = [event for event in new if event["event"] == "message"]
        per_s = len(ticks) / (now - self.shown_at) if self.shown_at else 0
        self.seen += len(new)
        self.shown_at = now
        if not ticks:
            return
        closes = [event["data"] for event in ticks if event["topic"] == prices.INDEX_TOPIC]
        self.closes += [float(text.split()[1]) for text in closes[::SPARK_EVERY_DAYS]]
        date, price = ticks[-1]["data"].split()
        text = f"{'':>9}  {date}  {ticks[-1]['topic']:<17}{float(price):>16,.2f}  {per_s:>6,.0f}"
        if not self.screen.moves:
            self.screen.say(f"{text} messages/s")
        else:
            text += f"/s  {sparkline(self.closes, min(40, self.screen.columns() - len(text) - 3))}"
            self.screen.progress(self.screen.paint(text, "blue"), len(text))


def view_text(status):
    members = ", ".join(member["node"] for member in status["view"]["members"])
    return f"view {status['view']['number']} of {members}, sequencer {status['sequencer']}"


def range_text(positions):
    """First and last position, as view/number."""
    return " to ".join(f"{position[2]}/{position[4]}" for position in positions)


def say_how_to_go_on(screen, lab):
    tool = Path(__file__).resolve().parent / "lab"
    screen.say(f"\nThe cluster stays up in {lab.directory}. In two terminals:\n"
               f"  {tool} exec a -- vsync sub 'news.>'\n"
               f"  {tool} exec b -- vsync pub news.world hello\n"
               f"Look at it with `{tool} status`, break it with `{tool} kill c`, end it with `{tool} down`.")


def main():
    parser = argparse.ArgumentParser(prog="quickstart", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the cluster running and say how to talk to it")
    options = parser.parse_args()
    end_by_signals()
    screen = Screen()
    started = time.monotonic()
    directory = default_directory() if options.keep else tempfile.mkdtemp(prefix="vsync-quickstart-")
    lab = None
    kept = False
    try:
        lab = Lab.up(3, directory, trace=False)
        good = Demo(lab, screen).run()
        kept = options.keep
        wrong = "" if good else screen.paint(", and something is wrong: see ✗ above", "red")
        screen.step("done", f"in {time.monotonic() - started:.0f} s{wrong}")
        if kept:
            say_how_to_go_on(screen, lab)
        return 0 if good else 1
    except KeyboardInterrupt:
        print("\nquickstart: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read this has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (LabError, OSError) as error:
        print(f"\nquickstart: {error}", file=sys.stderr)
        return 1
    finally:
        if lab and not kept:
            lab.down()


if __name__ == "__main__":
    sys.exit(main())
