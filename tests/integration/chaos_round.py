"""One round of chaos: a cluster, its load, the plan's faults; then everything is healed, and what must hold is judged."""

import shutil
import time
import traceback
from pathlib import Path

from applications import SLOWNESS
from chaos_faults import Faults
from chaos_load import Load
from chaos_plan import Plan
from chaos_verdict import Verdict
from lab import Lab, LabError, wait_until

# A host that was excluded again and again is watched for up to 16 times admit_after, 11 s, before it is admitted; each return of one may
# be followed by that of others.
HEALED_WITHIN_S = 45 * SLOWNESS
PROBED_WITHIN_S = 20 * SLOWNESS
DISK_BYTES = 24 << 20
# A node may be stopped for 30 s twice, and no session ends of that.
SETTINGS = ("durable_keep_bytes=4194304", "session_expires_after_ms=300000")


class Round:

    def __init__(self, seed, count, kinds=None):
        self.seed = seed
        self.count = count
        self.kinds = kinds
        self.failures = []
        self.result = {"seed": seed, "nodes": count, "kinds": sorted(kinds or ())}
        self.plan = None

    def run(self, keep):
        """True if everything held. Else the lab's files stay in a directory of `keep`."""
        began = time.monotonic()
        lab = Lab.up(self.count, netns=True, settings=SETTINGS, disk_bytes=DISK_BYTES)
        try:
            self.plan = Plan(self.seed, lab.nodes, self.kinds)
            try:
                self._run(lab)
            except Exception as error:  # a round that can't go on has failed, and says why
                self.failures.append(f"{type(error).__name__}: {error}")
                if not isinstance(error, LabError):
                    self.result["traceback"] = traceback.format_exc()
            self.result.update(seconds=round(time.monotonic() - began, 1), held=not self.failures, failures=self.failures,
                               plan=[str(fault) for fault in self.plan.faults()])
            if self.failures:
                self.result["kept"] = str(self._keep(lab, keep))
        finally:
            lab.down()
        return not self.failures

    def _run(self, lab):
        faults = Faults(lab, self.plan)
        load = Load(lab, self.plan)
        verdict = Verdict()
        try:
            faults.run()
            self.failures += faults.failures
            self._heal(lab, faults)
            if not faults.failed:
                self._settle(faults, load)
        finally:
            self.result.update(injected=dict(faults.counts), frames=dict(faults.frames), ended=dict(faults.ends))
            load.kill()
            for node in lab.nodes:
                if lab.pid(node):
                    lab.kill(node)
            verdict.judge_traces(lab)
            self.failures += verdict.failures
        if not self.failures:
            judged = len(verdict.failures)
            verdict.judge_streams(load)
            self.failures += verdict.failures[judged:]
        self.result.update(verdict.figures, outcomes=dict(verdict.outcomes))

    def _heal(self, lab, faults):
        lab.heal()
        for node in lab.nodes:
            lab.free_disk(node)
            faults.add_frames(node)
            if lab.paused(node):
                self.failures.append(f"{node}'s daemon stands still, though all faults are over")

    def _settle(self, faults, load):
        """Liveness: without faults all daemons come to one view, and what is published reaches everybody. Then the load ends."""
        healed = time.monotonic()
        view = wait_until(faults.settled, HEALED_WITHIN_S, faults.not_settled)
        self.result.update(healed_s=round(time.monotonic() - healed, 2), views=view["view"]["number"], epoch=view["view"]["epoch"])
        probed = time.monotonic()
        load.probe("probe", PROBED_WITHIN_S)
        self.result["probed_s"] = round(time.monotonic() - probed, 2)
        load.stop_publishing()
        load.probe("end", PROBED_WITHIN_S)
        load.stop_subscribing()

    def _keep(self, lab, keep):
        target = Path(keep) / f"seed-{self.seed}-nodes-{self.count}"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(lab.directory, target, ignore=shutil.ignore_patterns("sockets", "*.sock", "filler"))
        (target / "plan").write_text("".join(f"{fault}\n" for fault in self.plan.faults()))
        (target / "failures").write_text("\n".join([*self.failures, self.result.get("traceback", "")]))
        return target
