# SPDX-License-Identifier: Apache-2.0
"""Python values as request messages."""

from typing import Any, Iterable, List, Mapping, Optional, Sequence, Union

from lora_client.v1 import adapter_service_pb2 as adapter_pb
from lora_client.v1 import generation_service_pb2 as generation_pb

# Text, token ids, or the messages of a chat: [{"role": ..., "content": ...}].
TextOrChat = Union[str, Sequence[Mapping[str, str]]]
Prompt = Union[TextOrChat, Sequence[int]]
# One id, several, or ids with weights.
Adapters = Union[str, Iterable[str], Mapping[str, float]]


def weights(adapters: Adapters) -> List[adapter_pb.AdapterWeight]:
    if isinstance(adapters, str):
        adapters = [adapters]
    if isinstance(adapters, Mapping):
        return [adapter_pb.AdapterWeight(adapter_id=name, weight=weight)
                for name, weight in adapters.items()]
    return [adapter_pb.AdapterWeight(adapter_id=name) for name in adapters]


def set_prompt(request: Union[generation_pb.GenerateRequest,
                              generation_pb.TokenizeRequest],
               prompt: Prompt) -> None:
    """Fills the oneof `prompt` of a GenerateRequest or TokenizeRequest."""
    if isinstance(prompt, str):
        request.text = prompt
    elif prompt and isinstance(prompt[0], Mapping):
        request.chat.messages.extend(
            generation_pb.ChatMessage(**message) for message in prompt)
    elif isinstance(request, generation_pb.TokenizeRequest):
        raise TypeError("only text or a chat can be tokenized")
    else:
        request.token_ids.ids.extend(prompt)


def generate_request(prompt: Prompt, adapters: Adapters,
                     sampling: Optional[Mapping[str, Any]],
                     fields: Mapping[str, Any]
                     ) -> generation_pb.GenerateRequest:
    """`fields` are those of GenerateRequest, `sampling` of SamplingParams."""
    if isinstance(fields.get("stop"), str):
        # Each of its characters, as protobuf sees it.
        fields = {**fields, "stop": [fields["stop"]]}
    request = generation_pb.GenerateRequest(
        adapters=weights(adapters),
        sampling=generation_pb.SamplingParams(**(sampling or {})),
        **{name: value for name, value in fields.items() if value is not None})
    set_prompt(request, prompt)
    return request
