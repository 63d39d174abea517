# SPDX-License-Identifier: Apache-2.0
"""tools/check_layers finds each kind of forbidden include."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = """
base:
kernels: base torch
engine: base kernels torch
rpc: base server/engine/engine.h grpc proto
"""


def check(tmp_path, files):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/layers.txt").write_text(LAYERS)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run = subprocess.run(
        [ROOT / "tools/check_layers", "--root", tmp_path],
        capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


def test_an_include_of_a_lower_layer_passes(tmp_path):
    assert check(tmp_path, {
        "server/base/ids.h": "",
        "server/kernels/gemm.cc":
            '#include "server/base/ids.h"\n#include <ATen/Tensor.h>\n',
    }) == (0, "")


def test_an_include_of_a_higher_layer_fails(tmp_path):
    code, out = check(tmp_path, {
        "server/base/ids.h": '#include "server/kernels/gemm.h"\n',
        "server/kernels/gemm.h": "",
    })
    assert code == 1
    assert "server/base/ids.h:1: base may not include kernels" in out


def test_an_external_library_needs_a_mention(tmp_path):
    code, out = check(tmp_path, {
        "server/base/ids.cc": "#include <string>\n#include <grpcpp/grpcpp.h>\n",
    })
    assert code == 1
    assert "server/base/ids.cc:2: base may not include grpc" in out


def test_only_the_named_header_of_a_layer_may_be_included(tmp_path):
    code, out = check(tmp_path, {
        "server/engine/engine.h": "",
        "server/engine/step.h": "",
        "server/rpc/a.cc": '#include "server/engine/engine.h"\n',
        "server/rpc/b.cc": '#include "server/engine/step.h"\n',
    })
    assert code == 1
    assert out.splitlines() == [
        "server/rpc/b.cc:1: rpc may not include engine (server/engine/step.h)"]


def test_torch_behind_an_allowed_header_is_seen(tmp_path):
    code, out = check(tmp_path, {
        "server/engine/engine.h": '#include "server/kernels/gemm.h"\n',
        "server/kernels/gemm.h": "#include <ATen/Tensor.h>\n",
        "server/rpc/a.cc": '#include "server/engine/engine.h"\n',
    })
    assert code == 1
    assert ("server/rpc/a.cc: rpc may not see torch, but does: "
            "server/engine/engine.h -> server/kernels/gemm.h -> ATen/Tensor.h"
            ) in out


def test_a_folder_without_a_line_fails(tmp_path):
    code, out = check(tmp_path, {"server/extra/a.cc": ""})
    assert code == 1
    assert "folder extra is not in tools/layers.txt" in out


def test_a_header_that_does_not_exist_fails(tmp_path):
    code, out = check(tmp_path, {
        "server/base/a.cc": '#include "server/base/gone.h"\n'})
    assert code == 1
    assert "server/base/a.cc:1: there is no server/base/gone.h" in out


def test_a_path_relative_to_the_file_fails(tmp_path):
    code, out = check(tmp_path, {
        "server/base/a.h": "",
        "server/base/a.cc": '#include "a.h"\n',
    })
    assert code == 1
    assert "server/base/a.cc:1: write the path from the root, not a.h" in out


def test_an_empty_tree_fails(tmp_path):
    code, out = check(tmp_path, {})
    assert code == 1
    assert "no sources" in out
