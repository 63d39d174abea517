# SPDX-License-Identifier: Apache-2.0
"""tools/check_sources finds each thing it promises to find."""

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
GUARD = "#ifndef LORA_SERVER_BASE_A_H_\n"


def check(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run = subprocess.run(
        [ROOT / "tools/check_sources", "--root", root],
        capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


def test_clean_files_pass(tmp_path):
    assert check(tmp_path, {
        "server/base/a.h": SPDX + GUARD,
        "server/base/a.cc": SPDX + "int a;\n" * 499,
        "tools/a.py": "#!/usr/bin/env python3\n#" + SPDX[2:],
    }) == (0, "")


@pytest.mark.parametrize("name,text,expected", [
    ("server/base/a.cc", "int a;\n", "a.cc:1: expected 'SPDX"),
    ("server/base/CMakeLists.txt", "\n", "CMakeLists.txt:1: expected 'SPDX"),
    ("server/base/a.h", SPDX + "#ifndef A_H\n",
     "include guard is A_H, expected LORA_SERVER_BASE_A_H_"),
    ("server/base/a.h", SPDX, "include guard is missing"),
    ("server/base/a.h", SPDX + GUARD + "int a;\n" * 249,
     "251 lines, expected at most 250"),
    ("server/base/a.cc", SPDX + "int a;\n" * 500,
     "501 lines, expected at most 500"),
    ("server/base/a.cc", SPDX + "// TO" + "DO: later\n", "a.cc:2: TO" + "DO"),
    ("server/base/a.cc", SPDX + "int a; \n", "a.cc:2: trailing whitespace"),
    ("server/base/a.cc", SPDX + "#include <torch/" + "torch.h>\n",
     "a.cc:2: #include <torch/" + "torch.h>"),
    ("server/base/a.cc", SPDX + "#include <spd" + "log/spdlog.h>\n",
     "a.cc:2: #include <spd" + "log/"),
    ("tests/unit/a_test.cc", SPDX + "TEST(A, DIS" + "ABLED_B) {}\n",
     "a_test.cc:2: DIS" + "ABLED_B"),
    ("tests/unit/a_test.cc", SPDX + "  absl::Sleep" + "For(d);\n",
     "a_test.cc:2: Sleep" + "For("),
])
def test_a_violation_is_named(tmp_path, name, text, expected):
    code, out = check(tmp_path, {name: text})
    assert code == 1
    assert expected in out
    assert len(out.splitlines()) == 1


def test_generated_stubs_are_not_sources(tmp_path):
    code, out = check(tmp_path, {
        "server/base/a.cc": SPDX,
        "client/python/a_pb2.py": "generated\n",
        "client/python/a_pb2_grpc.py": "generated\n",
    })
    assert (code, out) == (0, "")


def test_an_empty_tree_fails(tmp_path):
    code, out = check(tmp_path, {})
    assert code == 1
    assert "no sources" in out
