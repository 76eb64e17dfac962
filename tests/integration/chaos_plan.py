"""What is injected in a round of chaos, and when: drawn from its seed alone."""

import random
from dataclasses import dataclass, field

CHAOS_S = 15  # how long faults begin; one that began ends by itself soon after
PAUSE_S = (0.1, 30)
FLAPS_HZ = (1, 10)
LEVELS = ("agreed", "uniform", "safe", "durable", "fifo")
CABLE = {  # what a bad cable may do, and how much of it: percent and milliseconds, in steps
    "loss": (0.5, 2, 5, 10, 30),
    "delay": (1, 5, 20, 80),
    "jitter": (1, 5, 20, 50),
    "reorder": (1, 5, 25),
    "duplicate": (1, 5, 20),
    "corrupt": (0.5, 1, 5),
    "slip": (0.05, 0.2, 1),
}
RATES = ("256kbit", "1mbit", "4mbit", "16mbit")
DIRECTIONS = ("out", "in", "both")
CUTS = ("split", "alone", "shatter", "one_way", "deaf", "mute", "link", "ring", "bridge", "flap")
NETWORK = (*(f"cut_{cut}" for cut in CUTS), *CABLE, "rate")
PROCESS = ("kill", "kill_again", "kill_many", "pause", "starve", "leave", "disk_full", "memory", "descriptors")
GROUPS = {"cuts": tuple(f"cut_{cut}" for cut in CUTS), "cables": tuple(CABLE), "kills": ("kill", "kill_again", "kill_many")}


def kinds_of(text):
    """The kinds of fault that a list names, one by one or as a group."""
    kinds = set()
    for word in text.split(","):
        if word not in NETWORK + PROCESS and word not in GROUPS:
            raise ValueError(f"no kind of fault is called {word}; there are {', '.join((*GROUPS, *NETWORK, *PROCESS))}")
        kinds.update(GROUPS.get(word, (word,)))
    return kinds


@dataclass(frozen=True)
class Fault:
    at: float  # seconds since the load began
    lasts: float
    kind: str
    nodes: tuple = ()
    what: dict = field(default_factory=dict)

    @property
    def end(self):
        return self.at + self.lasts

    def __str__(self):
        told = " ".join(f"{key} {value}" for key, value in self.what.items())
        return f"{self.at:5.2f} s for {self.lasts:5.2f} s  {self.kind} {','.join(self.nodes)} {told}".rstrip()


class Plan:
    """The round of a seed. As in swarm testing, each round leaves most kinds of fault out, so that the others meet in all mixes."""

    def __init__(self, seed, nodes, kinds=None):
        self.seed = seed
        self.nodes = list(nodes)
        self._random = random.Random(f"chaos {seed} {len(nodes)}")
        self.pace = self._random.choice((0.7, 1, 2))  # 2: half as many faults
        self.kinds = kinds or self._mix()
        self.levels = self._levels()
        self.network = sorted(self._network(), key=lambda fault: fault.at)
        self.processes = self._processes()

    def _mix(self):
        draw = self._random
        kinds = {kind for kind in NETWORK + PROCESS if draw.random() < 0.35}
        return kinds | {draw.choice(NETWORK), draw.choice(PROCESS)}

    def _levels(self):
        """(node, level) of each publisher: every node has one, and every level."""
        levels = list(LEVELS)
        self._random.shuffle(levels)
        return [(self.nodes[index % len(self.nodes)], levels[index % len(levels)]) for index in range(max(len(self.nodes), len(levels)))]

    def faults(self):
        """All, by time."""
        return sorted([*self.network, *(fault for faults in self.processes.values() for fault in faults)], key=lambda fault: fault.at)

    # ---- the network

    def _network(self):
        yield from self._cuts([kind for kind in NETWORK if kind.startswith("cut_") and kind in self.kinds])
        cable = [kind for kind in CABLE if kind in self.kinds]
        for node in self.nodes:
            if cable:
                yield from self._cable(node, cable)
            if "rate" in self.kinds:
                for at, lasts in self._spans(every_s=12, length_s=(1, 6)):
                    what = {"rate": self._random.choice(RATES), "direction": self._random.choice(DIRECTIONS)}
                    yield Fault(at, lasts, "rate", (node,), what)

    def _spans(self, every_s, length_s):
        """Times that don't overlap, about one in `every_s` seconds."""
        every_s *= self.pace
        at = self._random.uniform(0, every_s)
        while at < CHAOS_S:
            lasts = self._random.uniform(*length_s)
            yield round(at, 2), round(lasts, 2)
            at += lasts + self._random.expovariate(1 / every_s)

    def _cuts(self, kinds):
        for at, lasts in self._spans(every_s=3, length_s=(0.2, 5)) if kinds else ():
            kind = self._random.choice(kinds)
            if kind == "cut_flap":
                what = {"cut": self._cut_link() if self._random.random() < 0.5 else self._cut_alone(), "hz": round(self._from(FLAPS_HZ), 1)}
            else:
                what = {"cut": getattr(self, f"_{kind}")()}
            yield Fault(at, lasts, kind, (), what)

    def _from(self, least_and_most):
        """As often from the smaller half of the orders of magnitude as from the larger."""
        least, most = least_and_most
        return least * (most / least) ** self._random.random()

    def _shuffled(self):
        nodes = list(self.nodes)
        self._random.shuffle(nodes)
        return nodes

    def _cut_split(self):
        nodes = self._shuffled()
        middle = self._random.randint(1, len(nodes) - 1)
        return f"{','.join(nodes[:middle])} / {','.join(nodes[middle:])}"

    def _cut_alone(self):
        one, *others = self._shuffled()
        return f"{one} / {','.join(others)}"

    def _cut_shatter(self):
        return " / ".join(self.nodes)

    def _cut_one_way(self):
        return self._cut_split().replace("/", ">")

    def _cut_deaf(self):
        one, *others = self._shuffled()
        return f"{','.join(others)} > {one}"

    def _cut_mute(self):
        one, *others = self._shuffled()
        return f"{one} > {','.join(others)}"

    def _cut_link(self):
        one, other, *_ = self._shuffled()
        return f"{one} {self._random.choice('/>')} {other}"

    def _cut_ring(self):
        """Each node sees just its two neighbours: of three or fewer nodes that is one link less, a line."""
        ring = self._shuffled()
        if len(ring) <= 3:
            return f"{ring[0]} / {ring[-1]}"
        apart = [(index, other) for index in range(len(ring)) for other in range(index + 2, len(ring))
                 if (index, other) != (0, len(ring) - 1)]
        return "; ".join(f"{ring[index]} / {ring[other]}" for index, other in apart)

    def _cut_bridge(self):
        """Two sides, and one that sees both."""
        _, *others = self._shuffled()
        middle = len(others) // 2
        return f"{','.join(others[:middle])} / {','.join(others[middle:])}"

    def _cable(self, node, kinds):
        for at, lasts in self._spans(every_s=8, length_s=(1, 8)):
            some = [kind for kind in kinds if self._random.random() < 0.5] or [self._random.choice(kinds)]
            what = {kind: self._random.choice(CABLE[kind]) for kind in some}
            what |= {"direction": self._random.choice(DIRECTIONS), "seed": self._random.getrandbits(32)}
            yield Fault(at, lasts, "cable", (node,), what)

    # ---- daemons

    def _processes(self):
        """By node, one after the other."""
        planned = {node: [] for node in self.nodes}
        if "kill_many" in self.kinds:
            for at, _ in self._spans(every_s=10, length_s=(4, 4)):
                some = tuple(sorted(self._shuffled()[:self._random.randint(2, len(self.nodes))]))
                for node in some:
                    planned[node].append(Fault(at, round(self._random.choice((0.0, self._random.uniform(0, 3))), 2), "kill_many", (node,)))
        single = [kind for kind in PROCESS if kind in self.kinds and kind != "kill_many"]
        for node in self.nodes if single else ():
            taken = list(planned[node])
            for at, lasts in self._spans(every_s=4 * len(self.nodes) / 3, length_s=(0.3, 5)):
                kind = self._random.choice(single)
                lasts = round(self._from(PAUSE_S), 2) if kind == "pause" else lasts
                fault = Fault(at, lasts, kind, (node,), {"choice": round(self._random.random(), 3)})
                if all(fault.end + 0.5 < other.at or other.end + 0.5 < fault.at for other in taken):
                    planned[node].append(fault)
                    taken.append(fault)
        return {node: sorted(faults, key=lambda fault: fault.at) for node, faults in planned.items()}
