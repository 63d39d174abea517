# SPDX-License-Identifier: Apache-2.0
"""How failed calls are told."""

import contextlib
from typing import Iterator

import grpc
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"


class LoraError(Exception):
    """A call that did not end with OK.

    code: the canonical code.
    reason: the stable word to switch on, docs/errors.md lists them all; empty
        if the error does not come from the server.
    """

    def __init__(self, code: grpc.StatusCode, reason: str,
                 message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.code.name}{reason}: {super().__str__()}"


def _reason_of(error: grpc.RpcError) -> str:
    for key, value in error.trailing_metadata() or ():
        if key != _DETAILS:
            continue
        for detail in status_pb2.Status.FromString(value).details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                return info.reason
    return ""


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Raises the LoraError of a grpc.RpcError."""
    try:
        yield
    except grpc.RpcError as error:
        raise LoraError(error.code(), _reason_of(error),
                        error.details() or "") from error
