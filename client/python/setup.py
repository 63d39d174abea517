# SPDX-License-Identifier: Apache-2.0
"""Generates the gRPC stubs into lora_client.v1 while the package is built.

Nothing generated is committed: the protos of this repository are the source.
google/rpc/status.proto is not among them, since the package
googleapis-common-protos brings it and Python's protobuf refuses a second copy.

Stubs refuse a runtime that is older than their generator. Whatever generator
builds the package, it depends on the runtime that the stubs themselves name.
"""

import pathlib
import re
import shutil
import sys
import tempfile

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROTOS = ROOT / "proto"


def version():
    """project(VERSION) of the root CMakeLists.txt."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"^project\(\S+ VERSION ([0-9.]+)", text, re.M)[1]


def run_protoc(out, sources):
    """Writes the stubs of `sources` below `out`, as lora/v1/*."""
    import grpc_tools
    from grpc_tools import protoc

    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    code = protoc.main(
        ["protoc", f"-I{PROTOS}", f"-I{well_known}", f"--python_out={out}",
         f"--pyi_out={out}", f"--grpc_python_out={out}", *map(str, sources)])
    if code != 0:
        raise RuntimeError(f"protoc failed with exit code {code}")
    return pathlib.Path(out) / "lora" / "v1"


def stub_requirements():
    """The runtime that stubs of the installed generator accept.

    At least what generated them, at most the next major version: that is what
    protobuf promises, and checks when a stub is imported.
    """
    with tempfile.TemporaryDirectory() as out:
        stubs = run_protoc(out, [PROTOS / "lora/v1/server_service.proto"])
        messages = (stubs / "server_service_pb2.py").read_text("utf-8")
        services = (stubs / "server_service_pb2_grpc.py").read_text("utf-8")
    protobuf = re.search(r"^# Protobuf Python Version: ([0-9.]+)$", messages,
                         re.M)[1]
    grpcio = re.search(r"^GRPC_GENERATED_VERSION = '([^']+)'$", services,
                       re.M)[1]
    beyond = int(protobuf.split(".")[0]) + 2
    return [f"grpcio>={grpcio}", f"protobuf>={protobuf},<{beyond}"]


class BuildWithStubs(build_py):
    def run(self):
        super().run()
        target = pathlib.Path(self.build_lib) / "lora_client" / "v1"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as out:
            stubs = run_protoc(out, sorted(PROTOS.glob("lora/v1/*.proto")))
            for stub in stubs.iterdir():
                # Stubs import each other from the top; here they are a
                # subpackage.
                text = stub.read_text("utf-8").replace(
                    "from lora.v1 import", "from lora_client.v1 import")
                (target / stub.name).write_text(text, "utf-8")
        (target / "__init__.py").write_text(
            '"""Generated from proto/lora/v1; see setup.py."""\n', "utf-8")


if not PROTOS.is_dir():
    sys.exit(f"setup.py: no {PROTOS}: build from a checkout of lora-server, "
             "with pip 21.3 or later")
setup(version=version(),
      install_requires=[*stub_requirements(),
                        "googleapis-common-protos>=1.60"],
      cmdclass={"build_py": BuildWithStubs})
