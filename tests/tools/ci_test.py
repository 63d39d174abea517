# SPDX-License-Identifier: Apache-2.0
""".ci/run, with stand-ins for set-up, build and tests."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSED = " 1/1 Test #1: a_test .....   Passed    2.50 sec"
FINDINGS = {
    "failed": " 1/2 Test #1: a_test .....***Failed    0.51 sec",
    "timeout": " 1/2 Test #1: a_test .....***Timeout  900.01 sec",
    "crashed": " 1/2 Test #1: a_test .....***Exception: SegFault  0.10 sec",
    "not built": " 1/2 Test #1: a_test .....***Not Run   0.00 sec",
    "race": "WARNING: ThreadSanitizer: data race (pid=1)",
    "leak": "==1==ERROR: LeakSanitizer: detected memory leaks",
    "overflow": "server/a.cc:1:2: runtime error: signed integer overflow",
}


class Tree:
    """A tree that holds .ci/run and programs that say what they are told."""

    def __init__(self, path):
        self.path = path
        for folder in (".ci", "tools", "bin"):
            (path / folder).mkdir()
        shutil.copy(ROOT / ".ci/run", path / ".ci/run")
        for name in ("tools/setup", "tools/check_threads", "bin/cmake",
                     "bin/make"):
            self.program(name, "exit 0")
        self.program("bin/setarch", 'shift 2; exec "$@"')
        self.program("bin/ctest", f"echo '{PASSED}'")
        # Nothing takes time here: what is told to is cut off.
        self.program("bin/timeout", 'shift 3; "$@"')

    def program(self, name, body):
        (self.path / name).write_text(f"#!/bin/bash\n{body}\n")
        (self.path / name).chmod(0o755)

    def run(self, **env):
        """The exit code, and {stage: result} of the summary."""
        inherited = {name: value for name, value in os.environ.items()
                     if not name.startswith("LORA_")}
        inherited["PATH"] = f"{self.path}/bin:{inherited['PATH']}"
        result = subprocess.run(
            [self.path / ".ci/run"], env=inherited | env, capture_output=True,
            text=True, check=False, timeout=60)
        self.out = result.stdout
        summary = result.stdout.rpartition("\nstage")[2]
        return result.returncode, dict(
            re.findall(r"^([a-z-]+) +\d+  (.*)$", summary, re.M))


@pytest.fixture(name="tree")
def make_tree(tmp_path):
    return Tree(tmp_path)


def test_all_stages_pass(tree):
    code, stages = tree.run()
    assert code == 0, tree.out
    assert stages == dict.fromkeys(
        ("setup", "test", "check", "threads", "tsan-build", "tsan",
         "asan-build", "asan"), "passed")


def test_sanitizers_can_be_left_out(tree):
    code, stages = tree.run(LORA_CI_SANITIZERS="0")
    assert code == 0
    assert stages["tsan-build"] == stages["asan"] == "skipped"


def test_a_failed_stage_fails_the_run_and_skips_only_the_sanitizers(tree):
    tree.program("bin/make", '[[ $* != *test* ]]')
    code, stages = tree.run()
    assert code == 1
    assert (stages["test"], stages["check"]) == ("FAILED", "passed")
    assert stages["tsan"] == "skipped"


def test_what_runs_out_of_time_is_cut_off_without_failing(tree):
    tree.program("bin/ctest", f"echo '{PASSED}'; exit 124")
    code, stages = tree.run()
    assert code == 0
    assert stages["tsan"] == stages["asan"] == "cut off: out of time"


def test_with_no_time_left_nothing_is_started(tree):
    code, stages = tree.run(LORA_CI_MINUTES="0")
    assert code == 0
    assert stages["asan-build"] == "cut off: out of time"
    assert stages["asan"] == "skipped"


@pytest.mark.parametrize("finding", FINDINGS.values(), ids=FINDINGS.keys())
def test_a_finding_before_the_time_is_over_is_a_failure(tree, finding):
    tree.program("bin/ctest", f"echo '{PASSED}'; echo '{finding}'; exit 124")
    code, stages = tree.run()
    assert code == 1
    assert stages["tsan"] == "FAILED"


@pytest.mark.parametrize("status,result", [
    (1, "FAILED"), (124, "cut off: out of time")])
def test_without_a_build_no_test_runs(tree, status, result):
    tree.program("bin/cmake", f'[[ $* != *build*san* ]] || exit {status}')
    code, stages = tree.run()
    assert code == (result == "FAILED")
    assert (stages["tsan-build"], stages["tsan"]) == (result, "skipped")


def test_the_slowest_tests_come_first(tree):
    tree.program("bin/make", "echo ' 7/90 Test  #7: Slow.Test/1 ......   "
                 "Passed   31.11 sec'")
    tree.run()
    tail = tree.out.rpartition("The slowest tests")[2].splitlines()[1:]
    assert tail == ["31.11 test Slow.Test/1", "2.50 tsan a_test",
                    "2.50 asan a_test"]
