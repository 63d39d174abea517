# SPDX-License-Identifier: Apache-2.0
"""What pip installed: complete, typed, and asking for the runtime it needs."""

import ast
import importlib.metadata
import pathlib
import re

from packaging.requirements import Requirement
from packaging.version import Version

import lora_client

PACKAGE = pathlib.Path(lora_client.__file__).parent


def requirement(name):
    requirements = map(Requirement,
                       importlib.metadata.requires("lora-client"))
    return next(found for found in requirements if found.name == name)


def stub_texts():
    texts = [stub.read_text("utf-8") for stub in PACKAGE.glob("v1/*_pb2*.py")]
    assert len(texts) == 6
    return texts


def test_it_depends_on_a_protobuf_that_the_stubs_accept():
    calls = [re.search(r"ValidateProtobufRuntimeVersion\(([^)]*)\)", text)
             for text in stub_texts()]
    versions = {".".join(re.findall(r"^ *(\d+),$", call[1], re.M))
                for call in calls if call}
    assert len(versions) == 1
    made_with = Version(versions.pop())
    accepted = requirement("protobuf").specifier
    assert made_with in accepted
    major, minor, patch = made_with.release
    for older in (f"{major}.{minor}.{patch - 1}" if patch else None,
                  f"{major}.{minor - 1}.99" if minor else None,
                  f"{major - 1}.99.0"):
        assert older is None or Version(older) not in accepted
    # One major version on is the last that protobuf promises.
    assert Version(f"{major + 1}.99.0") in accepted
    assert Version(f"{major + 2}.0.0") not in accepted


def test_it_depends_on_a_grpc_that_the_stubs_accept():
    found = [re.search(r"^GRPC_GENERATED_VERSION = '([^']+)'$", text, re.M)
             for text in stub_texts()]
    versions = {match[1] for match in found if match}
    assert len(versions) == 1
    made_with = Version(versions.pop())
    accepted = requirement("grpcio").specifier
    assert made_with in accepted
    assert Version(f"{made_with.major}.{made_with.minor - 1}.99") \
        not in accepted


def test_it_has_the_version_of_the_release():
    cmake = pathlib.Path("CMakeLists.txt").read_text("utf-8")
    assert re.search(r"^project\(\S+ VERSION ([0-9.]+)", cmake, re.M)[1] \
        == importlib.metadata.version("lora-client")


def test_it_is_typed_completely():
    assert (PACKAGE / "py.typed").is_file()
    assert list(PACKAGE.glob("v1/*_pb2.pyi"))
    for source in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            where = f"{source.name}:{node.lineno} {node.name}"
            assert node.returns is not None, where
            arguments = [*node.args.posonlyargs, *node.args.args,
                         *node.args.kwonlyargs, node.args.vararg,
                         node.args.kwarg]
            for argument in arguments:
                assert (argument is None or argument.annotation is not None
                        or argument.arg == "self"), f"{where}: {argument.arg}"
