# SPDX-License-Identifier: Apache-2.0
"""Generates the gRPC stubs into lora_client.v1 while the package is built.

Nothing generated is committed: the protos of this repository are the source.
google/rpc/status.proto is not among them, since the package
googleapis-common-protos brings it and Python's protobuf refuses a second copy.
"""

import pathlib
import re

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROTOS = ROOT / "proto"


def version():
    """project(VERSION) of the root CMakeLists.txt."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"^project\(\S+ VERSION ([0-9.]+)", text, re.M)[1]


def generate(package):
    """Writes the stubs below `package`, the built folder lora_client."""
    import grpc_tools
    from grpc_tools import protoc

    sources = sorted(PROTOS.glob("lora/v1/*.proto"))
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    out = package / "generated"
    out.mkdir(parents=True, exist_ok=True)
    code = protoc.main(
        ["protoc", f"-I{PROTOS}", f"-I{well_known}", f"--python_out={out}",
         f"--pyi_out={out}", f"--grpc_python_out={out}", *map(str, sources)])
    if code != 0:
        raise RuntimeError(f"protoc failed with exit code {code}")
    # The stubs import each other from the top; here they are a subpackage.
    target = package / "v1"
    target.mkdir(exist_ok=True)
    for stub in (out / "lora" / "v1").iterdir():
        text = stub.read_text(encoding="utf-8")
        text = text.replace("from lora.v1 import", "from lora_client.v1 import")
        (target / stub.name).write_text(text, encoding="utf-8")
        stub.unlink()
    (target / "__init__.py").write_text(
        '"""Generated from proto/lora/v1; see setup.py."""\n', encoding="utf-8")
    for folder in (out / "lora" / "v1", out / "lora", out):
        folder.rmdir()


class BuildWithStubs(build_py):
    def run(self):
        super().run()
        generate(pathlib.Path(self.build_lib) / "lora_client")


setup(version=version(), cmdclass={"build_py": BuildWithStubs})
