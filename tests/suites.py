#!/usr/bin/python3
"""Builds vsync and runs its test suites; tests/run calls it once the packages are there.

Two builds: `build/release` by GCC, optimised, for the simulation's bulk and for what measures time; `build/sanitize` with
AddressSanitizer and UBSan for everything, by clang, which compiles such a build in three quarters of GCC's time and brings libFuzzer.
Of a third, `build/threads`, only what has threads and no ZeroMQ is compiled, by clang with ThreadSanitizer (tests/threads).
Warnings are errors in all.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG_LINES_SHOWN = 150
REASON_LENGTH_MAX = 400
TOGETHER = ["-Dunity=on", "-Dunity_size=10"]  # files of one program, in pieces: their headers are read once for all, in half of the time
BUILD_OPTIONS = {
    "release": ["--buildtype=release", "-Dwerror=true", *TOGETHER],
    "sanitize": [
        # -O1 with line tables: half the compile time of -O2 with full debug information, and reports that name file and line.
        "--buildtype=plain", "-Doptimization=1", "-Dwerror=true", *TOGETHER, "-Db_sanitize=address,undefined", "-Db_lundef=false",
        "-Dcpp_args=-g1 -fno-sanitize-recover=all -fno-omit-frame-pointer",
    ],
    "threads": [
        "--buildtype=plain", "-Doptimization=1", "-Dwerror=true", *TOGETHER, "-Db_sanitize=thread", "-Db_lundef=false",
        "-Dcpp_args=-g1 -fno-omit-frame-pointer",
    ],
}
OBSERVER = "bindings/cli/vsync"  # of the release build, watches daemons of the other
COMPILERS = {"sanitize": "clang++", "threads": "clang++"}
ENVIRONMENTS = {
    "sanitize": {
        "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "VSYNC_SANITIZED": "1",
    },
    "threads": {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"},
}
TIMES_AS_LONG = {"sanitize": "3"}


@dataclass
class Run:
    """One call of `meson test`."""
    build: str
    suite: str
    environment: dict = field(default_factory=dict)


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: list = field(default_factory=list)  # of what failed, a line each

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.reasons += other.reasons

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def planned_runs(quick):
    bulk = os.environ.get("VSYNC_SIMULATION_SEEDS", "200" if quick else "2000")
    runs = [Run("release", "simulation", environment={"VSYNC_SIMULATION_SEEDS": bulk})]
    if quick:
        return [Run("release", "unit"), Run("release", "scenario")] + runs
    return [
        Run("sanitize", "unit"),
        Run("sanitize", "scenario"),
        Run("sanitize", "fuzz"),
        Run("threads", "threads"),
        Run("sanitize", "simulation", environment={"VSYNC_SIMULATION_SEEDS": str(max(20, int(bulk) // 20))}),
        *runs,
        Run("release", "model"),
        # Asking daemons how they are takes a sanitized command seven times as long, and the daemons need the time.
        Run("sanitize", "integration", environment={"VSYNC_OBSERVER": str(ROOT / "build/release" / OBSERVER)}),
        Run("release", "timing"),
    ]


def say(text):
    print(text, flush=True)


def build(name, suites, programs):
    """Configures one build and compiles these programs and what these suites need of it; on failure shows its log."""
    directory = ROOT / "build" / name
    directory.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    if not (directory / "build.ninja").exists():
        configure = ["meson", "setup", str(directory), str(ROOT), *BUILD_OPTIONS[name]]
        compiler = {"CXX": COMPILERS[name]} if name in COMPILERS else {}
        if not logged(configure, directory / "configure.log", {**os.environ, **compiler}):
            return False
    targets = sorted(files_of(name, suites) | programs)
    if targets and not logged(["ninja", "-C", str(directory), f"-j{os.cpu_count() or 2}", *targets], directory / "compile.log"):
        return False
    say(f"built build/{name} in {time.monotonic() - started:.0f} s")
    return True


def why_not(name):
    """Why nothing of a build can run on this machine; None if it can."""
    if name != "threads":
        return None
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "program"
        source = b"int main() { return 0; }"
        compile_it = [COMPILERS[name], "-fsanitize=thread", "-x", "c++", "-", "-o", str(program)]
        try:
            if subprocess.run(compile_it, input=source, capture_output=True).returncode != 0:
                return f"{COMPILERS[name]} has no ThreadSanitizer here (Debian: libclang-rt-14-dev)"
            # Some kernels lay out memory at random in more bits than the sanitizer can follow, and so it runs now and then.
            if any(subprocess.run([str(program)], stdin=subprocess.DEVNULL, capture_output=True).returncode != 0 for _ in range(8)):
                return "ThreadSanitizer doesn't run on this kernel (vm.mmap_rnd_bits above 28?)"
        except FileNotFoundError:
            return f"there is no {COMPILERS[name]}"
    return None


def logged(command, log, environment=None):
    with open(log, "wb") as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment)
    if done.returncode != 0:
        say(f"FAILED: {' '.join(command)}")
        say(last_lines(log.read_text(errors="replace")))
    return done.returncode == 0


def last_lines(text):
    lines = text.splitlines()
    left_out = [f"... {len(lines) - LOG_LINES_SHOWN} lines left out ..."] if len(lines) > LOG_LINES_SHOWN else []
    return "\n".join(left_out + lines[-LOG_LINES_SHOWN:])


def introspected(build_name, what):
    told = subprocess.run(["meson", "introspect", f"--{what}", str(ROOT / "build" / build_name)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return json.loads(told.stdout)


def registered_tests(build_name):
    return introspected(build_name, "tests")


def suites_of(test):
    return {suite.split(":")[-1] for suite in test["suite"]}


def files_of(build_name, suites):
    """What is built for the tests of these suites: what they are started with, and what they depend on."""
    directory = f"{ROOT / 'build' / build_name}/"
    built = {target["id"]: target["filename"] for target in introspected(build_name, "targets")}
    used = set()
    for test in registered_tests(build_name):
        if suites & suites_of(test):
            # Meson names inputs of a test relative to the build.
            used |= {os.path.join(directory, word) for word in test["cmd"]}
            used |= {file for target in test["depends"] for file in built[target]}
    return {file.removeprefix(directory) for file in used & {file for files in built.values() for file in files}}


def run_suite(run):
    """Runs the tests of one suite and counts their cases."""
    if not any(run.suite in suites_of(test) for test in registered_tests(run.build)):
        return Counts()
    directory = ROOT / "build" / run.build
    logbase = f"{run.suite}-{run.build}"
    command = ["meson", "test", "-C", str(directory), "--no-rebuild", "--suite", run.suite, "--logbase", logbase,
               "--num-processes", str(os.cpu_count() or 2), "--timeout-multiplier", TIMES_AS_LONG.get(run.build, "1")]
    environment = {**os.environ, "MALLOC_PERTURB_": "0", **run.environment, **ENVIRONMENTS.get(run.build, {})}
    started = time.monotonic()
    # Each GoogleTest program leaves its own results in the build directory, where Meson would find those of a former run if it aborts.
    for old in [*(directory / "meson-logs").glob(f"{logbase}*"), *directory.glob("*.xml")]:
        old.unlink()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    counts = read_results(directory / "meson-logs" / logbase)
    say(f"{run.suite:12} {run.build:9} {counts}  ({time.monotonic() - started:.0f} s)")
    return counts


def read_results(logbase):
    counts = Counts()
    log = Path(f"{logbase}.json")
    results = [json.loads(line) for line in log.read_text(errors="replace").splitlines() if line] if log.exists() else []
    if not results:
        say(f"FAILED: no results in {log}")
        return Counts(failed=1)
    cases = gtest_cases(Path(f"{logbase}.junit.xml"))
    for result in results:
        of_test = count_cases(result, cases)
        counts.add(of_test)
        if of_test.failed:
            show_failure(result)
            counts.reasons += [f"{result['name']}: {reason}" for reason in reasons_of(output_of(result))]
    return counts


def gtest_cases(junit):
    """Cases of the GoogleTest programs. Meson calls their suites "project.project:suite / test.suite"."""
    cases = {}
    if not junit.exists():
        return cases
    for suite in xml.parse(junit).getroot().iter("testsuite"):
        _, found, name = suite.get("name", "").partition(" / ")
        if not found:
            continue
        counts = cases.setdefault(name.split(".")[0], Counts())
        for case in suite.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                counts.failed += 1
            elif case.find("skipped") is not None or case.get("status") == "notrun":
                counts.skipped += 1
            else:
                counts.passed += 1
    return cases


def count_cases(result, gtest):
    """How many cases one registered test stands for: GoogleTest's, unittest's, or what its own last line says."""
    good = result["result"] in ("OK", "EXPECTEDFAIL")
    if result["result"] == "SKIP":
        return Counts(skipped=1)
    output = output_of(result)
    counts = gtest.get(result["name"].split(" / ")[-1].split(".")[0]) or unittest_cases(output) or own_count(output)
    counts = counts or Counts(passed=1 if good else 0)
    if not good and counts.failed == 0:
        counts.failed = 1  # it ended by a signal, a sanitizer's report or a timeout
    return counts


def unittest_cases(output):
    ran = re.search(r"^Ran (\d+) tests? in ", output, re.MULTILINE)
    if not ran:
        return None
    verdict = re.findall(r"^(?:OK|FAILED)(?: \((.*)\))?$", output, re.MULTILINE)
    numbers = dict(re.findall(r"([a-z ]+)=(\d+)", verdict[-1])) if verdict else {}
    numbers = {key.strip(): int(value) for key, value in numbers.items()}
    failed = numbers.get("failures", 0) + numbers.get("errors", 0) + numbers.get("unexpected successes", 0)
    skipped = numbers.get("skipped", 0)
    return Counts(max(0, int(ran.group(1)) - failed - skipped), failed, skipped)


def reasons_of(output):
    """What failed, a line each: unittest's with their exceptions, GoogleTest's by name, and of anything else the last line."""
    reasons = []
    for name, body in re.findall(r"^(?:FAIL|ERROR): (\S+).*?\n(.*?)^(?:={70}$|-{70}\nRan )", output, re.MULTILINE | re.DOTALL):
        raised = re.findall(r"^[\w.]*(?:Error|Exception|Expired)\b.*", body, re.MULTILINE)
        reasons.append(f"{name}: {raised[-1] if raised else 'see above'}")
    reasons += dict.fromkeys(re.findall(r"^\[  FAILED  \] ([\w/]+\.[\w/]+)", output, re.MULTILINE))
    lines = [line for line in output.splitlines() if line.strip()]
    return [reason[:REASON_LENGTH_MAX] for reason in reasons or lines[-1:] or ["it said nothing"]]


def own_count(output):
    own = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", output, re.MULTILINE)
    return Counts(*(int(number or 0) for number in own[-1])) if own else None


def output_of(result):
    return result.get("stdout", "") + "\n" + result.get("stderr", "")


def show_failure(result):
    say(f"---- {result['name']}: {result['result']} after {result.get('duration', 0):.1f} s")
    say(last_lines(output_of(result)))
    say(f"---- end of {result['name']}")


def main():
    parser = argparse.ArgumentParser(prog="tests/run", description="Builds vsync and runs its test suites.")
    parser.add_argument("--suite", action="append", default=[], metavar="NAME",
                        help="only this suite: unit, scenario, fuzz, threads, simulation, model, integration, timing; may be repeated")
    parser.add_argument("--quick", action="store_true", help="release build only: unit, scenario, a tenth of the simulation")
    options = parser.parse_args()
    runs = [run for run in planned_runs(options.quick) if not options.suite or run.suite in options.suite]
    if not runs:
        parser.error(f"nothing to run for --suite {' '.join(options.suite)}")

    total = Counts()
    for name in BUILD_OPTIONS:
        reason = why_not(name) if any(run.build == name for run in runs) else None
        if reason:
            for run in (run for run in runs if run.build == name):
                say(f"{run.suite:12} {run.build:9} SKIPPED: {reason}")
                total.add(Counts(skipped=1))
            runs = [run for run in runs if run.build != name]
        suites = {run.suite for run in runs if run.build == name}
        programs = {OBSERVER} if name == "release" and any("VSYNC_OBSERVER" in run.environment for run in runs) else set()
        if (suites or programs) and not build(name, suites, programs):
            say("0 passed, 1 failed")
            return 1
    for run in runs:
        total.add(run_suite(run))
    for reason in total.reasons:
        say(f"FAILED: {reason}")
    say(str(total))
    return 0 if total.failed == 0 and total.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
