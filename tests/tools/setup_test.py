# SPDX-License-Identifier: Apache-2.0
"""tools/setup, with stand-ins for pip and apt-get: no network, no root."""

import os
import pathlib
import subprocess
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Stands for the interpreter: `-m venv DIR` puts it there as well, and
# `-m pip` copies the wheels that the test has laid out, or fails.
FAKE_PYTHON = r"""#!/usr/bin/env bash
set -eu
case "$1 ${2:-}" in
  "-c "*) exit 0 ;;
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip")
    echo "$3" >>"$FAKE_LOG"
    [[ -d $FAKE_WHEELS ]] || { echo "no route to host" >&2; exit 1; }
    while (($#)); do
      [[ $1 != --dest ]] || { mkdir -p "$2"; cp "$FAKE_WHEELS"/* "$2"; }
      shift
    done ;;
esac
"""
WHEELS = {
    "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl": [
        "torch/lib/libc10.so", "torch/lib/libtorch_cpu.so",
        "torch/lib/libgomp.so.1", "torch/lib/libtorch_python.so",
        "torch/include/ATen/core/Tensor.h", "torch/include/c10/a.h",
        "torch/include/caffe2/a.h", "torch/include/torch/a.h",
        "torch/include/google/protobuf/a.h"],
    "nvidia_cuda_runtime-13.0.96-py3-none-any.whl": [
        "nvidia/cu13/lib/libcudart.so.13", "nvidia/cu13/include/a.h"],
    "nvidia_cuda_cupti-13.0.85-py3-none-any.whl": [
        "nvidia/cu13/lib/libcupti.so.13"],
}
UNPACKED = {
    ".pins", "nvidia/cu13/lib/libcudart.so.13",
    "nvidia/cu13/lib/libcupti.so.13", "torch/lib/libc10.so",
    "torch/lib/libtorch_cpu.so", "torch/lib/libgomp.so.1",
    "torch/include/ATen/core/Tensor.h", "torch/include/c10/a.h",
    "torch/include/caffe2/a.h", "torch/include/torch/a.h",
}


class Sandbox:
    """A cache folder of its own, and programs that stand for the real ones."""

    def __init__(self, path):
        self.path = path
        self.bin = path / "bin"
        self.bin.mkdir()
        self.cache = path / "cache/lora-server"
        self.torch = self.cache / "torch-2.11.0"
        self.program("python", FAKE_PYTHON)
        self.env = dict(
            os.environ, PATH=f"{self.bin}:{os.environ['PATH']}",
            XDG_CACHE_HOME=str(path / "cache"), PYTHON=str(self.bin / "python"),
            FAKE_LOG=str(path / "log"), FAKE_WHEELS=str(path / "wheels"))
        self.env.pop("LORA_TORCH_DIR", None)

    def program(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def lay_out_wheels(self):
        (self.path / "wheels").mkdir()
        for wheel, members in WHEELS.items():
            with zipfile.ZipFile(self.path / "wheels" / wheel, "w") as archive:
                for member in members:
                    archive.writestr(member, "x")

    def start(self, *arguments, **env):
        return subprocess.Popen(
            [ROOT / "tools/setup", *arguments], env=dict(self.env, **env),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, **env):
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def calls(self):
        log = self.path / "log"
        return log.read_text().split("\n")[:-1] if log.exists() else []


@pytest.fixture(name="sandbox")
def make_sandbox(tmp_path):
    return Sandbox(tmp_path)


def files_below(folder):
    return {p.relative_to(folder).as_posix()
            for p in folder.rglob("*") if p.is_file()}


def test_help_is_printed(sandbox):
    code, out, err = sandbox.run("--help")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: tools/setup")


def test_an_unknown_option_is_a_usage_error(sandbox):
    code, _, err = sandbox.run("--frobnicate")
    assert code == 2
    assert "unknown option --frobnicate" in err


def test_check_names_what_is_missing_and_installs_nothing(sandbox):
    sandbox.lay_out_wheels()
    code, out, _ = sandbox.run("--check", "--no-packages")
    assert code == 1
    assert f"missing libtorch: {sandbox.torch}" in out
    assert "missing or outdated Python environment" in out
    assert not sandbox.cache.exists()


def test_only_the_parts_that_are_used_are_unpacked(sandbox):
    sandbox.lay_out_wheels()
    code, _, err = sandbox.run("--no-packages", "--build-only")
    assert code == 0, err
    assert files_below(sandbox.torch) == UNPACKED


def test_a_second_run_is_silent_and_downloads_nothing(sandbox):
    sandbox.lay_out_wheels()
    assert sandbox.run("--no-packages")[0] == 0
    assert sandbox.calls() == ["download", "install"]
    assert sandbox.run("--no-packages") == (0, "", "")
    assert sandbox.calls() == ["download", "install"]
    assert sandbox.run("--no-packages", "--check")[0] == 0


def test_other_pins_are_downloaded_again(sandbox):
    sandbox.lay_out_wheels()
    sandbox.run("--no-packages", "--build-only")
    (sandbox.torch / ".pins").write_text("of another version")
    (sandbox.torch / "stale").write_text("")
    assert sandbox.run("--no-packages", "--build-only")[0] == 0
    assert sandbox.calls() == ["download", "download"]
    assert files_below(sandbox.torch) == UNPACKED


def test_the_development_environment_is_made_when_asked_for(sandbox):
    sandbox.lay_out_wheels()
    assert sandbox.run("--no-packages")[0] == 0
    assert not (sandbox.cache / "dev-venv").exists()
    code, out, _ = sandbox.run("--no-packages", "--check", "--dev")
    assert code == 1
    assert f"environment: {sandbox.cache}/dev-venv" in out
    assert sandbox.run("--no-packages", "--dev")[0] == 0
    assert (sandbox.cache / "dev-venv/bin/python").exists()
    before = sandbox.calls()
    assert sandbox.run("--no-packages", "--dev") == (0, "", "")
    assert sandbox.calls() == before


def test_an_unreachable_index_is_named_and_leaves_nothing(sandbox):
    code, _, err = sandbox.run("--no-packages", "--build-only")
    assert code == 1
    assert "no route to host" in err
    assert "error: could not download libtorch" in err
    assert files_below(sandbox.cache) == {"setup.lock"}


def test_what_a_killed_run_left_is_removed(sandbox):
    sandbox.lay_out_wheels()
    (sandbox.cache / "tmp.killed").mkdir(parents=True)
    assert sandbox.run("--no-packages", "--build-only")[0] == 0
    assert not (sandbox.cache / "tmp.killed").exists()


def test_parallel_runs_download_once(sandbox):
    sandbox.lay_out_wheels()
    runs = [sandbox.start("--no-packages", "--build-only") for _ in range(4)]
    errors = [run.communicate(timeout=60)[1] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4, errors
    assert sandbox.calls() == ["download"]


def test_a_folder_given_by_the_user_is_used(sandbox, tmp_path):
    mine = tmp_path / "mine"
    for folder in ("torch/lib", "torch/include/ATen"):
        (mine / folder).mkdir(parents=True)
    (mine / "torch/lib/libtorch_cpu.so").write_text("")
    result = sandbox.run("--no-packages", "--build-only",
                         LORA_TORCH_DIR=str(mine))
    assert result == (0, "", "")
    assert not sandbox.calls()


def test_a_wrong_folder_given_by_the_user_is_refused(sandbox, tmp_path):
    code, _, err = sandbox.run("--no-packages", "--build-only",
                               LORA_TORCH_DIR=str(tmp_path / "gone"))
    assert code == 1
    assert f"LORA_TORCH_DIR is {tmp_path}/gone, which has no" in err


def test_missing_packages_are_installed_and_present_ones_are_not(sandbox):
    sandbox.lay_out_wheels()
    sandbox.program("dpkg-query", "#!/bin/sh\n"
                    "echo installed cmake; echo config-files ccache\n")
    sandbox.program("sudo", '#!/bin/sh\nexec "$@"\n')
    sandbox.program("apt-get", '#!/bin/sh\necho "apt-get $*" >>"$FAKE_LOG"\n')
    code, _, err = sandbox.run("--build-only")
    assert code == 0, err
    update, install = sandbox.calls()[:2]
    assert update.endswith(" update")
    assert " ccache " in install and " ninja-build " in install
    assert " cmake " not in install and "libgtest-dev" not in install


def test_a_failing_package_manager_is_named(sandbox):
    sandbox.program("dpkg-query", "#!/bin/sh\n")
    sandbox.program("sudo", '#!/bin/sh\nexec "$@"\n')
    sandbox.program("apt-get", "#!/bin/sh\nexit 100\n")
    code, _, err = sandbox.run("--build-only")
    assert code == 1
    assert "error: apt-get could not install: build-essential" in err
