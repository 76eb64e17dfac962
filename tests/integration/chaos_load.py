"""The applications of a round of chaos: on each host a publisher that accounts for every message, and subscribers."""

import itertools
import json
import random
import subprocess
import time

from applications import SLOWNESS
from chaos_plan import LEVELS
from lab import LabError, wait_until

MESSAGES_PER_S = 300  # all publishers together
OUTCOMES_WITHIN_S = 30 * SLOWNESS
ENDS_WITHIN_S = 10 * SLOWNESS
JOINS_WITHIN_S = 10 * SLOWNESS
PUBLISHED_AGAIN_AFTER_S = 2 * SLOWNESS
TOPICS = "chaos.>"


class Application:
    """A process whose output goes to a file: what it says is read at the end, while it runs it costs nobody anything."""

    def __init__(self, lab, node, name, command, **options):
        self.node = node
        self.name = name
        self.output = lab.directory / node / f"{name}.out"
        self.errors = lab.directory / node / f"{name}.err"
        command, environment = lab.command(node, *command)
        with open(self.output, "wb") as output, open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, **options)

    def lines(self):
        with open(self.output, errors="replace") as output:
            for line in output:
                yield json.loads(line)

    def ended(self):
        return self.process.poll() is not None

    def end(self, within_s):
        """SIGTERM; returns its exit status."""
        if not self.ended():
            self.process.terminate()
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise LabError(f"{self.name} at {self.node} doesn't end within {within_s} s") from None

    def last_words(self):
        return self.errors.read_text(errors="replace").strip()[-500:]


class Publisher(Application):
    """chaos_publisher.cpp. Its messages are "NAME/session/n"."""

    def __init__(self, lab, node, level, rate, when_blocked):
        self.level = level
        name = f"{level}-{node}"
        super().__init__(lab, node, name, [lab.program("tests/integration/chaos-publisher"), name, f"chaos.{level}", level, str(rate),
                                           when_blocked, str(OUTCOMES_WITHIN_S)])

    def outcomes(self):
        """(text, kind, position or None) of every message that it knows the outcome of."""
        for line in self.lines():
            for offset in range(line.get("count", 0)):
                at = line.get("position")
                yield f"{self.name}/{line['session']}/{line['first'] + offset}", line["outcome"], at and (*at[:3], at[3] + offset)

    def sessions(self):
        return [line for line in self.lines() if "closed" in line]


class Subscriber(Application):
    """`vsync sub --json`."""

    def __init__(self, lab, node, topics, on_confirm=None):
        self.on_confirm = on_confirm
        self._read_up_to = 0
        confirm = ["--on-confirm", on_confirm] if on_confirm else []
        name = f"sub-{on_confirm or 'order'}"
        super().__init__(lab, node, name, [lab.program("vsync"), "sub", *topics, "--json", "--no-views", *confirm])

    def saw(self, beginning):
        """Whether a text that begins so has come, behind what was looked for before."""
        with open(self.output, "rb") as output:
            output.seek(self._read_up_to)
            new = output.read()
        found = new.find(f'"data":"{beginning}'.encode())
        self._read_up_to += found if found >= 0 else new.rfind(b"\n") + 1
        return found >= 0


class Load:

    def __init__(self, lab, plan):
        draw = random.Random(f"load {plan.seed}")
        topics = [f"chaos.{level}" for level in LEVELS] + ["chaos.probe"]
        self.lab = lab
        self.subscribers = [Subscriber(lab, node, topics if draw.random() < 0.5 else [TOPICS]) for node in lab.nodes]
        self.subscribers.append(Subscriber(lab, draw.choice(lab.nodes), [TOPICS], draw.choice(["uniform", "safe", "durable"])))
        for subscriber in self.subscribers:
            wait_until(lambda one=subscriber: '"joined"' in one.output.read_text(), JOINS_WITHIN_S,
                       f"the join of {subscriber.name} at {subscriber.node}")
        self.publishers = [Publisher(lab, node, level, MESSAGES_PER_S / len(plan.levels), draw.choice(["fail", "wait"]))
                           for node, level in plan.levels]

    def applications(self):
        return [*self.subscribers, *self.publishers]

    def probe(self, word, within_s):
        """A message from each node reaches every subscriber. Who had lost its daemon and isn't back at it yet is told that it has missed
        what is published meanwhile, so it is published again."""
        deadline = time.monotonic() + within_s
        for node in self.lab.nodes:
            text = f"{word}/{node}/"
            for attempt in itertools.count(1):
                self._publish(node, f"{text}{attempt}", within_s)
                left_s = max(0, deadline - time.monotonic())
                try:
                    wait_until(lambda beginning=text: not self._that_lack(beginning), min(left_s, PUBLISHED_AGAIN_AFTER_S),
                               lambda beginning=text: f"{within_s} s for all probes: {beginning} at {self._that_lack(beginning)}")
                    break
                except LabError:
                    if left_s <= PUBLISHED_AGAIN_AFTER_S:
                        raise

    def _that_lack(self, beginning):
        return ", ".join(f"{one.name} of {one.node} ({one.last_words()})" for one in self.subscribers if not one.saw(beginning))

    def _publish(self, node, text, within_s):
        said = self.lab.vsync(node, "pub", "chaos.probe", text, "--level", "uniform", "--when-blocked", "wait",
                              "--timeout", str(within_s), timeout=within_s + 10)
        if said.returncode != 0:
            raise LabError(f"the publish of {text!r} didn't end ok: {said.stderr.strip()}")

    def stop_publishing(self):
        for publisher in self.publishers:
            publisher.process.terminate()
        for publisher in self.publishers:
            publisher.end(OUTCOMES_WITHIN_S + ENDS_WITHIN_S)

    def stop_subscribing(self):
        for subscriber in self.subscribers:
            subscriber.end(ENDS_WITHIN_S)

    def kill(self):
        for application in self.applications():
            if not application.ended():
                application.process.kill()
            application.process.wait()
