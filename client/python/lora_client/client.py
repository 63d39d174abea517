# SPDX-License-Identifier: Apache-2.0
"""The calls of lora-server, as methods."""

import json
from typing import Any, Callable, Iterator, Mapping, Optional, Sequence

import grpc
from google.protobuf import duration_pb2, field_mask_pb2
from google.protobuf.message import Message

from lora_client.errors import translated_errors
from lora_client.requests import (Adapters, Prompt, TextOrChat,
                                  generate_request, set_prompt, weights)
from lora_client.v1 import adapter_service_pb2 as adapter_pb
from lora_client.v1 import adapter_service_pb2_grpc as adapter_grpc
from lora_client.v1 import generation_service_pb2 as generation_pb
from lora_client.v1 import generation_service_pb2_grpc as generation_grpc
from lora_client.v1 import server_service_pb2 as server_pb
from lora_client.v1 import server_service_pb2_grpc as server_grpc

_PAGE_SIZE = 1000
_MAX_MESSAGE_BYTES = 64 << 20
# gRPC retries what has not answered yet, with jitter.
_SERVICE_CONFIG = {
    "methodConfig": [{
        "name": [{}],
        "retryPolicy": {
            "maxAttempts": 5,
            "initialBackoff": "0.1s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        },
    }]
}


class Client:
    """A connection to a lora-server, made by the first call. Thread-safe.

    Every method raises LoraError. `timeout` is in seconds, for the call with
    all its retries; None: the client's own.
    """

    def __init__(self, endpoint: str = "127.0.0.1:50051", *,
                 token: Optional[str] = None,
                 credentials: Optional[grpc.ChannelCredentials] = None,
                 timeout: Optional[float] = None) -> None:
        """`credentials`: grpc.ssl_channel_credentials(...); None: plain text."""
        options = [("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
                   ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES)]
        self._channel = (
            grpc.insecure_channel(endpoint, options) if credentials is None
            else grpc.secure_channel(endpoint, credentials, options))
        self._metadata = (
            [("authorization", f"Bearer {token}")] if token else [])
        self._timeout = timeout
        self._adapters = adapter_grpc.AdapterServiceStub(self._channel)
        self._generation = generation_grpc.GenerationServiceStub(self._channel)
        self._server = server_grpc.ServerServiceStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Generation.

    def generate(self, prompt: Prompt, *, adapters: Adapters = (),
                 max_new_tokens: Optional[int] = None,
                 sampling: Optional[Mapping[str, Any]] = None,
                 timeout: Optional[float] = None,
                 **fields: Any) -> generation_pb.GenerateResponse:
        """The whole answer.

        sampling: fields of SamplingParams, {"temperature": 0.8, "seed": 7}.
        fields: further fields of GenerateRequest: stop, path, top_logprobs, …
        """
        request = generate_request(prompt, adapters, sampling,
                                   {"max_new_tokens": max_new_tokens, **fields})
        return self._call(self._generation.GenerateText, request, timeout)

    def generate_stream(self, prompt: Prompt, *, adapters: Adapters = (),
                        max_new_tokens: Optional[int] = None,
                        sampling: Optional[Mapping[str, Any]] = None,
                        timeout: Optional[float] = None, **fields: Any
                        ) -> Iterator[generation_pb.GenerateResponse]:
        """The answer as it comes; arguments as `generate`.

        Text and ids are deltas; the last message carries finish_reason, usage
        and provenance. Closing the iterator ends the request.
        """
        request = generate_request(prompt, adapters, sampling,
                                   {"max_new_tokens": max_new_tokens, **fields})
        return self._stream(self._generation.Generate, request, timeout)

    def tokenize(self, prompt: TextOrChat, *, add_special_tokens: bool = True,
                 timeout: Optional[float] = None
                 ) -> generation_pb.TokenizeResponse:
        request = generation_pb.TokenizeRequest(
            add_special_tokens=add_special_tokens)
        set_prompt(request, prompt)
        return self._call(self._generation.Tokenize, request, timeout)

    def detokenize(self, ids: Sequence[int], *,
                   skip_special_tokens: bool = False,
                   timeout: Optional[float] = None) -> str:
        request = generation_pb.DetokenizeRequest(
            ids=ids, skip_special_tokens=skip_special_tokens)
        return self._call(self._generation.Detokenize, request, timeout).text

    # Adapters.

    def load_adapter(self, adapter_id: str, source: str, *,
                     timeout: Optional[float] = None,
                     **fields: Any) -> adapter_pb.Adapter:
        """Makes an adapter usable; returns when it is.

        fields: of LoadAdapterRequest: replace, pinned, sha256, labels,
        options, … `options.alpha` is for a file that carries none; a PEFT
        folder is refused with it (CONFIG_CONFLICT): its config decides alpha.
        """
        request = adapter_pb.LoadAdapterRequest(
            adapter_id=adapter_id, source=source, **fields)
        return self._call(self._adapters.LoadAdapter, request, timeout)

    def unload_adapter(self, adapter_id: str, *,
                       drain_timeout: Optional[float] = None,
                       force: bool = False, timeout: Optional[float] = None
                       ) -> adapter_pb.UnloadAdapterResponse:
        """Removes an adapter; `drain_timeout` in seconds, None: the server's."""
        request = adapter_pb.UnloadAdapterRequest(
            adapter_id=adapter_id, force=force)
        if drain_timeout is not None:
            request.drain_timeout.CopyFrom(_duration(drain_timeout))
        return self._call(self._adapters.UnloadAdapter, request, timeout)

    def update_adapter(self, adapter_id: str, *,
                       timeout: Optional[float] = None,
                       **fields: Any) -> adapter_pb.Adapter:
        """Changes the named fields: pinned, labels, warm_tier."""
        request = adapter_pb.UpdateAdapterRequest(
            adapter_id=adapter_id,
            update_mask=field_mask_pb2.FieldMask(paths=sorted(fields)),
            **fields)
        return self._call(self._adapters.UpdateAdapter, request, timeout)

    def get_adapter(self, adapter_id: str, *,
                    timeout: Optional[float] = None) -> adapter_pb.Adapter:
        return self._call(self._adapters.GetAdapter,
                          adapter_pb.GetAdapterRequest(adapter_id=adapter_id),
                          timeout)

    def list_adapters(self, filter: str = "", *, page_size: int = _PAGE_SIZE,
                      timeout: Optional[float] = None
                      ) -> Iterator[adapter_pb.Adapter]:
        """Every adapter, ordered by id; pages are fetched as needed."""
        request = adapter_pb.ListAdaptersRequest(
            filter=filter, page_size=page_size)
        while True:
            page = self._call(self._adapters.ListAdapters, request, timeout)
            yield from page.adapters
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def watch_adapters(self, *, timeout: Optional[float] = None
                       ) -> Iterator[adapter_pb.AdapterEvent]:
        """What is there and each change; closing the iterator ends it."""
        return self._stream(self._adapters.WatchAdapters,
                            adapter_pb.WatchAdaptersRequest(), timeout)

    def validate_adapter(self, source: str, *, timeout: Optional[float] = None,
                         **options: Any) -> adapter_pb.Adapter:
        """Checks what load_adapter would; options: fields of LoadOptions.

        alpha is for a file that carries none; see load_adapter.
        """
        request = adapter_pb.ValidateAdapterRequest(
            source=source, options=adapter_pb.LoadOptions(**options))
        return self._call(self._adapters.ValidateAdapter, request, timeout)

    def merge_adapter(self, components: Adapters, *, pinned: bool = False,
                      timeout: Optional[float] = None
                      ) -> adapter_pb.MergedAdapter:
        request = adapter_pb.MergeAdapterRequest(
            components=weights(components), pinned=pinned)
        return self._call(self._adapters.MergeAdapter, request, timeout)

    def unmerge_adapter(self, merged_id: str = "", *,
                        components: Adapters = (),
                        timeout: Optional[float] = None) -> int:
        """Drops a merged copy, named either way; returns the bytes freed."""
        request = adapter_pb.UnmergeAdapterRequest(
            merged_id=merged_id, components=weights(components))
        return self._call(self._adapters.UnmergeAdapter, request,
                          timeout).freed_bytes

    def list_merged_adapters(self, *, timeout: Optional[float] = None
                             ) -> Sequence[adapter_pb.MergedAdapter]:
        return self._call(self._adapters.ListMergedAdapters,
                          adapter_pb.ListMergedAdaptersRequest(),
                          timeout).merged_adapters

    # The server.

    def server_info(self, *, timeout: Optional[float] = None
                    ) -> server_pb.ServerInfo:
        return self._call(self._server.GetServerInfo,
                          server_pb.GetServerInfoRequest(), timeout)

    def _call(self, method: Callable[..., Any], request: Message,
              timeout: Optional[float]) -> Any:
        """The answer to `request`; the stubs of gRPC do not tell its type."""
        with translated_errors():
            return method(request, timeout=self._seconds(timeout),
                          metadata=self._metadata)

    def _stream(self, method: Callable[..., Any], request: Message,
                timeout: Optional[float]) -> Iterator[Any]:
        call = method(request, timeout=self._seconds(timeout),
                      metadata=self._metadata)
        try:
            with translated_errors():
                yield from call
        finally:
            call.cancel()

    def _seconds(self, timeout: Optional[float]) -> Optional[float]:
        return self._timeout if timeout is None else timeout


def _duration(seconds: float) -> duration_pb2.Duration:
    duration = duration_pb2.Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
