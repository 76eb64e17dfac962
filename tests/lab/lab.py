"""A lab: a cluster of real daemons on this machine, for tests, benchmarks, demos and people.

    with Lab.up(3) as lab:
        lab.kill("a")
        lab.wait_common_view(["b", "c"])

Everything a lab makes can be found again from its directory's path alone: names carry an id derived from it, processes carry
the id in their environment, files have names that nothing else has. So `down` cleans up whatever an interrupted `up` or a lost
file left behind.
"""

import hashlib
import json
import os
import shutil
import signal
import string
import subprocess
import tempfile
import time
from pathlib import Path

import cgroups
import disks
import disturbance
import network
import processes
import remains

ROOT = Path(__file__).resolve().parent.parent.parent
NODES_MAX = len(string.ascii_lowercase)
SOCKET_PATH_MAX = 107  # bytes that fit a unix socket address
UP_WITHIN_S = 30
STOP_WITHIN_S = 20
POLL_S = 0.01
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_begun = set()  # labs that this process made and hasn't ended


def end_all():
    """Ends every lab that this process made: for who is about to be ended itself."""
    for lab in list(_begun):
        lab.down()


class LabError(Exception):
    """Something a person can act on; the text says what."""


def end_by_signals():
    """SIGTERM and a terminal that goes do what ^C does, so that whoever made a lab gets to end it."""
    def interrupt(*_):
        raise KeyboardInterrupt

    for number in ENDING_SIGNALS:
        signal.signal(number, interrupt)


def find_build():
    """The build tree whose programs are used: VSYNC_BUILD, or the release build."""
    named = os.environ.get("VSYNC_BUILD")
    candidates = [Path(named)] if named else [ROOT / "build" / "release", ROOT / "build"]
    for candidate in candidates:
        if (candidate / "daemon" / "vsyncd").exists():
            return candidate.resolve()
    raise LabError(f"no vsyncd in {' or '.join(map(str, candidates))}: build first, or name a build tree in VSYNC_BUILD")


def default_directory():
    return Path(os.environ.get("VSYNC_LAB") or f"/tmp/vsync-lab-{os.getuid()}")


def wait_until(condition, within_s, what):
    """Waits for `condition` to return something true, and returns that."""
    deadline = time.monotonic() + within_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise LabError(f"not within {within_s} s: {what() if callable(what) else what}")
        time.sleep(POLL_S)


class Lab:
    """One cluster. Its state is in its directory, so that several processes can work with one lab."""

    def __init__(self, directory, build=None):
        self.directory = Path(directory).absolute()
        self.id = hashlib.sha256(str(self.directory).encode()).hexdigest()[:8]
        self.build = Path(build) if build else None
        self._children = {}  # daemons that this process started and has to reap
        self.relays = {}  # and relays, by their process ids

    # ---- life of a lab

    @classmethod
    def up(cls, count, directory=None, netns=False, settings=(), trace=True, build=None, wait=True, networks=1, disk_bytes=None):
        """Makes a lab of `count` daemons and returns when they have one common primary view. `settings` are "key=value". With `netns`
        there may be two `networks`, and each daemon has an address in both. With `disk_bytes` the state directory of each is on a disk
        of its own of that size (root)."""
        if networks not in ((1, 2) if netns else (1,)):
            raise LabError("a lab has one network, or with --netns one or two")
        if not 1 <= count <= NODES_MAX:
            raise LabError(f"a lab has 1 to {NODES_MAX} daemons")
        lab = cls(directory or tempfile.mkdtemp(prefix="vsync-lab-"), build)
        lab._claim()
        _begun.add(lab)
        try:
            lab._make(count, netns, list(settings), trace, networks)
            if disk_bytes:
                for node in lab.nodes:
                    disks.mount(lab.state_directory(node), disk_bytes)
            for node in lab.nodes:
                lab.start(node)
            if wait:
                lab.wait_common_view()
        except BaseException:
            lab.save_logs()
            lab.down()
            raise
        return lab

    @classmethod
    def open(cls, directory, build=None):
        """A lab that is already there."""
        lab = cls(directory, build)
        if not (lab.directory / "lab.json").exists():
            raise LabError(f"no lab in {lab.directory}: start one with `lab up N`")
        return lab

    def down(self):
        """Ends everything of this lab and removes its files. Does no harm where nothing is left. A second ^C can't cut it short."""
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
        try:
            remains.end_processes(self.id)
            for child in [*self._children.values(), *self.relays.values()]:
                child.wait()
            self._children.clear()
            self.relays.clear()
            network.remove(self.id)
            cgroups.remove(self.id)
            disks.unmount_all(self.directory)
            shutil.rmtree(self._sockets_elsewhere(), ignore_errors=True)
            remains.remove_files(self.directory)
            _begun.discard(self)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    def _claim(self):
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (self.directory / "lab.json").exists():
            raise LabError(f"there is a lab in {self.directory} already: `lab down` ends it, --dir chooses another place")
        if any(self.directory.iterdir()):
            raise LabError(f"{self.directory} isn't empty; if these are the remains of a lab, `lab down` clears them away")
        if list(processes.with_environment("VSYNC_LAB_ID", self.id)) or network.exists(self.id):
            self.down()
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            (self.directory / "lab.json").touch(exist_ok=False)
        except FileExistsError:
            raise LabError(f"somebody else makes a lab in {self.directory}") from None

    def _write_spec(self, spec):
        written = self.directory / "lab.json.new"
        written.write_text(json.dumps(spec, indent=1))
        written.rename(self.directory / "lab.json")

    def _make(self, count, netns, settings, trace, network_count):
        self.build = self.build or find_build()
        nodes = list(string.ascii_lowercase[:count])
        if netns:
            networks = network.create(self.id, nodes, network_count)
            ports = {node: 7400 for node in nodes}
        else:
            addresses, ports = network.loopback_addresses(nodes)
            networks = [addresses]
        sockets = self.directory / "sockets"
        if len(os.fsencode(sockets)) + len("/a.sock") > SOCKET_PATH_MAX:
            sockets = self._sockets_elsewhere()
        sockets.mkdir(mode=0o700, exist_ok=True)
        spec = {"nodes": nodes, "netns": netns, "networks": networks, "ports": ports, "settings": settings, "trace": trace,
                "sockets": str(sockets), "build": str(self.build), "keys": {}}
        for node in nodes:
            (self.directory / node).mkdir(mode=0o700)
            spec["keys"][node] = self._make_keys(node)
        self._write_spec(spec)
        for node in nodes:
            self.write_config(node)

    def _sockets_elsewhere(self):
        return Path(f"/tmp/vsync-sockets-{self.id}")

    def _make_keys(self, node):
        """A CURVE key pair for the node; returns the public key."""
        home = self.directory / node
        made = subprocess.run([self.program("vsyncd"), "keygen", str(home)], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        if made.returncode != 0:
            raise LabError(f"vsyncd keygen failed: {made.stderr.strip()}")
        return (home / "public.key").read_text().strip()

    def write_config(self, node, peers=None, addresses=None, keys=None):
        """The node's configuration: with `peers` other than all, at `addresses` other than their own, with further `keys`. A daemon that runs
        reads it when it is told to."""
        spec = self.spec
        home = self.directory / node
        addresses = addresses or {}
        tables = [("", {"node": node, "state_dir": f"{home}/state", "socket": self.socket(node), "listen": self.listen_address(node),
                        "secret_key_file": f"{home}/secret.key", **(keys or {})})]
        tables += [("\n[[peer]]\n", {"name": peer, "endpoint": addresses.get(peer, self.peer_addresses(peer)), "public_key": spec["keys"][peer]})
                   for peer in (self.nodes if peers is None else peers) if peer != node]
        # JSON's strings are TOML's, whatever characters a directory has in its name.
        (home / "vsyncd.toml").write_text("".join(
            title + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items()) for title, table in tables))

    # ---- what it is made of

    @property
    def spec(self):
        try:
            return json.loads((self.directory / "lab.json").read_text())
        except (OSError, json.JSONDecodeError):
            raise LabError(f"the lab in {self.directory} was not made to its end, or has lost its description: "
                           "`lab down` clears it away") from None

    @property
    def nodes(self):
        return self.spec["nodes"]

    def program(self, name):
        """The path of one of our programs: vsyncd, vsync or a test's own, relative to the build tree."""
        build = self.build or Path(self.spec["build"])
        return str(build / {"vsyncd": "daemon/vsyncd", "vsync": "bindings/cli/vsync"}.get(name, name))

    def observer(self):
        """The vsync command that only watches: VSYNC_OBSERVER, where those of the build would take the time of what they watch."""
        return os.environ.get("VSYNC_OBSERVER") or self.program("vsync")

    def socket(self, node):
        return str(Path(self.spec["sockets"]) / f"{node}.sock")

    def endpoint(self, node):
        self._check(node)
        return f"ipc://{self.socket(node)}"

    def peer_address(self, node):
        spec = self.spec
        return f"tcp://{spec['networks'][0][node]}:{spec['ports'][node]}"

    def peer_addresses(self, node):
        """As a configuration has them: one, or a list."""
        spec = self.spec
        ways = [f"tcp://{addresses[node]}:{spec['ports'][node]}" for addresses in spec["networks"]]
        return ways if len(ways) > 1 else ways[0]

    def listen_address(self, node):
        spec = self.spec
        return self.peer_address(node) if len(spec["networks"]) == 1 else f"tcp://*:{spec['ports'][node]}"

    def log(self, node):
        return self.directory / node / "log"

    def state_directory(self, node):
        return self.directory / node / "state"

    def trace_files(self):
        """The traces of all daemons, one file per start."""
        return sorted(self.directory.glob("*/trace.*"))

    def dumps(self, node="*"):
        """What flight recorders have left."""
        return sorted(self.directory.glob(f"{node}/state/flight.*.trace"))

    def save_logs(self):
        """Copies what explains a failure to VSYNC_LAB_SAVE, if that is set."""
        target = os.environ.get("VSYNC_LAB_SAVE")
        if target and self.directory.exists():
            shutil.copytree(self.directory, Path(target) / self.directory.name, dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("sockets", "*.sock"))

    def _check(self, node):
        if node not in self.nodes:
            raise LabError(f"no node {node!r}: this lab has {', '.join(self.nodes)}")

    # ---- its daemons

    def start(self, node, settings=(), program="vsyncd", limits=None, through=()):
        """Starts a daemon; `settings` ("key=value"), the program, `limits` (as prlimit names them) and the command `through` which it is
        started count for this start only."""
        self._check(node)
        if self.pid(node):
            raise LabError(f"{node} is running already")
        home = self.directory / node
        spec = self.spec
        command = [self.program(program), "--config", str(home / "vsyncd.toml")]
        if spec["trace"]:
            starts = len(list(home.glob("trace.*")))
            command += ["--set", f"trace_file={home}/trace.{starts + 1}"]
        for setting in [*spec["settings"], *settings]:
            command += ["--set", setting]
        if not home.is_dir():
            raise LabError(f"{home} is gone: `lab down` clears the rest away")
        with open(self.log(node), "ab") as log:
            # A process group of its own, so that ^C isn't for it, but no session: Linux schedules by session (autogroup), and lets one
            # that mostly sleeps wait for hundreds of milliseconds where others compile. The others would take that for its death.
            prefix = ["prlimit", *(f"--{name}={value}" for name, value in limits.items())] if limits else []
            command = [*self._inside(node), *prefix, *through, *command]
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     process_group=0, env=self._environment(), cwd="/")
        self._children[node] = child
        processes.remember(home / "pid", child.pid)

    def _inside(self, node):
        return network.inside(self.id, node) if self.spec["netns"] else []

    def _environment(self, node=None):
        environment = dict(os.environ, VSYNC_LAB_ID=self.id, VSYNC_LAB=str(self.directory))
        environment.pop("NOTIFY_SOCKET", None)
        if node:
            environment["VSYNC_ENDPOINT"] = self.endpoint(node)
            environment["PATH"] = f"{Path(self.program('vsync')).parent}:{environment.get('PATH', '')}"
        return environment

    def pid(self, node):
        """The daemon's process id, None when it doesn't run."""
        self._check(node)
        if node in self._children:
            self._children[node].poll()  # a zombie is not a daemon
        return processes.recall(self.directory / node / "pid")

    def _running(self, node):
        pid = self.pid(node)
        if not pid:
            raise LabError(f"{node} isn't running")
        return pid

    def _gone(self, node, within_s):
        wait_until(lambda: not self.pid(node), within_s, f"the end of {node}'s daemon")
        if node in self._children:
            self._children.pop(node).wait()

    def kill(self, node, number=signal.SIGKILL):
        """A crash: SIGKILL, or one of the signals that a fault has."""
        os.kill(self._running(node), number)
        self._gone(node, STOP_WITHIN_S)

    def ended(self, node):
        """How the daemon that this process started ended by itself: its exit status, or minus a signal's number; None while it runs."""
        return self._children[node].poll() if node in self._children else None

    def stop(self, node):
        """SIGTERM: an orderly leave, of a paused daemon too; returns when the daemon has ended."""
        pid = self._running(node)
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
        self._gone(node, STOP_WITHIN_S)

    def paused(self, node):
        return processes.is_stopped(self.pid(node))

    def pause(self, node):
        os.kill(self._running(node), signal.SIGSTOP)

    def resume(self, node):
        os.kill(self._running(node), signal.SIGCONT)

    # ---- its network

    def partition(self, text):
        """Cuts links, in place of all earlier cuts: "a,b / c" both ways between the sides, "a > b" what a sends to b, several
        cuts separated by ";". Nodes that aren't named keep their links."""
        if not self.spec["netns"]:
            raise LabError("partitions need a lab made with --netns")
        network.cut(self.id, self.spec["networks"], network.parse_cuts(text, self.nodes))

    def heal(self):
        """Undoes all cuts, disturbances and limits."""
        self.partition("")
        for node in self.nodes:
            disturbance.restore(self, node)
            disturbance.limit(self, node, None, "both")

    def disturb(self, node, out=None, into=None, seed=1):
        """A bad cable: `out` and `into` say what happens to what the node sends and gets, as in {"loss": 2, "delay": 5}. It replaces
        what was said before; with neither the cable is good again."""
        self._check_netns(node, "disturbances")
        if out or into:
            disturbance.disturb(self, node, out or {}, into or {}, seed)
        else:
            disturbance.restore(self, node)

    def disturbance_counts(self, node):
        """What the node's cables did while they were bad ones, by kind; of those that are good again."""
        return disturbance.counts(self, node)

    def limit(self, node, rate, direction="both"):
        """Bounds the rate of what the node sends ("out"), gets ("in") or both, as "1mbit"; None takes the bound away."""
        self._check_netns(node, "limits")
        disturbance.limit(self, node, rate, direction)

    def _check_netns(self, node, what):
        self._check(node)
        if not self.spec["netns"]:
            raise LabError(f"{what} need a lab made with --netns")

    # ---- its disks

    def fill_disk(self, node):
        """Nothing more can be written to the node's state directory. Needs a lab with `disk_bytes`."""
        disks.fill(self.state_directory(node))

    def free_disk(self, node):
        disks.free(self.state_directory(node))

    def switch_network(self, which, on, node=None):
        """A whole network fails, or only for one node, or works again."""
        if not self.spec["netns"] or which not in range(len(self.spec["networks"])):
            raise LabError(f"no network {which} to switch: `lab up N --netns --networks 2` makes 0 and 1")
        if node is not None:
            self._check(node)
        network.switch(self.id, which, on, node)

    # ---- its control groups

    def cgroup(self, node, controller):
        """A control group with this controller, for the node's daemon to be in."""
        self._check(node)
        return cgroups.Cgroup(self.id, node, controller)

    # ---- what it says of itself

    def status(self, node):
        """What `vsync status --json` says of the node, None when it doesn't answer."""
        try:
            asked = subprocess.run([self.observer(), "--endpoint", self.endpoint(node), "status", "--json"],
                                   capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=3)
            return json.loads(asked.stdout) if asked.returncode == 0 else None
        except (subprocess.TimeoutExpired, json.JSONDecodeError):
            return None

    def members(self, status):
        return sorted(member["node"] for member in ((status or {}).get("view") or {}).get("members", []))

    def common_view(self, nodes):
        """The status of one of `nodes` when all are primary in one view of just them and have a sequencer, else None."""
        found = None
        for node in nodes:
            status = self.status(node)
            if not status or status.get("state") != "primary" or not status.get("sequencer") or self.members(status) != sorted(nodes):
                return None
            if found and (found["view"]["epoch"], found["view"]["number"]) != (status["view"]["epoch"], status["view"]["number"]):
                return None
            found = found or status
        return found

    def wait_common_view(self, nodes=None, within_s=UP_WITHIN_S):
        """Waits until `nodes` (default: all) are in one primary view of just them; returns the status of the first."""
        nodes = list(nodes or self.nodes)

        def missing():
            said = {node: self.summary(self.status(node)) for node in nodes}
            return f"one primary view of {', '.join(nodes)}; they say {said}; last words of {nodes[0]}: {self.last_words(nodes[0])}"

        def found():
            for node in nodes:
                if not self.pid(node):
                    raise LabError(f"{node}'s daemon has ended; its last words: {self.last_words(node)}")
            return self.common_view(nodes)

        return wait_until(found, within_s, missing)

    def wait_state(self, node, state, within_s=UP_WITHIN_S):
        def reached():
            status = self.status(node)
            return status if status and status.get("state") == state else None

        return wait_until(reached, within_s, lambda: f"{node} {state}; it says {self.summary(self.status(node))}")

    def wait_answer(self, node, within_s=UP_WITHIN_S):
        """Waits until the node's daemon answers, whatever it says."""
        def answers():
            if not self.pid(node):
                raise LabError(f"{node}'s daemon has ended; its last words: {self.last_words(node)}")
            return self.status(node)

        return wait_until(answers, within_s, f"an answer of {node}")

    def last_words(self, node):
        lines = self.log(node).read_text(errors="replace").splitlines() if self.log(node).exists() else []
        return " | ".join(lines[-3:]) or "none"

    def summary(self, status):
        if not status:
            return "nothing"
        view = status.get("view") or {}
        waits = f", waits for {status['waits_for']}" if status.get("waits_for") else ""
        return f"{status.get('state')} in view {view.get('number')} of {','.join(self.members(status))}{waits}"

    # ---- commands inside

    def command(self, node, *arguments):
        """A Popen argument list and environment for a program run where the node is."""
        return self._inside(node) + list(arguments), self._environment(node)

    def vsync(self, node, *arguments, **options):
        """Runs the vsync command against the node's daemon to its end."""
        command, environment = self.command(node, self.program("vsync"), *arguments)
        options = {"capture_output": True, "text": True, "timeout": 60, **options}
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        return subprocess.run(command, env=environment, **options)
