#!/usr/bin/python3
"""A campaign goes on where its file ends, and tells what failed or was never tried. Arguments: the simulation, and if there is one the
program with the broken engines."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CAMPAIGN = Path(__file__).resolve().parent / "campaign"
SIMULATION = Path(sys.argv[1])
MUTANTS = Path(sys.argv[2])


class Campaign(unittest.TestCase):

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.results = self.directory / "results.jsonl"

    def run_it(self, *arguments, program=SIMULATION):
        return subprocess.run([CAMPAIGN, "--results", self.results, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=300, env={**os.environ, "VSYNC_SIMULATION_BINARY": str(program)})

    def slice(self, seeds=4, program=SIMULATION):
        return self.run_it("--minutes", "0", "--slice", str(seeds), program=program)

    def lines(self):
        return [json.loads(line) for line in self.results.read_text().splitlines()]

    def write(self, *lines):
        self.results.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def with_every_pair(self, count):
        """Results of a slice in which everything that can occur did."""
        self.slice()
        program, line = self.lines()
        out_of_reach = [(pair["step"], pair["fault"]) for pair in program["out_of_reach"]]
        line["strikes"] = [[step, fault, count] for step in program["steps"] for fault in program["faults"]
                           if (step, fault) not in out_of_reach]
        return program, line

    def test_a_campaign_goes_on_where_its_file_ends(self):
        self.assertIn("4 seeds (0 aimed) in", self.slice().stdout)
        second = self.slice()
        self.assertIn("8 seeds (4 aimed) in", second.stdout)
        third = self.slice()
        aimed = self.lines()[0]["first_aimed"]
        self.assertEqual([(line["first"], line["seeds"]) for line in self.lines()[1:]], [(1, 4), (aimed, 4), (5, 4)],
                         "ordinary seeds and aimed ones take turns")
        summary = self.run_it("--summary")
        self.assertEqual(summary.stdout, third.stdout.partition("\n")[2], "the summary alone says the same")

    def test_results_of_several_programs_are_summed_up(self):
        newer = self.directory / "newer.jsonl"
        self.slice()
        self.slice()
        newer.write_text(self.results.read_text())
        program, line, _ = self.lines()
        self.write({**program, "sha256": "of older code", "steps": program["steps"][:1]}, line)
        both = self.run_it(newer, "--summary")
        self.assertIn("12 seeds (4 aimed) in", both.stdout)
        self.assertIn("program of older cod, ", both.stdout)
        within_reach = len(program["steps"]) * len(program["faults"]) - len(program["out_of_reach"])
        self.assertIn(f"of {within_reach} pairs within reach", both.stdout, "as the last file's program says")
        refused = self.run_it(newer, "--minutes", "0")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("one file", refused.stderr)

    def test_joined_slices_say_the_same_and_are_gone_on_with(self):
        for _ in range(4):
            self.slice()
        whole = self.run_it("--summary").stdout
        self.assertEqual(self.run_it("--summary", "--compact").stdout, whole)
        self.assertEqual([line["seeds"] for line in self.lines()[1:]], [8, 8])
        self.assertEqual(self.run_it("--summary").stdout, whole)
        self.slice()
        self.assertEqual(self.lines()[-1]["first"], 9)

    def test_what_a_kill_left_unfinished_is_done_again(self):
        self.slice()
        whole = self.results.read_text()
        self.slice()
        self.results.write_text(self.results.read_text()[:-10])
        self.slice()
        lines = self.lines()
        self.assertEqual([line["first"] for line in lines[1:]], [1, lines[0]["first_aimed"]])
        self.assertTrue(self.results.read_text().startswith(whole))

    def test_other_code_is_another_campaign(self):
        self.slice()
        program, *slices = self.lines()
        self.write({**program, "sha256": "of other code"}, *slices)
        refused = self.slice()
        self.assertEqual(refused.returncode, 2)
        self.assertIn("another program", refused.stderr)
        self.assertEqual(len(self.lines()), 2)

    def test_a_pair_that_never_occurred_fails_it(self):
        program, line = self.with_every_pair(1000)
        self.write(program, line)
        complete = self.run_it("--summary")
        self.assertEqual(complete.returncode, 0, complete.stdout)
        self.assertIn("0 never occurred, 0 less than 1,000 times", complete.stdout)
        line["strikes"].remove(["accepted", "crash", 1000])
        self.write(program, line)
        lacking = self.run_it("--summary")
        self.assertEqual(lacking.returncode, 1)
        self.assertIn("never occurred: accepted x crash\n", lacking.stdout)

    def test_the_readme_names_what_is_out_of_reach(self):
        self.slice()
        readme = (CAMPAIGN.parent / "README.md").read_text()
        for pair in self.lines()[0]["out_of_reach"]:
            self.assertIn(f"`{pair['step']}` x `{pair['fault']}`", readme)

    def test_a_rare_pair_fails_a_complete_campaign(self):
        program, line = self.with_every_pair(999)
        self.write(program, line)
        incomplete = self.run_it("--summary")
        self.assertEqual(incomplete.returncode, 0, incomplete.stdout)
        self.assertIn("999*", incomplete.stdout)
        self.assertIn("not complete", incomplete.stdout)
        complete = self.run_it("--summary", "--complete", "4")
        self.assertEqual(complete.returncode, 1)
        self.assertNotIn("not complete", complete.stdout)

    def test_an_aimed_seed_is_replayed_and_struck_at_its_step(self):
        # The first aimed seed is about a crash while a node forms.
        self.slice()
        command = [SIMULATION, "--json", "--seed", str(self.lines()[0]["first_aimed"])]
        told = [subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300).stdout for _ in range(2)]
        self.assertEqual(told[0], told[1])
        self.assertGreaterEqual(json.loads(told[0])["strikes"]["forming"]["crash"], 1)

    def test_a_seed_that_fails_is_noted_and_does_not_stop_it(self):
        broken = self.directory / "broken"
        broken.write_text(f"#!/bin/sh\nexec '{MUTANTS}' safe_at_uniform \"$@\"\n")
        broken.chmod(0o755)
        done = self.slice(seeds=4, program=broken)
        self.assertEqual(done.returncode, 1)
        line = self.lines()[1]
        self.assertEqual(line["seeds"], 4)
        self.assertTrue(line["failures"], done.stdout)
        for failure in line["failures"]:
            self.assertTrue(failure["property"])
            self.assertIn(f"replay: tests/simulation/run --seed {failure['seed']}", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
