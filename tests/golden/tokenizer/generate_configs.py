# SPDX-License-Identifier: Apache-2.0
"""Writes configs.json: what the files beside tokenizer.json change.

Run it from this folder, after generate.py, with the versions of
tools/requirements-dev.txt:

    ../../../tools/python --dev generate_configs.py

Each case has `tokenizer`, a folder of generate.py, `files`, what is written
beside its tokenizer.json, and for each of the texts `encode`, the ids with
special tokens, and `decode`, their text without special tokens, by
`transformers`.
"""

import json
import pathlib
import shutil
import tempfile

import transformers

HERE = pathlib.Path(__file__).parent

TEXTS = ["Hello <s> world</s>", "a <|im_start|>  b", "x <mask> y<extra>z",
         "  <|endoftext|>", "<tool_call> q </tool_call> r", "it's 12"]


def token(content, **flags):
    return {"content": content, "lstrip": False, "rstrip": False,
            "normalized": False, "single_word": False, "special": True,
            **flags}


def typed(content, **flags):
    """A token as tokenizer_config.json writes it outside of its list."""
    return {"__type": "AddedToken", **token(content, **flags)}


CASES = [
    ("llama2", {}),
    ("llama2", {"bos_token": "<s>", "eos_token": "</s>",
                "add_bos_token": True, "add_eos_token": True}),
    ("llama2", {"bos_token": "<s>", "eos_token": "</s>",
                "add_bos_token": False}),
    ("llama2", {"bos_token": "<s>", "eos_token": "</s>",
                "add_eos_token": True}),
    ("llama2", {"bos_token": None, "add_bos_token": True}),
    ("gpt2", {"bos_token": "<|endoftext|>", "add_bos_token": True}),
    ("gpt2", {"bos_token": "<s>", "mask_token": typed("<mask>", lstrip=True),
              "add_bos_token": True}),
    ("gpt2", {"pad_token": "the", "additional_special_tokens": ["<extra>"]}),
    ("gpt2", {"extra_special_tokens": ["<extra>", "it"]}),
    ("qwen2", {"added_tokens_decoder": {
        "700": token("<|endoftext|>"),
        "701": token("<|im_start|>", lstrip=True, rstrip=True),
        "702": token("<|im_end|>"),
        "703": token("<tool_call>", special=True),
        "704": token("</tool_call>", special=False, lstrip=True)}}),
    ("llama3", {"bos_token": typed("<|begin_of_text|>"),
                "eos_token": "<|eot_id|>"}),
]
# Older repositories name their special tokens in a file of their own.
MAP_CASES = [
    ("gpt2", {}, {"bos_token": token("<s>"), "mask_token": "<mask>"}),
    ("gpt2", {"bos_token": "</s>", "add_bos_token": True},
     {"bos_token": "<s>"}),
]


def run(name, files):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(HERE / name / "tokenizer.json", folder)
        for file_name, content in files.items():
            (folder / file_name).write_text(json.dumps(content),
                                            encoding="utf-8")
        tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(
            folder)
        encode = [tokenizer.encode(text) for text in TEXTS]
        return {"tokenizer": name, "files": files, "encode": encode,
                "decode": [tokenizer.decode(ids, skip_special_tokens=True,
                                            clean_up_tokenization_spaces=False)
                           for ids in encode]}


def main():
    cases = [run(name, {"tokenizer_config.json": config})
             for name, config in CASES]
    cases += [run(name, {"tokenizer_config.json": config,
                         "special_tokens_map.json": special_map})
              for name, config, special_map in MAP_CASES]
    (HERE / "configs.json").write_text(json.dumps(
        {"versions": {"transformers": transformers.__version__},
         "texts": TEXTS, "cases": cases},
        ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
