# SPDX-License-Identifier: Apache-2.0
"""tools/runtime_packages names the packages of the libraries a program needs."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*arguments):
    return subprocess.run([ROOT / "tools/runtime_packages", *arguments],
                          capture_output=True, text=True, check=False)


def test_libraries_are_named_by_their_packages():
    result = run("/bin/sh", "/usr/bin/ninja")
    assert result.returncode == 0, result.stderr
    packages = result.stdout.split()
    assert packages == sorted(set(packages))
    assert {"libc6", "libstdc++6"} <= set(packages)


def test_a_file_that_is_no_program_fails(tmp_path):
    (tmp_path / "data").write_text("no program")
    assert run(tmp_path / "data").returncode != 0


def test_no_program_is_a_usage_error():
    result = run()
    assert result.returncode == 2
    assert "usage" in result.stderr
