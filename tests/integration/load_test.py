#!/usr/bin/python3
"""Load: crowds of applications that come, go and die, very many groups, applications that never read or never stop, storms, and herds
of daemons. Memory of the daemons stays bounded and comes back, and the others keep their rate. Optimised build. The figures are a
slice's; `tests/integration/campaign load` runs the same with those of a release."""

import contextlib
import random
import resource
import signal
import time
import unittest
from typing import NamedTuple

import zmtp
from crowds import MIB, Crowd, Highest, Holdings, all_together
from support import EVENT_WITHIN_S, VIEW_WITHIN_S, ClusterTest, count, figure, say, wait_until

KEPT = 0.95                 # of their rate, by those who read
REJOINED_WITHIN_S = 5
GROUP_BYTES_MAX = 1024      # of an idle group, at each daemon
SESSION_BYTES_MAX = 64 << 10
DEATH_EVERY_S = 0.7         # of a whole process
WINDOW_BYTES = 2 * MIB
QUEUE_BYTES = 16 * MIB      # session_queue_bytes_max: more than the windows of the daemons in these labs
HOT_BYTES, HOT_RATE = 4096, 1500
MODEST_RATE = 200
BURST_BYTES_MAX = 96 * MIB  # beside what the test says: frames under way, windows, batches, what the allocator hasn't given back yet


# Each daemon of a herd hears all others: with the default times 16 of them keep a processor busy with heartbeats alone, and a test that
# shares two would judge the scheduler.
HERD_TIMES = ["heartbeat_every_ms=250", "suspect_after_min_ms=4000", "suspect_after_max_ms=12000", "lease_ms=2000", "admit_after_ms=4500"]


class Sizes(NamedTuple):
    processes: int       # of applications; each dies at once sometimes
    each: int            # applications of one process
    churn_s: float
    groups: int          # one session has at most 4096
    measure_s: float     # of each turn in which a rate is measured
    turns: int           # of each kind, one after the other
    readers: tuple       # beside the one that doesn't read
    endless_s: float
    storm: int           # applications that join one group at once
    clients: int         # of one daemon, each in a group of its own
    herd: int            # daemons that start at once
    herd_rounds: int
    restarts: int
    idle_s: float        # within which memory is back


SLICE = Sizes(processes=6, each=25, churn_s=8, groups=14_000, measure_s=2, turns=2, readers=(1,), endless_s=6, storm=150, clients=1000,
              herd=16, herd_rounds=1, restarts=3, idle_s=60)
WHOLE = Sizes(processes=20, each=50, churn_s=60, groups=100_800, measure_s=5, turns=3, readers=(1, 10, 100), endless_s=60, storm=1000,
              clients=10_000, herd=32, herd_rounds=5, restarts=10, idle_s=60)
SIZES = figure(SLICE, WHOLE)


class LoadTest(ClusterTest):

    def crowd(self, lab, node, applications=1):
        made = Crowd(lab, node)
        self.addCleanup(made.kill)
        if applications:
            made.ask("open", applications)
        return made

    def holdings(self, lab):
        return {node: Holdings(lab.pid(node)) for node in lab.nodes}

    def assert_memory_comes_back(self, lab, baseline, within_s=SIZES.idle_s):
        """Nobody does anything: within 10 % or 16 MiB of before, descriptors within 10 %."""
        started = time.monotonic()

        def back():
            return all(now.is_back_to(baseline[node]) for node, now in self.holdings(lab).items())

        wait_until(back, within_s, lambda: f"memory of before; before: {self.said(baseline)}; now: {self.said(self.holdings(lab))}")
        say(f"memory is back after {time.monotonic() - started:.0f} s idle; "
            f"before: {self.said(baseline)}; now: {self.said(self.holdings(lab))}")

    @staticmethod
    def said(holdings):
        return ", ".join(f"{node} {held}" for node, held in holdings.items())

    def assert_bounded(self, highest, baseline, allowed):
        for node, rss in highest.rss.items():
            self.assertLess(rss - baseline[node].rss, allowed, f"memory of {node}'s daemon, of which {baseline[node].rss} before")
        say("at most " + ", ".join(f"{node} {rss / MIB:.0f} MiB" for node, rss in highest.rss.items()))

    def sessions(self, lab, node):
        return (lab.status(node) or {}).get("sessions", 0) - 1  # without the one that asks

    def wait_status(self, lab, node, condition, what, within_s=EVENT_WITHIN_S):
        return wait_until(lambda: (lambda status: status if status and condition(status) else None)(lab.status(node)), within_s, what)


class Applications(LoadTest):

    def test_crowds_that_join_publish_leave_and_die_are_seen_alike_everywhere(self):
        lab = self.lab(2)
        groups = [f"crowd.{number}" for number in range(SIZES.processes * SIZES.each // 10)]
        watchers = {node: self.crowd(lab, node) for node in lab.nodes}
        for watcher in watchers.values():
            watcher.ask("watch")
            watcher.ask("join", "watch", *groups)
        own = {session for watcher in watchers.values() for session in watcher.ask("members")["watch"]}
        baseline = self.holdings(lab)
        self.assertEqual(lab.vsync("a", "pub", "watch", "begin").returncode, 0)

        chance = random.Random(5)
        with Highest(lab, lab.nodes) as highest:
            crowds = [self.crowd(lab, "a", 0) for _ in range(SIZES.processes)]
            self.populate(crowds, groups, chance)
            killed = 0
            until = time.monotonic() + SIZES.churn_s
            while time.monotonic() < until:
                time.sleep(DEATH_EVERY_S)
                victim = chance.randrange(len(crowds))
                crowds[victim].kill()
                killed += SIZES.each
                crowds[victim] = self.crowd(lab, "a", 0)
                self.populate([crowds[victim]], groups, chance)
            all_together(crowds, "calm")
            living = self.wait_same_members(crowds, watchers, own)
            reports, _ = all_together(crowds, "report")
        self.assertEqual(lab.vsync("a", "pub", "watch", "end").returncode, 0)
        for watcher in watchers.values():
            wait_until(lambda watcher=watcher: watcher.ask("report")["watch"]["over"], EVENT_WITHIN_S, "the end of the stream")
        seen = {node: watcher.ask("report")["watch"] for node, watcher in watchers.items()}
        self.assertEqual({node: each["faults"] for node, each in seen.items()}, dict.fromkeys(lab.nodes, []))
        self.assertEqual(len({(each["digest"], each["views"], each["messages"]) for each in seen.values()}), 1, f"one stream: {seen}")
        self.assertEqual([each["resyncs"] + each["gaps"] + each["removed"] for each in reports], [0] * len(crowds))
        self.assertEqual([each["unresolved"] for each in reports], [0] * len(crowds), "publishes that weren't ok")
        self.assertEqual([each["failed"] for each in reports], [{}] * len(crowds))
        first = seen["a"]
        say(f"{SIZES.processes * SIZES.each} applications; {killed} of them died with their process, "
            f"{sum(each['vanished'] for each in reports)} of those that live now had vanished; {first['views']} group views, "
            f"{first['messages']} messages, the same at both daemons; left: {first['left']}; {len(living)} groups in the end")
        self.assert_bounded(highest, baseline, BURST_BYTES_MAX + SIZES.processes * SIZES.each * SESSION_BYTES_MAX)

        for crowd in crowds:
            crowd.kill()
        for node, watcher in watchers.items():
            wait_until(lambda watcher=watcher: self.members_without(watcher, own) == {}, EVENT_WITHIN_S, f"the last one's end at {node}")
        self.assert_memory_comes_back(lab, baseline)

    def populate(self, crowds, groups, chance):
        all_together(crowds, "open", SIZES.each)
        for crowd in crowds:
            crowd.ask("churn", 4 * SIZES.each, len(groups), chance.randrange(1 << 30))

    @staticmethod
    def members_without(watcher, own):
        groups = {group: {session: since for session, since in members.items() if session not in own}
                  for group, members in watcher.ask("members").items()}
        return {group: members for group, members in groups.items() if members}

    def wait_same_members(self, crowds, watchers, own):
        """The groups' members are the living, since where each of them was told."""
        def living():
            groups = {}
            for report in all_together(crowds, "report")[0]:
                for group, members in report["groups"].items():
                    groups.setdefault(group, {}).update(members)
            return groups

        def differences():
            wanted = living()
            for node, watcher in watchers.items():
                found = self.members_without(watcher, own)
                if found != wanted:
                    group = next(name for name in {**wanted, **found} if wanted.get(name) != found.get(name))
                    mine, theirs = wanted.get(group, {}), found.get(group, {})
                    return (f"{node} has in {group} besides the living {theirs.items() - mine.items()}, "
                            f"and lacks {mine.items() - theirs.items()}")
            return None

        wait_until(lambda: differences() is None, 2 * EVENT_WITHIN_S, differences)
        return living()

    def test_very_many_groups_cost_little_and_leave_nothing(self):
        lab = self.lab(2, check=False, trace=False)
        nodes = ["a", "a", "b", "b"]
        sessions = -(-SIZES.groups // (4 * 3600))
        per_session = SIZES.groups // (4 * sessions)
        crowds = [self.crowd(lab, node, sessions) for node in nodes]
        lab.status("a")
        baseline = self.holdings(lab)
        total = 4 * sessions * per_session

        started = time.monotonic()
        for index, crowd in enumerate(crowds):
            crowd.tell("own", "many", index * sessions, per_session)
        for crowd in crowds:
            self.assertEqual(crowd.answer()["failed"], {})
        for node in lab.nodes:
            self.wait_status(lab, node, lambda status: status["groups"] == total, f"that {node} has {total} groups")
        took = time.monotonic() - started
        asked = time.monotonic()
        self.assertEqual(lab.status("b")["groups"], total)
        listed = lab.vsync("b", "groups", "--json")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        answered = time.monotonic() - asked

        def bytes_per_group():
            return {node: (held.pss - baseline[node].pss) / total for node, held in self.holdings(lab).items()}

        wait_until(lambda: max(bytes_per_group().values()) <= GROUP_BYTES_MAX, SIZES.idle_s, lambda: f"{bytes_per_group()} bytes per group")
        say(f"{total} groups of {4 * sessions} applications in {took:.1f} s; status and list of groups in {answered:.1f} s; "
            f"bytes per group: {', '.join(f'{node} {size:.0f}' for node, size in bytes_per_group().items())}")

        started = time.monotonic()
        all_together(crowds, "leave")
        for node in lab.nodes:
            self.wait_status(lab, node, lambda status: status["groups"] == 0, f"that {node} has no group", 3 * EVENT_WITHIN_S)
        say(f"all left in {time.monotonic() - started:.1f} s")
        self.assertEqual([each["closed"] for each in all_together(crowds, "report")[0]], [{}] * 4)
        self.assert_memory_comes_back(lab, baseline)

    def test_a_storm_of_joins_into_one_group(self):
        lab = self.lab(2, check=False, trace=False)
        watcher = self.crowd(lab, "b")
        watcher.ask("watch")
        watcher.ask("join", "storm")
        each = SIZES.storm // 5
        crowds = [self.crowd(lab, "a", 0) for _ in range(5)]
        baseline = self.holdings(lab)
        _, opened = all_together(crowds, "open", each)
        with Highest(lab, lab.nodes) as highest:
            started = time.monotonic()
            _, joined = all_together(crowds, "join", "storm")
            wait_until(lambda: len(watcher.ask("members")["storm"]) == 5 * each + 1, EVENT_WITHIN_S, "all in the other daemon's view")
            seen = time.monotonic() - started
            views = 5 * each * (5 * each + 1) // 2  # of each that is there for each that comes
            wait_until(lambda: sum(report["views"] for report in all_together(crowds, "report")[0]) >= views, 6 * EVENT_WITHIN_S,
                       "that all have seen all others come")
            told = time.monotonic() - started
        self.assertEqual(watcher.ask("report")["watch"]["faults"], [])
        self.assertEqual([report["closed"] for report in all_together(crowds, "report")[0]], [{}] * 5)
        say(f"{5 * each} applications: connected in {opened:.1f} s, joined in {joined:.1f} s, "
            f"in the other daemon's view after {seen:.1f} s, all {views} views read after {told:.1f} s")
        self.assert_bounded(highest, baseline, BURST_BYTES_MAX + 5 * each * SESSION_BYTES_MAX)
        for crowd in crowds:
            crowd.kill()
        wait_until(lambda: len(watcher.ask("members")["storm"]) == 1, EVENT_WITHIN_S, "that all have left")
        self.assert_memory_comes_back(lab, baseline)

    def test_applications_are_back_soon_after_their_daemon_was_killed(self):
        lab = self.lab(2, check=False, trace=False)
        each = SIZES.storm // 5
        crowds = [self.crowd(lab, "b", each) for _ in range(5)]
        all_together(crowds, "join", *(f"desk.{number}" for number in range(3)))
        before = [report["reconnected"] for report in all_together(crowds, "report")[0]]
        lab.kill("b")
        lab.start("b")
        lab.wait_state("b", "primary")
        up = time.monotonic()

        def all_back():
            reports, _ = all_together(crowds, "report")
            status = lab.status("b")
            return (all(report["reconnected"] - was == each for report, was in zip(reports, before)) and status and
                    status["sessions"] > 5 * each and len(lab.vsync("a", "members", "desk.0").stdout.splitlines()) >= 5 * each)

        wait_until(all_back, REJOINED_WITHIN_S, lambda: f"that all are back: {all_together(crowds, 'report')[0]}")
        say(f"{5 * each} applications are back in their groups {time.monotonic() - up:.1f} s after their daemon")

    def test_very_many_applications_cost_little_each_and_are_back_soon(self):
        """Connections without a library and its threads: so many real applications would keep the processors from the daemon."""
        lab = self.lab(2, check=False, trace=False, settings=[f"sessions_max={SIZES.clients + 10}", "session_silent_after_ms=120000"])
        hello, join = zmtp.open_message(), zmtp.encode('(join = (request = 1, group = "desk.00000"))')
        clients = [(zmtp.message(zmtp.with_fresh_secret(hello), b""), zmtp.message(join.replace(b"00000", b"%05d" % number), b""))
                   for number in range(self.connections_allowed(SIZES.clients))]
        baseline = self.holdings(lab)["b"]
        with contextlib.ExitStack() as connections:
            took = self.join_raw(lab, connections, clients)
            size = (self.holdings(lab)["b"].pss - baseline.pss) / len(clients)
            self.assertLessEqual(size, SESSION_BYTES_MAX)
            lab.kill("b")
        lab.start("b")
        lab.wait_state("b", "primary")
        with contextlib.ExitStack() as connections:
            again = self.join_raw(lab, connections, clients)
        self.assertLessEqual(again, REJOINED_WITHIN_S)
        say(f"{len(clients)} connections to one daemon, each in a group of its own, after {took:.1f} s, {size / 1024:.0f} KiB each there; "
            f"again {again:.1f} s after their daemon was killed and is primary again")

    def join_raw(self, lab, connections, clients):
        """All of these sessions at b, each in its group: the seconds until the other daemon knows."""
        started = time.monotonic()
        opened = []
        for hello, _ in clients:
            opened.append(connections.enter_context(zmtp.open_session(lab.socket("b"))))
            opened[-1].sendall(hello)
        for connection, (_, join) in zip(opened, clients):
            self.assertIsNotNone(zmtp.receive_message(connection, bytearray()), "no welcome")
            connection.sendall(join)
        self.wait_status(lab, "a", lambda status: status["groups"] == len(clients), "that all are in their groups")
        return time.monotonic() - started

    def test_without_descriptors_applications_are_turned_away_and_later_let_in(self):
        lab = self.lab(2, check=False, trace=False)
        pid = lab.pid("a")
        honest = self.crowd(lab, "a")
        honest.ask("join", "prices")
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (96, limits[1]))
        crowd = self.crowd(lab, "a", 0)
        crowd.tell("open", 100)
        self.wait_log(lab, "a", "no file descriptors left")
        self.assertEqual(lab.pid("a"), pid, "the same process")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        crowd.answer(3 * EVENT_WITHIN_S)
        another = self.crowd(lab, "a", 20)
        another.ask("join", "prices")
        self.assertEqual(lab.vsync("b", "pub", "prices", "x").returncode, 0)
        wait_until(lambda: honest.ask("report")["messages"] == 1 and another.ask("report")["messages"] == 20, EVENT_WITHIN_S, "the price")
        self.assertEqual(honest.ask("report")["disconnected"], 0)

    def wait_log(self, lab, node, text):
        wait_until(lambda: text in lab.log(node).read_text(errors="replace"), EVENT_WITHIN_S, f"{text!r} in the log of {node}")


class SlowAndEndless(LoadTest):

    def rate(self, crowds, seconds):
        """Messages per second that each of these takes."""
        before = [crowd.ask("report") for crowd in crowds]
        time.sleep(seconds)  # it is what is measured
        after = [crowd.ask("report") for crowd in crowds]
        return [(late["messages"] - early["messages"]) / (late["at"] - early["at"]) for early, late in zip(before, after)]

    def assert_rates_kept(self, without, beside, offered, of_what):
        """In turns, so that a machine with other work slows both down alike: the best turns compare. A publisher that makes up for a pause
        is faster than what is offered for a while: that doesn't count."""
        before, during = ([min(offered, max(turns)) for turns in zip(*rates)] for rates in (without, beside))
        ratios = [late / early for early, late in zip(before, during)]
        say(f"messages/s {[round(rate) for rate in before]} without, {[round(rate) for rate in during]} beside {of_what}: "
            f"{[round(ratio, 3) for ratio in ratios]}")
        for ratio in ratios:
            self.assertGreater(ratio, KEPT)

    def flow(self, readers=1, settings=()):
        """A lab with readers at both of its daemons, and a publisher at b."""
        lab = self.lab(2, check=False, trace=False,
                       settings=[f"session_queue_bytes_max={QUEUE_BYTES}", f"window_bytes={WINDOW_BYTES}", *settings])
        reading = [self.crowd(lab, "a", readers), self.crowd(lab, "b")]
        for crowd in reading:
            crowd.ask("watch")
            crowd.ask("join", "hot")
        publisher = self.crowd(lab, "b")
        publisher.ask("publish", "hot", HOT_BYTES, HOT_RATE / readers ** 0.5)
        return lab, reading, publisher

    def wait_removals(self, lab, count, readers=1):
        fills = 2 * QUEUE_BYTES / (HOT_BYTES * HOT_RATE / readers ** 0.5)
        self.wait_status(lab, "a", lambda status: status["counters"]["sessions_too_slow"] == count, "its removal", EVENT_WITHIN_S + fills)

    @staticmethod
    def assert_told_when_it_goes_on(crowd):
        crowd.process.send_signal(signal.SIGCONT)
        wait_until(lambda: crowd.ask("report")["closed"] == {"too_slow": 1}, EVENT_WITHIN_S, "that the slow one is told")

    def test_a_stopped_subscriber_is_removed_and_told_and_the_others_keep_their_rate(self):
        for readers in SIZES.readers:
            with self.subTest(readers=readers):
                lab, reading, publisher = self.flow(readers)
                slow = [self.crowd(lab, "a") for _ in range(SIZES.turns)]
                baseline = self.holdings(lab)
                without, beside = [], []
                with Highest(lab, ["a", "b"]) as highest:
                    for turn, crowd in enumerate(slow, 1):
                        without.append(self.rate(reading, SIZES.measure_s))
                        crowd.ask("join", "hot")
                        crowd.process.send_signal(signal.SIGSTOP)
                        beside.append(self.rate(reading, SIZES.measure_s))
                        self.wait_removals(lab, turn, readers)
                self.assert_rates_kept(without, beside, HOT_RATE / readers ** 0.5, f"one that is stopped, {readers} that read")
                self.assert_bounded(highest, baseline, QUEUE_BYTES + BURST_BYTES_MAX)
                self.assertEqual(reading[0].ask("report")["watch"]["left"], {"removed": len(slow)}, "what the members see")
                publisher.ask("quiet")
                for crowd in slow:
                    self.assert_told_when_it_goes_on(crowd)
                self.assert_memory_comes_back(lab, baseline)

    def test_a_connection_that_never_reads_its_socket_is_removed(self):
        lab, reading, _ = self.flow()
        baseline = self.holdings(lab)
        without, beside = [], []
        with Highest(lab, lab.nodes) as highest:
            for turn in range(1, SIZES.turns + 1):
                without.append(self.rate(reading, SIZES.measure_s))
                with zmtp.open_session(lab.socket("a")) as deaf:
                    deaf.sendall(zmtp.message(zmtp.with_fresh_secret(zmtp.open_message()), b""))
                    deaf.sendall(zmtp.message(zmtp.encode('(join = (request = 1, group = "hot"))'), b""))
                    wait_until(lambda: "bad@a" in lab.vsync("b", "members", "hot").stdout, EVENT_WITHIN_S, "that it is a member")
                    beside.append(self.rate(reading, SIZES.measure_s))
                    self.wait_removals(lab, turn)
        self.assert_rates_kept(without, beside, HOT_RATE, "one that never reads")
        self.assert_bounded(highest, baseline, QUEUE_BYTES + BURST_BYTES_MAX)
        wait_until(lambda: reading[1].ask("report")["watch"]["left"] == {"removed": SIZES.turns}, EVENT_WITHIN_S, "what the members see")

    def test_publishers_that_wait_for_the_slow_wait_only_so_long_for_one_that_stopped(self):
        lab, reading, _ = self.flow(settings=["session_wait_for_bytes_per_s=0"])
        slow = self.crowd(lab, "a")
        without = [self.rate(reading, SIZES.measure_s)]
        slow.ask("join", "hot")
        slow.process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        self.wait_removals(lab, 1)
        say(f"removed {time.monotonic() - stopped:.1f} s after it stopped")
        beside = [self.rate(reading, SIZES.measure_s)]
        self.assert_rates_kept(without, beside, HOT_RATE, "one that was waited for and stopped")
        self.assert_told_when_it_goes_on(slow)

    def test_publishers_that_never_stop_leave_the_others_their_share(self):
        lab = self.lab(2, check=False, trace=False)
        readers = [self.crowd(lab, node) for node in lab.nodes]
        for reader in readers:
            reader.ask("join", "quiet")
        greedy_readers = [self.crowd(lab, node) for node in lab.nodes]
        for reader in greedy_readers:
            reader.ask("join", "greedy")
        modest = [self.crowd(lab, node) for node in lab.nodes]
        greedy = self.crowd(lab, "a")
        baseline = self.holdings(lab)
        for publisher in modest:
            publisher.ask("publish", "quiet", 64, MODEST_RATE)
        without, beside, flood = [], [], []
        with Highest(lab, lab.nodes) as highest:
            for _ in range(SIZES.turns):
                without.append(self.rate(readers, SIZES.measure_s))
                greedy.ask("publish", "greedy", 256, 0)
                beside.append(self.rate(readers, SIZES.endless_s / SIZES.turns))
                flood.append(self.rate(greedy_readers, SIZES.measure_s))
                greedy.ask("quiet")
        self.assert_rates_kept(without, beside, 2 * MODEST_RATE, f"one that never stops and gets {round(min(map(min, flood)))}")
        self.assertGreater(min(map(min, flood)), 10 * MODEST_RATE, "the one that never stops")
        self.assert_bounded(highest, baseline, 2 * BURST_BYTES_MAX)
        for publisher in [greedy, *modest]:
            publisher.ask("quiet")
            self.assertEqual(publisher.ask("report")["closed"], {})
        self.assert_memory_comes_back(lab, baseline)


class Herds(LoadTest):
    UP_WITHIN_S = 60

    def test_a_herd_of_daemons_forms_one_view_and_again_after_all_were_killed(self):
        started = time.monotonic()
        lab = self.lab(SIZES.herd, wait=False, settings=HERD_TIMES)
        view = lab.wait_common_view(within_s=self.UP_WITHIN_S)
        self.say_herd(lab, view, time.monotonic() - started, "cold start")
        count("herds", 1 + SIZES.herd_rounds)
        for _ in range(SIZES.herd_rounds):
            for node in lab.nodes:
                lab.kill(node)
            started = time.monotonic()
            for node in lab.nodes:
                lab.start(node)
            again = lab.wait_common_view(within_s=self.UP_WITHIN_S)
            self.assertNotEqual(again["view"]["epoch"], view["view"]["epoch"], "a restart formation starts an epoch")
            self.say_herd(lab, again, time.monotonic() - started, "after SIGKILL of all, sockets and locks left behind")
            view = again

    def say_herd(self, lab, view, took, how):
        held = self.holdings(lab).values()
        say(f"{len(lab.nodes)} daemons, {how}: one view of all after {took:.1f} s, view {view['view']['epoch']}.{view['view']['number']}, "
            f"{view['counters']['view_changes']} view changes at {view['node']}, "
            f"at most {max(each.rss for each in held) / MIB:.0f} MiB and {max(each.descriptors for each in held)} descriptors each")

    def test_a_daemon_started_again_right_after_sigkill_is_admitted_each_time(self):
        lab = self.lab(3)
        subscriber = self.subscriber(lab, "a", "prices")
        publisher = self.publisher(lab, "b", "prices", rate=100)
        took = []
        for _ in range(SIZES.restarts):
            started = time.monotonic()
            lab.kill("c")
            lab.start("c")
            lab.wait_common_view(within_s=VIEW_WITHIN_S)
            took.append(time.monotonic() - started)
        count("restarts right after SIGKILL", SIZES.restarts)
        say(f"back in the view after {[round(each, 1) for each in took]} s")
        self.assert_ok(publisher)
        self.assert_complete(subscriber, [publisher])


if __name__ == "__main__":
    unittest.main(verbosity=2)
