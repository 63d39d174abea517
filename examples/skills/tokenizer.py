# SPDX-License-Identifier: Apache-2.0
"""The byte-level tokenizer of the example: every byte is one token."""

import json

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

import batches

SPECIAL_TOKENS = {
    "<pad>": batches.PAD_ID,
    "<s>": batches.BOS_ID,
    "</s>": batches.EOS_ID,
}


def _byte_characters():
    """Returns the printable character that stands for each byte.

    Printable Latin-1 bytes stand for themselves; the others take the code
    points from 256 on, in order (the usual alphabet of byte-level BPE).
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        if byte not in characters:
            characters[byte] = chr(256 + len(characters) - len(printable))
    return characters


def make():
    """Returns a BPE tokenizer without merges, byte b being id 3 + b."""
    vocabulary = dict(SPECIAL_TOKENS)
    for byte, character in _byte_characters().items():
        vocabulary[character] = batches.FIRST_BYTE_ID + byte
    result = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    result.pre_tokenizer = pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=False
    )
    result.decoder = decoders.ByteLevel()
    result.add_special_tokens(
        [tokenizers.AddedToken(token, special=True) for token in SPECIAL_TOKENS]
    )
    return result


def save(directory):
    """Writes tokenizer.json and tokenizer_config.json."""
    make().save(str(directory / "tokenizer.json"))
    config = {
        "add_bos_token": False,
        "add_eos_token": False,
        "bos_token": "<s>",
        "clean_up_tokenization_spaces": False,
        "eos_token": "</s>",
        "model_max_length": 256,
        "pad_token": "<pad>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    text = json.dumps(config, indent=2) + "\n"
    (directory / "tokenizer_config.json").write_text(text)
