"""Crowds: processes of many applications each (crowd.cpp), and what a daemon holds of memory and descriptors."""

import json
import os
import queue
import subprocess
import threading
import time
from pathlib import Path

from support import LabError

MIB = 1 << 20
ANSWER_WITHIN_S = 120
IDLE_GROWTH_MAX = 0.10
IDLE_GROWTH_MAX_BYTES = 16 * MIB


class Crowd:
    """One process of applications at one node. `tell` begins a command, `answer` waits for the oldest one's answer."""

    def __init__(self, lab, node):
        command, environment = lab.command(node, lab.program("tests/integration/crowd"))
        self.node = node
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answers = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._answers.put(json.loads(line))
        self._answers.put(None)

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def answer(self, within_s=ANSWER_WITHIN_S):
        try:
            answer = self._answers.get(timeout=within_s)
        except queue.Empty:
            raise LabError(f"a crowd at {self.node} doesn't answer within {within_s} s") from None
        if answer is None or "error" in answer:
            raise LabError(f"a crowd at {self.node} says {answer}; exit status {self.process.poll()}")
        return answer

    def ask(self, *words, within_s=ANSWER_WITHIN_S):
        self.tell(*words)
        return self.answer(within_s)

    def kill(self):
        """A crash of all its applications at once."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                pass


def all_together(crowds, *words, within_s=ANSWER_WITHIN_S):
    """The same command at all of them at once; their answers, and the seconds until the last."""
    started = time.monotonic()
    for crowd in crowds:
        crowd.tell(*words)
    answers = [crowd.answer(within_s) for crowd in crowds]
    return answers, time.monotonic() - started


class Holdings:
    """What a process holds at one moment."""

    def __init__(self, pid):
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
        self.rss = int(fields["Rss"].split()[0]) * 1024
        self.pss = int(fields["Pss"].split()[0]) * 1024
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))

    def __str__(self):
        return f"rss {self.rss / MIB:.1f} MiB, pss {self.pss / MIB:.1f} MiB, {self.descriptors} descriptors"

    def is_back_to(self, baseline):
        """Memory within 10 % or 16 MiB, descriptors within 10 %."""
        return (self.descriptors <= baseline.descriptors * (1 + IDLE_GROWTH_MAX) and
                all(now - before <= max(IDLE_GROWTH_MAX * before, IDLE_GROWTH_MAX_BYTES)
                    for now, before in ((self.rss, baseline.rss), (self.pss, baseline.pss))))


class Highest:
    """The most memory that each of some daemons held while this ran."""

    def __init__(self, lab, nodes):
        self.rss = dict.fromkeys(nodes, 0)
        self._pids = {node: lab.pid(node) for node in nodes}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        page = os.sysconf("SC_PAGE_SIZE")
        while not self._stopping.wait(0.05):
            for node, pid in self._pids.items():
                try:
                    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
                except (OSError, IndexError):
                    continue
                self.rss[node] = max(self.rss[node], resident)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()
