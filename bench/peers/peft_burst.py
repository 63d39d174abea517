#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PEFT's mixed batch (`adapter_names`) on the model that bench/burst measures.

Loads once, prints {"ready": …}, then answers lines of JSON on stdin:
    {"mode": "base" | "adapters", "seed": 1} -> {"seconds": 1.5, "tokens": 512}
One burst: one prompt of random tokens for each adapter, all in one batch of
greedy `generate`, on the same threads and in the same type as the server.
"""

import argparse
import importlib.metadata
import json
import pathlib
import sys
import time

import peft
import torch
import transformers

PACKAGES = ("torch", "transformers", "peft")


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--adapters", required=True, type=pathlib.Path)
    parser.add_argument("--dtype", choices=("bf16", "f32"), default="bf16")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--prompt-tokens", type=int, default=128)
    parser.add_argument("--new-tokens", type=int, default=64)
    return parser.parse_args()


def load(args):
    """The base with every adapter on it, in the type it computes in.

    PEFT would keep adapters of a bf16 base in float32: twice the bytes, so
    slower here. The peer gets the faster way.
    """
    dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[args.dtype]
    model = transformers.AutoModelForCausalLM.from_pretrained(
        args.model, dtype=dtype, attn_implementation="sdpa"
    )
    names = sorted(path.name for path in args.adapters.iterdir())
    for name in names:
        path = args.adapters / name
        options = {"autocast_adapter_dtype": False}
        if isinstance(model, peft.PeftModel):
            model.load_adapter(path, adapter_name=name, **options)
        else:
            model = peft.PeftModel.from_pretrained(model, path, name, **options)
    return model.eval(), names


@torch.inference_mode()
def burst(model, names, args, mode, seed):
    generator = torch.Generator().manual_seed(seed)
    prompts = torch.randint(
        3,
        model.config.vocab_size,
        (len(names), args.prompt_tokens),
        generator=generator,
    )
    chosen = names if mode == "adapters" else ["__base__"] * len(names)
    begin = time.perf_counter()
    out = model.generate(
        input_ids=prompts,
        attention_mask=torch.ones_like(prompts),
        adapter_names=chosen,
        do_sample=False,
        min_new_tokens=args.new_tokens,
        max_new_tokens=args.new_tokens,
        pad_token_id=0,
    )
    seconds = time.perf_counter() - begin
    return {
        "seconds": seconds,
        "tokens": len(names) * (out.shape[1] - args.prompt_tokens),
    }


def main():
    args = parse_args()
    torch.set_num_threads(args.threads)
    model, names = load(args)
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    print(json.dumps({"ready": versions}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = burst(model, names, args, request["mode"], request["seed"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
