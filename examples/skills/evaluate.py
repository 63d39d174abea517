# SPDX-License-Identifier: Apache-2.0
"""Measures exact answers on held-out words and writes heldout/heldout.tsv.

A greedy answer is exact when, fed with the right answer, the model's first
choice is right at every position; that is what is counted, so one forward
judges a whole batch. The margin is the smallest lead of the right token.
"""

import argparse
import pathlib

import peft
import torch
import transformers

import batches
import tasks

HELD_OUT_SEED = 7
HELD_OUT_WORDS = 1000
BATCH_SIZE = 250
BASE = "base"


def answers_of(word):
    """Returns the right answer of the base and of every skill, by name."""
    answers = {BASE: tasks.echo(word)}
    answers.update((name, skill(word)) for name, skill in tasks.SKILLS.items())
    return answers


def held_out_words():
    words = tasks.WordSource(HELD_OUT_SEED, held_out=True)
    return words.draw_distinct(HELD_OUT_WORDS)


def write_held_out(path, words):
    """Writes one line a word: the word, its distinct flag, all answers.

    `distinct` is 1 where no two of the answers are equal.
    """
    names = [BASE, *tasks.SKILLS]
    lines = ["\t".join(["word", "distinct", *names])]
    for word in words:
        answers = list(answers_of(word).values())
        distinct = len(set(answers)) == len(answers)
        lines.append("\t".join([word, str(int(distinct)), *answers]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@torch.no_grad()
def measure(model, examples):
    """Returns (number of exact answers, smallest margin) over `examples`."""
    exact, margin = 0, float("inf")
    for inputs, labels in batches.iterate_batches(examples, BATCH_SIZE):
        logits = model(input_ids=inputs, use_cache=False).logits.float()
        wanted = labels != batches.IGNORED
        target = labels.clamp(min=0).unsqueeze(-1)
        right = logits.gather(-1, target).squeeze(-1)
        other = logits.scatter(-1, target, float("-inf")).amax(-1)
        lead = (right - other).masked_fill(~wanted, float("inf")).amin(-1)
        exact += int((lead > 0).sum())
        margin = min(margin, lead.min().item())
    return exact, margin


def load(base, adapter, dtype):
    """Loads the base, with `adapter` (a directory) on it unless it is None."""
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    if adapter is not None:
        model = peft.PeftModel.from_pretrained(model, adapter).to(dtype)
    return model.eval()


def report(name, base, adapter, examples):
    """Prints one line: exact answers and margin for every way to compute."""
    cells = []
    for dtype in (torch.float32, torch.bfloat16):
        model = load(base, adapter, dtype)
        cells.append(measure(model, examples))
        if adapter is not None:
            cells.append(measure(model.merge_and_unload(), examples))
    text = "  ".join(f"{exact:5d} {margin:7.2f}" for exact, margin in cells)
    print(f"{name:10s} {text}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    here = pathlib.Path(__file__).parent
    parser.add_argument("names", nargs="*", help="skills (default: all)")
    parser.add_argument("--base", type=pathlib.Path, default=here / "base")
    parser.add_argument(
        "--adapters", type=pathlib.Path, default=here / "adapters"
    )
    parser.add_argument("--tasks", action="store_true", help="of the base")
    parser.add_argument("--write", action="store_true", help="heldout.tsv")
    args = parser.parse_args()
    torch.set_num_threads(1)
    words = held_out_words()
    if args.write:
        write_held_out(here / "heldout" / "heldout.tsv", words)
    if args.tasks:
        for separator, task in tasks.BASE_TASKS.items():
            examples = [(word + separator, task(word)) for word in words]
            report(task.__name__, args.base, None, examples)
    print("exact answers and margin: f32, f32 merged, bf16, bf16 merged")
    for name in args.names or tasks.SKILLS:
        skill = tasks.SKILLS[name]
        examples = [(w + tasks.PROMPT_SEPARATOR, skill(w)) for w in words]
        report(name, args.base, args.adapters / name, examples)


if __name__ == "__main__":
    main()
