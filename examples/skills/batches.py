# SPDX-License-Identifier: Apache-2.0
"""Token ids of prompts and answers, and the batches that training reads."""

import numpy as np
import torch

PAD_ID = 0
BOS_ID = 1
EOS_ID = 2
FIRST_BYTE_ID = 3
VOCAB_SIZE = FIRST_BYTE_ID + 256
IGNORED = -100


def encode(text):
    return [FIRST_BYTE_ID + byte for byte in text.encode()]


def decode(ids):
    """Returns the text before the first </s>."""
    text = bytearray()
    for token in ids:
        if token == EOS_ID:
            break
        if token >= FIRST_BYTE_ID:
            text.append(token - FIRST_BYTE_ID)
    return text.decode(errors="replace")


def encode_examples(examples):
    """Packs (prompt, answer) pairs into two right-padded int16 arrays.

    Returns (inputs, labels) of equal shape: labels[i, t] is the token that
    follows inputs[i, t] where that is a token of the answer or its </s>, and
    IGNORED elsewhere.
    """
    rows = [(encode(prompt), encode(answer)) for prompt, answer in examples]
    width = max(len(prompt) + len(answer) for prompt, answer in rows)
    inputs = np.full((len(rows), width), PAD_ID, dtype=np.int16)
    labels = np.full((len(rows), width), IGNORED, dtype=np.int16)
    for i, (prompt, answer) in enumerate(rows):
        inputs[i, : len(prompt) + len(answer)] = prompt + answer
        first = len(prompt) - 1
        labels[i, first : first + len(answer) + 1] = answer + [EOS_ID]
    return inputs, labels


def iterate_batches(examples, batch_size):
    """Yields (inputs, labels) tensors in order, cut to the longest row."""
    inputs, labels = encode_examples(examples)
    for start in range(0, len(examples), batch_size):
        batch = slice(start, start + batch_size)
        used = (labels[batch] != IGNORED).any(axis=0).nonzero()[0][-1] + 1
        yield (
            torch.from_numpy(inputs[batch, :used].astype(np.int64)),
            torch.from_numpy(labels[batch, :used].astype(np.int64)),
        )


def answer_loss(model, inputs, labels):
    """Mean cross entropy over the answer tokens of one batch."""
    wanted = labels != IGNORED
    logits = model(input_ids=inputs, use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits[wanted], labels[wanted])
