# SPDX-License-Identifier: Apache-2.0
"""cmake/Torch.cmake finds libtorch where it is now, not where it once was."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "torch-" + re.search(
    r"^torch==([\d.]+)",
    (ROOT / "tools/torch-requirements.txt").read_text(), re.M)[1]
PROJECT = f"""
cmake_minimum_required(VERSION 3.25)
project(finds_torch LANGUAGES NONE)
set(LORA_TORCH_DIR "" CACHE PATH "")
include({ROOT}/cmake/Torch.cmake)
get_target_property(found lora_torch_c10 IMPORTED_LOCATION)
message(STATUS "found ${{found}}")
"""


class Project:
    """A build folder that is configured again and again."""

    def __init__(self, path):
        self.path = path
        (path / "CMakeLists.txt").write_text(PROJECT)

    def libtorch(self, name):
        """A folder that looks like libtorch."""
        folder = self.path / name
        (folder / "torch/lib").mkdir(parents=True)
        (folder / "torch/lib/libtorch_cpu.so").write_text("")
        return folder

    def configure(self, *arguments, **env):
        env = dict({"PATH": os.environ["PATH"],
                    "HOME": str(self.path / "home")}, **env)
        run = subprocess.run(
            ["cmake", "-G", "Ninja", "-S", self.path, "-B", self.path / "build",
             *arguments], env=env, capture_output=True, text=True, check=False)
        found = [line.split()[-1] for line in run.stdout.splitlines()
                 if line.startswith("-- found ")]
        return found[0] if found else " ".join(run.stderr.split())


@pytest.fixture(name="project")
def make_project(tmp_path):
    return Project(tmp_path)


def test_what_setup_unpacked_is_found_in_the_cache_folder(project):
    home = project.libtorch(f"home/.cache/lora-server/{NAME}")
    assert project.configure() == f"{home}/torch/lib/libc10.so"
    other = project.libtorch(f"cache/lora-server/{NAME}")
    assert project.configure(XDG_CACHE_HOME=str(project.path / "cache")) \
        == f"{other}/torch/lib/libc10.so"
    assert project.configure() == f"{home}/torch/lib/libc10.so"


def test_the_environment_wins_while_it_is_set(project):
    home = project.libtorch(f"home/.cache/lora-server/{NAME}")
    mine = project.libtorch("mine")
    assert project.configure(LORA_TORCH_DIR=str(mine)) \
        == f"{mine}/torch/lib/libc10.so"
    assert project.configure() == f"{home}/torch/lib/libc10.so"


def test_the_cache_variable_wins_over_all(project):
    mine, other = project.libtorch("mine"), project.libtorch("other")
    assert project.configure(f"-DLORA_TORCH_DIR={mine}",
                             LORA_TORCH_DIR=str(other)) \
        == f"{mine}/torch/lib/libc10.so"


def test_a_folder_without_libtorch_is_named(project):
    found = project.configure(LORA_TORCH_DIR="/no/such/folder")
    assert "No libtorch in /no/such/folder: run tools/setup" in found
