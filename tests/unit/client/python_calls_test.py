# SPDX-License-Identifier: Apache-2.0
"""How the Python client makes calls: again on UNAVAILABLE, and not for ever."""

import threading
from concurrent import futures

import grpc
import pytest

from lora_client import Client, LoraError
from lora_client.v1 import generation_service_pb2 as generation_pb
from lora_client.v1 import generation_service_pb2_grpc as generation_grpc
from lora_client.v1 import server_service_pb2 as server_pb
from lora_client.v1 import server_service_pb2_grpc as server_grpc

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
INTERNAL = grpc.StatusCode.INTERNAL


class FlakyServer(server_grpc.ServerServiceServicer,
                  generation_grpc.GenerationServiceServicer):
    """Fails the next calls as a test says; later ones succeed.

    Tokenize is never answered.
    """

    def __init__(self):
        self.failures = []
        self.fail_after_message = False
        self.num_calls = 0
        self.time_remaining = None
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        server_grpc.add_ServerServiceServicer_to_server(self, self._server)
        generation_grpc.add_GenerationServiceServicer_to_server(
            self, self._server)
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self):
        self._server.stop(None).wait()

    def _begin(self, context):
        self.num_calls += 1
        self.time_remaining = context.time_remaining()
        return self.failures.pop(0) if self.failures else None

    def GetServerInfo(self, request, context):
        if failure := self._begin(context):
            context.abort(failure, "as the test said")
        return server_pb.ServerInfo(version="1.2.3")

    def Generate(self, request, context):
        failure = self._begin(context)
        if failure and not self.fail_after_message:
            context.abort(failure, "as the test said")
        yield generation_pb.GenerateResponse(text="a")
        if failure:
            context.abort(failure, "as the test said")

    def Tokenize(self, request, context):
        self._begin(context)
        ended = threading.Event()
        if context.add_callback(ended.set):
            ended.wait()
        return generation_pb.TokenizeResponse()


@pytest.fixture(name="server")
def fixture_server():
    server = FlakyServer()
    yield server
    server.close()


@pytest.fixture(name="client")
def fixture_client(server):
    with Client(server.endpoint, timeout=60) as client:
        yield client


def test_unavailable_is_retried(server, client):
    server.failures = [UNAVAILABLE, UNAVAILABLE]
    assert client.server_info().version == "1.2.3"
    assert server.num_calls == 3


def test_unavailable_for_long_is_told(server, client):
    server.failures = [UNAVAILABLE] * 100
    with pytest.raises(LoraError) as caught:
        client.server_info()
    assert caught.value.code is UNAVAILABLE
    assert server.num_calls == 5


def test_other_codes_are_not_retried(server, client):
    server.failures = [INTERNAL]
    with pytest.raises(LoraError) as caught:
        client.server_info()
    assert caught.value.code is INTERNAL
    assert server.num_calls == 1


def test_a_stream_is_retried_before_its_first_message(server, client):
    server.failures = [UNAVAILABLE, UNAVAILABLE]
    assert [part.text for part in client.generate_stream("x")] == ["a"]
    assert server.num_calls == 3


def test_a_stream_is_not_retried_after_its_first_message(server, client):
    server.failures = [UNAVAILABLE]
    server.fail_after_message = True
    stream = client.generate_stream("x")
    assert next(stream).text == "a"
    with pytest.raises(LoraError) as caught:
        next(stream)
    assert caught.value.code is UNAVAILABLE
    assert server.num_calls == 1


def test_a_timeout_ends_a_call(server, client):
    with pytest.raises(LoraError) as caught:
        client.tokenize("x", timeout=0.2)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert caught.value.reason == ""


def test_the_timeout_of_the_client_holds_for_calls_that_name_none(server):
    # Servers see deadlines with three digits: some seconds later.
    with Client(server.endpoint, timeout=3000) as client:
        client.server_info()
        assert 2000 < server.time_remaining < 4000
        list(client.generate_stream("x"))
        assert 2000 < server.time_remaining < 4000
        client.server_info(timeout=500)
        assert server.time_remaining < 1000


def test_without_a_timeout_a_call_may_take_for_ever(server):
    with Client(server.endpoint) as client:
        client.server_info()
    # What gRPC for Python calls no deadline is hundreds of years away.
    assert server.time_remaining is None or server.time_remaining > 1e9
