# SPDX-License-Identifier: Apache-2.0
"""Trains the base model on all base tasks at once and writes it as bf16."""

import argparse
import pathlib
import random
import time

import torch
import transformers

import batches
import tasks
import tokenizer

MODEL_VOCAB = 260  # 3 special tokens, 256 bytes, 1 unused row
BATCH_SIZE = 96
WARM_UP_STEPS = 100


def make_config():
    return transformers.LlamaConfig(
        vocab_size=MODEL_VOCAB,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=256,
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        pad_token_id=batches.PAD_ID,
        bos_token_id=batches.BOS_ID,
        eos_token_id=batches.EOS_ID,
    )


def make_examples(count, seed):
    """Returns `count` (prompt, answer) pairs, each of a random base task."""
    words = tasks.WordSource(seed, held_out=False)
    choose = random.Random(seed + 1)
    separators = list(tasks.BASE_TASKS)
    examples = []
    for _ in range(count):
        word = words.draw()
        separator = choose.choice(separators)
        answer = tasks.BASE_TASKS[separator](word)
        examples.append((word + separator, answer))
    return examples


def make_optimizers(model):
    """Muon for the matrices of the layers, AdamW for everything else."""
    matrices, others = [], []
    for name, parameter in model.named_parameters():
        in_layer = name.startswith("model.layers.") and parameter.ndim == 2
        (matrices if in_layer else others).append(parameter)
    return [
        torch.optim.Muon(
            matrices,
            lr=4e-3,
            weight_decay=0.0,
            momentum=0.95,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(others, lr=4e-3, weight_decay=0.0, betas=(0.9, 0.95)),
    ]


def rate_at(step, steps):
    """Linear warm-up, then linear decay to zero; a factor in (0, 1]."""
    return min((step + 1) / WARM_UP_STEPS, (steps - step) / steps)


def train(model, steps, seed):
    optimizers = make_optimizers(model)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda step: rate_at(step, steps))
        for o in optimizers
    ]
    examples = make_examples(steps * BATCH_SIZE, seed)
    start = time.monotonic()
    for step, (inputs, labels) in enumerate(
        batches.iterate_batches(examples, BATCH_SIZE)
    ):
        loss = batches.answer_loss(model, inputs, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        if step % 100 == 0 or step + 1 == steps:
            seconds = time.monotonic() - start
            print(f"{step:5d} {seconds:7.1f} s loss {loss:.5f}", flush=True)


def save(model, directory):
    """Writes weights rounded to bf16, configurations and the tokenizer."""
    model.to(torch.bfloat16)
    model.generation_config = transformers.GenerationConfig(
        do_sample=False,
        max_new_tokens=32,
        pad_token_id=batches.PAD_ID,
        bos_token_id=batches.BOS_ID,
        eos_token_id=batches.EOS_ID,
    )
    model.save_pretrained(directory)
    tokenizer.save(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    here = pathlib.Path(__file__).parent
    parser.add_argument("--out", type=pathlib.Path, default=here / "base")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    model = transformers.LlamaForCausalLM(make_config())
    print(f"{model.num_parameters()} parameters", flush=True)
    train(model, args.steps, args.seed)
    save(model, args.out)


if __name__ == "__main__":
    main()
