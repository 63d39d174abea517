# SPDX-License-Identifier: Apache-2.0
"""Client of lora-server: one base model, many LoRA adapters."""

from lora_client.client import Client
from lora_client.errors import LoraError

__all__ = ["Client", "LoraError"]
