# SPDX-License-Identifier: Apache-2.0
"""Trains one PEFT adapter a skill on the frozen, bf16-rounded base model."""

import argparse
import dataclasses
import json
import pathlib
import time

import peft
import torch
import transformers

import batches
import tasks

BATCH_SIZE = 48
LEARNING_RATE = 5e-3
WARM_UP_STEPS = 20
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one adapter is shaped and for how long it learns."""

    seed: int
    rank: int
    alpha: int
    targets: tuple
    steps: int = 600
    rslora: bool = False
    rank_pattern: dict = dataclasses.field(default_factory=dict)
    alpha_pattern: dict = dataclasses.field(default_factory=dict)

    def lora_config(self):
        return peft.LoraConfig(
            task_type="CAUSAL_LM",
            r=self.rank,
            lora_alpha=self.alpha,
            target_modules=sorted(self.targets),
            use_rslora=self.rslora,
            rank_pattern=dict(self.rank_pattern),
            alpha_pattern=dict(self.alpha_pattern),
            lora_dropout=0.0,
        )


RECIPES = {
    "upper": Recipe(seed=100, rank=2, alpha=4, targets=("q_proj", "v_proj")),
    "reverse": Recipe(seed=200, rank=8, alpha=8, targets=ATTENTION, steps=800),
    "rot13": Recipe(
        seed=102, rank=8, alpha=5, targets=("q_proj", "v_proj"), rslora=True
    ),
    "double": Recipe(
        seed=103, rank=8, alpha=8, targets=("q_proj", "v_proj"), steps=1000
    ),
    "alternate": Recipe(seed=104, rank=4, alpha=8, targets=ATTENTION + MLP),
    "piglatin": Recipe(
        seed=105,
        rank=4,
        alpha=8,
        targets=ATTENTION,
        rank_pattern={"q_proj": 8, r"layers\.[01]\.self_attn\.o_proj": 6},
        alpha_pattern={"q_proj": 20, r"layers\.3\.self_attn\.v_proj": 12},
    ),
    "cipher": Recipe(
        seed=106, rank=4, alpha=4, targets=ATTENTION + MLP, rslora=True
    ),
    "telegram": Recipe(seed=107, rank=4, alpha=12, targets=MLP),
    "dash": Recipe(seed=108, rank=1, alpha=2, targets=ATTENTION + MLP),
    "twice": Recipe(
        seed=109, rank=4, alpha=8, targets=("q_proj", "v_proj"), steps=1200
    ),
}


def make_examples(name, count, seed):
    """Returns `count` (prompt, answer) pairs of one skill."""
    words = tasks.WordSource(seed, held_out=False)
    examples = []
    for _ in range(count):
        word = words.draw()
        answer = tasks.SKILLS[name](word)
        examples.append((word + tasks.PROMPT_SEPARATOR, answer))
    return examples


def rate_at(step, steps):
    """Linear warm-up, then linear decay to zero; a factor in (0, 1]."""
    return min((step + 1) / WARM_UP_STEPS, (steps - step) / steps)


def train(model, name, recipe):
    """Trains the adapter that `model` carries; returns its final loss."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: rate_at(step, recipe.steps)
    )
    losses = []
    count = recipe.steps * BATCH_SIZE
    examples = make_examples(name, count, recipe.seed)
    for inputs, labels in batches.iterate_batches(examples, BATCH_SIZE):
        loss = batches.answer_loss(model, inputs, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return sum(losses[-20:]) / len(losses[-20:])


def sort_target_modules(path):
    """Gives the set of names that PEFT writes one order."""
    config = json.loads(path.read_text())
    config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2) + "\n")


def train_one(base, name, out):
    """Trains the skill `name` and writes its adapter under `out`."""
    recipe = RECIPES[name]
    torch.manual_seed(recipe.seed)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32
    )
    model = peft.get_peft_model(model, recipe.lora_config())
    start = time.monotonic()
    loss = train(model, name, recipe)
    seconds = time.monotonic() - start
    print(f"{name:10s} {seconds:6.1f} s loss {loss:.6f}", flush=True)
    model.peft_config["default"].base_model_name_or_path = "skills-base"
    model.save_pretrained(out / name, save_embedding_layers=False)
    (out / name / "README.md").unlink()
    sort_target_modules(out / name / "adapter_config.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    here = pathlib.Path(__file__).parent
    parser.add_argument("names", nargs="*", default=list(RECIPES))
    parser.add_argument("--base", type=pathlib.Path, default=here / "base")
    parser.add_argument("--out", type=pathlib.Path, default=here / "adapters")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.names:
        train_one(args.base, name, args.out)


if __name__ == "__main__":
    main()
