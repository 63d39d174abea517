# SPDX-License-Identifier: Apache-2.0
"""The Python client against the real gRPC services over fakes.

FAKE_LORA_SERVER names the program; see tests/fakes/fake_server.cc.
"""

import os
import pathlib
import subprocess
import sys
import threading

import grpc
import pytest

from lora_client import Client, LoraError
from lora_client.requests import generate_request
from lora_client.v1 import adapter_service_pb2 as adapter_pb
from lora_client.v1 import generation_service_pb2 as generation_pb

ROOT = pathlib.Path(__file__).resolve().parents[3]


class FakeServer:
    """Serves for as long as it is open."""

    def __init__(self, *arguments):
        self._process = subprocess.Popen(
            [os.environ["FAKE_LORA_SERVER"], *arguments], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.endpoint = self._wait_for_endpoint()

    def _wait_for_endpoint(self):
        for line in self._process.stdout:  # Others are the log.
            if line.startswith("listening on "):
                return line.split()[-1]
        raise RuntimeError("the server did not start")

    def close(self):
        self._process.communicate()


@pytest.fixture(name="endpoint", scope="module")
def fixture_endpoint():
    server = FakeServer()
    yield server.endpoint
    server.close()


@pytest.fixture(name="client")
def fixture_client(endpoint):
    with Client(endpoint, timeout=60) as client:
        yield client
        for adapter in list(client.list_adapters()):
            client.unload_adapter(adapter.adapter_id)


def test_an_answer_comes_whole(client):
    answer = client.generate("hello", adapters="sql")
    assert answer.text == "sql:hello"
    assert answer.finish_reason == generation_pb.STOP
    assert answer.provenance.adapters[0].adapter_id == "sql"
    assert answer.provenance.adapters[0].weight == 1


def test_the_base_answers_when_no_adapter_is_named(client):
    assert client.generate("hello").text == ":hello"


def test_several_adapters_have_weights(client):
    answer = client.generate("x", adapters={"a": 0.5, "b": 0.25})
    assert [(used.adapter_id, used.weight)
            for used in answer.provenance.adapters] == [("a", 0.5), ("b", 0.25)]
    assert client.generate("x", adapters=["a", "b"]).text == "a,b:x"


def test_limits_and_sampling_travel(client):
    answer = client.generate("hello", max_new_tokens=3,
                             sampling={"temperature": 0.5, "seed": 7},
                             stop=["x"], path=generation_pb.UNMERGED)
    assert answer.text == ":he"
    assert answer.finish_reason == generation_pb.LENGTH


def test_one_stop_text_is_not_its_characters():
    request = generate_request("x", (), None, {"stop": "end"})
    assert list(request.stop) == ["end"]


def test_an_unknown_field_is_a_mistake_of_the_caller(client):
    with pytest.raises(ValueError):
        client.generate("hello", max_tokens=3)


def test_a_prompt_may_be_tokens_or_a_chat(client):
    assert client.generate([1, 2]).text == ":(no text)"
    chat = [{"role": "user", "content": "hi"}]
    assert client.generate(chat).text == ":(no text)"


def test_a_stream_comes_in_parts(client):
    parts = list(client.generate_stream("hello", adapters="sql"))
    assert "".join(part.text for part in parts) == "sql:hello"
    assert parts[-1].finish_reason == generation_pb.STOP
    assert parts[-1].usage.completion_tokens == 9


def test_a_stream_may_be_left(client):
    stream = client.generate_stream("x" * 200)
    next(stream)
    stream.close()
    assert client.generate("still there").text == ":still there"


def test_errors_have_code_reason_and_message(client):
    with pytest.raises(LoraError) as caught:
        client.generate("hello", adapters="missing")
    assert caught.value.code is grpc.StatusCode.NOT_FOUND
    assert caught.value.reason == "ADAPTER"
    assert str(caught.value).startswith("NOT_FOUND (ADAPTER): there is no")


def test_errors_of_streams_are_the_same(client):
    with pytest.raises(LoraError) as caught:
        list(client.generate_stream("hello", adapters="missing"))
    assert caught.value.reason == "ADAPTER"


def test_nobody_listening_has_no_reason():
    with Client("127.0.0.1:1", timeout=30) as nobody:
        with pytest.raises(LoraError) as caught:
            nobody.server_info()
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert caught.value.reason == ""


def test_an_adapter_lives_its_whole_life(client):
    loaded = client.load_adapter("sql", "/adapters/sql", pinned=True,
                                 labels={"team": "data"})
    assert loaded.state == adapter_pb.ADAPTER_STATE_READY
    assert loaded.pinned and loaded.labels["team"] == "data"
    assert client.get_adapter("sql").digest == loaded.digest
    updated = client.update_adapter("sql", pinned=False)
    assert not updated.pinned and updated.labels["team"] == "data"
    freed = client.unload_adapter("sql", drain_timeout=1.5)
    assert freed.freed_host_bytes == 1000
    with pytest.raises(LoraError):
        client.get_adapter("sql")


def test_a_failed_load_says_why(client):
    for call in (lambda: client.load_adapter("sql", "/missing"),
                 lambda: client.validate_adapter("/missing")):
        with pytest.raises(LoraError) as caught:
            call()
        assert caught.value.reason == "ADAPTER_FILES_MISSING"


def test_validation_keeps_nothing(client):
    assert client.validate_adapter("/adapters/sql", alpha=16).rank == 8
    assert not list(client.list_adapters())


def test_a_list_goes_through_all_pages(client):
    names = [f"adapter-{number}" for number in range(5)]
    for name in names:
        client.load_adapter(name, f"/adapters/{name}")
    listed = client.list_adapters(page_size=2)
    assert [adapter.adapter_id for adapter in listed] == names
    assert len(list(client.list_adapters("id=adapter-1*"))) == 1


def test_a_watch_shows_what_is_there_and_what_changes(client):
    client.load_adapter("sql", "/adapters/sql")
    events = client.watch_adapters()
    first = next(events)
    assert first.type == adapter_pb.AdapterEvent.SNAPSHOT
    threading.Thread(target=client.unload_adapter, args=("sql",)).start()
    second = next(events)
    assert second.type == adapter_pb.AdapterEvent.REMOVED
    events.close()


def test_merged_copies_come_and_go(client):
    merged = client.merge_adapter({"a": 0.5, "b": 0.5})
    assert [copy.merged_id for copy in client.list_merged_adapters()] \
        == [merged.merged_id]
    assert client.unmerge_adapter(merged.merged_id) == merged.bytes
    client.merge_adapter("a")
    assert client.unmerge_adapter(components="a") == 1000


def test_tokens_go_there_and_back(client):
    tokens = client.tokenize("hi")
    assert list(tokens.ids) == [104, 105]
    assert client.detokenize(tokens.ids) == "hi"


def test_the_server_tells_its_version(client):
    assert client.server_info().version


def test_a_token_is_sent_with_every_call(tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text("s3cret")
    server = FakeServer(str(token_file))
    try:
        with Client(server.endpoint, token="s3cret", timeout=60) as right:
            assert right.server_info().version
            assert list(right.generate_stream("x"))
        with Client(server.endpoint, timeout=60) as wrong:
            with pytest.raises(LoraError) as caught:
                wrong.server_info()
        assert caught.value.reason == "AUTH"
    finally:
        server.close()


def test_the_example_shows_every_answer(endpoint):
    example = subprocess.run(
        [sys.executable, ROOT / "examples/python/generate.py", "--endpoint",
         endpoint, "--prompt", "hi", "upper=/adapters/upper", "missing"],
        capture_output=True, text=True, check=True)
    upper, missing = example.stdout.splitlines()
    assert upper.startswith("upper            'upper:hi' (")
    assert "NOT_FOUND (ADAPTER)" in missing
