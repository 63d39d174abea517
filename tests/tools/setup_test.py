# SPDX-License-Identifier: Apache-2.0
"""tools/setup, with stand-ins for pip and apt-get: no network, no root."""

import os
import pathlib
import pty
import re
import shutil
import subprocess
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TORCH = re.search(r"^torch==([\d.]+)",
                  (ROOT / "tools/torch-requirements.txt").read_text(), re.M)[1]

# Stands for the interpreter: `-m venv DIR` puts it there as well, and
# `-m pip` copies the wheels that the test has laid out, or fails.
FAKE_PYTHON = r"""#!/usr/bin/env bash
set -eu
case "$1 ${2:-}" in
  "-c "*) exit 0 ;;
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip")
    echo "$3" >>"$FAKE_LOG"
    echo "$*" >>"$FAKE_LOG.arguments"
    [[ -d $FAKE_WHEELS ]] || { echo "no route to host" >&2; exit 1; }
    while (($#)); do
      [[ $1 != --dest ]] || { mkdir -p "$2"; cp "$FAKE_WHEELS"/* "$2"; }
      shift
    done ;;
esac
"""
WHEELS = {
    f"torch-{TORCH}-cp311-cp311-manylinux_2_28_x86_64.whl": [
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
        self.torch = self.cache / f"torch-{TORCH}"
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

    def only_these_programs(self, *names):
        """Leaves nothing in PATH but `names` and the stand-ins."""
        for name in names:
            if not (self.bin / name).exists():
                (self.bin / name).symlink_to(shutil.which(name))
        self.env["PATH"] = str(self.bin)

    def system(self, text):
        """An /etc/os-release with `text`."""
        (self.path / "os-release").write_text(text)
        self.env["LORA_OS_RELEASE"] = str(self.path / "os-release")

    def start(self, *arguments, stderr=subprocess.PIPE, **env):
        return subprocess.Popen(
            [ROOT / "tools/setup", *arguments], env=dict(self.env, **env),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=stderr, text=True)

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


@pytest.mark.parametrize("text,expected", [
    ('ID=fedora\nVERSION_ID=42\nPRETTY_NAME="Fedora Linux 42"\n',
     "found Fedora Linux 42, expected Debian 12+ or Ubuntu 24.04+"),
    ('ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"\n',
     "found Debian 11, expected debian 12 or later"),
    ('ID=ubuntu\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04"\n',
     "found Ubuntu 22.04, expected ubuntu 24.04 or later"),
    ("", "found this system, expected Debian 12+"),
])
def test_another_system_is_refused_with_what_was_found(sandbox, text, expected):
    sandbox.system(text)
    code, out, err = sandbox.run()
    assert (code, out) == (1, "")
    assert f"error: {expected}" in err
    assert not sandbox.calls()


@pytest.mark.parametrize("text", [
    'ID=debian\nVERSION_ID="12"\n', 'ID=debian\nVERSION_ID="13"\n',
    "ID=debian\n", 'ID=ubuntu\nVERSION_ID="24.04"\n'])
def test_systems_that_are_named_pass(sandbox, text):
    sandbox.system(text)
    code, out, err = sandbox.run("--check", "--build-only")
    assert (code, err) == (1, ""), out
    assert "missing libtorch" in out


def test_on_another_system_packages_may_be_left_alone(sandbox):
    sandbox.system("ID=fedora\n")
    sandbox.lay_out_wheels()
    assert sandbox.run("--no-packages", "--build-only")[0] == 0


def test_without_root_and_sudo_the_command_to_run_is_said(sandbox):
    sandbox.program("dpkg-query", "#!/bin/sh\n")
    sandbox.program("id", "#!/bin/sh\necho 1000\n")
    sandbox.system("ID=debian\n")
    sandbox.only_these_programs("bash", "comm", "dirname", "sed", "sort")
    code, _, err = sandbox.run("--build-only")
    assert code == 1
    assert "error: packages are missing and there is neither root nor sudo" in err
    assert "apt-get install --no-install-recommends build-essential" in err


def test_another_processor_is_refused_with_the_way_around(sandbox):
    sandbox.program("uname", "#!/bin/sh\necho aarch64\n")
    code, _, err = sandbox.run("--no-packages", "--build-only")
    assert code == 1
    assert "error: no pinned libtorch for aarch64, only for x86_64" in err
    assert f"holds libtorch {TORCH} as torch/" in err


def test_an_old_python_is_refused(sandbox):
    sandbox.program("python", "#!/bin/sh\nexit 1\n")
    code, _, err = sandbox.run("--no-packages", "--build-only")
    assert code == 1
    assert f"error: {sandbox.bin}/python: expected Python 3.11+" in err


def test_the_real_interpreter_is_new_enough(sandbox):
    # What check_python asks the interpreter, asked of the one that runs this.
    sandbox.program("python", '#!/bin/sh\n[ "$1" != -c ] || '
                    'exec /usr/bin/python3 "$@"\nexit 9\n')
    code, _, err = sandbox.run("--no-packages", "--build-only")
    assert code != 0
    assert "expected Python" not in err


def test_pip_is_quiet_unless_a_terminal_shows_its_progress(sandbox):
    sandbox.lay_out_wheels()
    arguments = sandbox.path / "log.arguments"
    assert sandbox.run("--no-packages")[0] == 0
    assert "pip install -q " in arguments.read_text()
    arguments.unlink()
    shutil.rmtree(sandbox.cache / "venv")
    leader, terminal = pty.openpty()
    try:
        process = sandbox.start("--no-packages", stderr=terminal)
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        os.close(leader)
        os.close(terminal)
    assert "pip install --disable" in arguments.read_text()
