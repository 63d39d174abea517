# SPDX-License-Identifier: Apache-2.0
"""Every command and program of README.md's API section does what it says.

LORA_BIN: the folder of the programs. The C++ example is compiled and run by
client_test.
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys

import grpc
import pytest
from google.protobuf import json_format

from lora_client.v1 import generation_service_pb2 as generation_pb

README = pathlib.Path("README.md").read_text("utf-8")
BUILT = "build/release/bin"
ENDPOINT = "127.0.0.1:50051"


def block_after(text, language):
    """The first block of code in `language` after `text`."""
    code = re.search(re.escape(text) + r".*?```" + language + r"\n(.*?)```",
                     README, re.S)
    assert code, f"README.md has no {language} after {text!r}"
    return code[1].replace("\\\n", "").replace(BUILT, os.environ["LORA_BIN"])


def expected_of(line):
    """What the line says it prints; None: it does not say."""
    comment = re.search(r"\s# (.*)$", line)
    return comment[1] if comment else None


class Server:
    """The server of the README, on a free port; ends with the block."""

    def __init__(self):
        command = block_after("Serve the example by hand", "sh")
        command = command[command.index(os.environ["LORA_BIN"]):]
        # pylint: disable-next=consider-using-with
        self._process = subprocess.Popen(
            [*shlex.split(command), "--listen=127.0.0.1:0",
             "--log-format=text"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.endpoint = "127.0.0.1:" + self._await(r"event=listening .*port=(\d+)")[1]
        self._await(r"event=ready ")

    def _await(self, pattern):
        log = []
        for line in self._process.stdout:
            log.append(line)
            if found := re.search(pattern, line):
                return found
        raise RuntimeError("lora-server ended:\n" + "".join(log))

    def close(self):
        self._process.terminate()
        self._process.communicate()


@pytest.fixture(name="endpoint", scope="module")
def fixture_endpoint():
    server = Server()
    yield server.endpoint
    server.close()


def run_line(line, endpoint):
    result = subprocess.run(
        ["bash", "-c", line], text=True, capture_output=True, check=False,
        env={**os.environ, "LORA_ENDPOINT": endpoint})
    assert result.returncode == 0, f"{line}\n{result.stderr}"
    expected = expected_of(line)
    assert expected is None or result.stdout.strip() == expected, line


def test_lora_admin(endpoint):
    lines = block_after("**lora-admin**", "sh").splitlines()
    assert any(map(expected_of, lines))
    for line in lines:
        run_line(line, endpoint)


def test_several_adapters(endpoint):
    for line in block_after("**Several adapters", "sh").splitlines():
        run_line(line, endpoint)


def test_python(endpoint):
    code = block_after("**Python**", "python")
    assert ENDPOINT in code
    expected = [*filter(None, map(expected_of, code.splitlines()))]
    result = subprocess.run(
        [sys.executable, "-c", code.replace(ENDPOINT, endpoint)], text=True,
        capture_output=True, check=True)
    assert expected and result.stdout.splitlines() == expected


def test_grpcurl(endpoint):
    """What grpcurl would send, by the service's own names."""
    words = shlex.split(block_after("**grpcurl**", "sh"))
    assert words[:2] == ["grpcurl", "-plaintext"]
    body = words[words.index("-d") + 1]
    request = json_format.Parse(body, generation_pb.GenerateRequest())
    assert words[-2] == ENDPOINT
    with grpc.insecure_channel(endpoint) as channel:
        call = channel.unary_unary(
            "/" + words[-1],
            generation_pb.GenerateRequest.SerializeToString,
            generation_pb.GenerateResponse.FromString)
        assert call(request, timeout=60).text == "olleh"
