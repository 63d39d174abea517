# SPDX-License-Identifier: Apache-2.0
"""Writes the golden models, adapters and expected outputs (see README.md)."""

import argparse
import copy
import json
import pathlib
import shutil

import peft
import safetensors.torch
import torch
import transformers

import families

PROMPT_LENGTHS = (1, 7, 40)
NEW_TOKENS = 16
MIN_MARGIN = 2e-3
TOLERANCE = 2e-4
MAX_DRAWS = 1000

# case name -> the (adapter, weight) pairs that are added up
VARIANTS = {
    "base": [],
    "plain": [("plain", 1.0)],
    "rslora": [("rslora", 1.0)],
    "pattern": [("pattern", 1.0)],
    "query_only": [("query_only", 1.0)],
    "wide": [("wide", 1.0)],
    "plain_half": [("plain", 0.5)],
    "rslora_negative": [("rslora", -1.0)],
    "plain_and_rslora": [("plain", 0.75), ("rslora", -0.5)],
    "pattern_and_wide": [("pattern", 0.5), ("wide", 0.25)],
}
# Variants whose logits are kept for every position of the prompt.
EVERY_POSITION = ("base", "rslora")


def load(model_dir, adapter_root):
    """Loads the base with every adapter on it, as PEFT does."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        model_dir, dtype=torch.float32, attn_implementation="eager"
    )
    for name in families.lora_configs():
        path = adapter_root / name
        if isinstance(model, peft.PeftModel):
            model.load_adapter(path, adapter_name=name)
        else:
            model = peft.PeftModel.from_pretrained(model, path, name)
    return model.eval()


def lora_layers(model):
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, peft.tuners.lora.LoraLayer)
    ]


def activate(model, adapters):
    """Makes PEFT add exactly the weighted `adapters` to the base."""
    if not adapters:
        model.base_model.disable_adapter_layers()
        return
    model.base_model.set_adapter([name for name, _ in adapters])
    for _, layer in lora_layers(model):
        for name, weight in adapters:
            if name in layer.scaling:
                layer.set_scale(name, weight)


def summed_by_hand(model_dir, model, adapters):
    """Returns the plain base with W + sum of weight * scaling * B A."""
    result = transformers.AutoModelForCausalLM.from_pretrained(
        model_dir, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    for path, layer in lora_layers(model):
        target = result.get_submodule(path.removeprefix("base_model.model."))
        for name, weight in adapters:
            if name not in layer.lora_A:
                continue
            config = model.peft_config[name]
            rank = layer.lora_A[name].weight.shape[0]
            alpha = layer.lora_alpha[name]
            scale = alpha / (rank**0.5 if config.use_rslora else rank)
            update = layer.lora_B[name].weight @ layer.lora_A[name].weight
            target.weight.data += weight * scale * update.data
    return result


@torch.no_grad()
def run_greedy(model, prompt):
    """Prefills `prompt` at once and decodes greedily over the KV cache.

    Returns (ids, logits): the new tokens and the logits of every position that
    was computed, the last NEW_TOKENS rows being those that chose the tokens.
    """
    step = torch.tensor([prompt])
    cache, ids, rows = None, [], []
    while True:
        out = model(input_ids=step, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        rows.append(out.logits[0])
        ids.append(int(out.logits[0, -1].argmax()))
        if len(ids) == NEW_TOKENS:
            return ids, torch.cat(rows)
        step = torch.tensor([[ids[-1]]])


def smallest_margin(logits):
    """The smallest lead of a chosen token over the second best."""
    best = logits[-NEW_TOKENS:].topk(2).values
    return float((best[:, 0] - best[:, 1]).min())


def run_variants(prompt, models):
    """Returns variant -> (ids, logits); None if any choice is too close."""
    results = {}
    for name, (by_peft, by_hand) in models.items():
        ids, logits = run_greedy(copy.deepcopy(by_peft), prompt)
        hand_ids, hand_logits = run_greedy(copy.deepcopy(by_hand), prompt)
        if smallest_margin(logits) < MIN_MARGIN:
            return None
        if ids != hand_ids or (logits - hand_logits).abs().max() > TOLERANCE:
            raise AssertionError(f"{name}: PEFT and W + sum(w s B A) differ")
        if min(ids) < families.SPECIAL_IDS:
            raise AssertionError(f"{name}: a special token was generated")
        results[name] = (ids, logits)
    return results


def draw_prompt(length, models, generator):
    """Returns (prompt, results) of the first prompt without close choices."""
    for _ in range(MAX_DRAWS):
        prompt = torch.randint(
            families.SPECIAL_IDS,
            families.VOCAB_SIZE,
            (length,),
            generator=generator,
        ).tolist()
        results = run_variants(prompt, models)
        if results is not None:
            return prompt, results
    raise AssertionError(f"no prompt of length {length} has clear answers")


def make_case(family, variant, prompt, ids):
    """Returns the case as cases/<family>.json holds it."""
    every_position = variant in EVERY_POSITION
    return {
        "name": f"{variant}_{len(prompt)}",
        "model_dir": f"models/{family}",
        "adapters": [
            {"dir": f"adapters/{family}/{name}", "weight": weight}
            for name, weight in VARIANTS[variant]
        ],
        "prompt_ids": prompt,
        "greedy_ids": ids,
        "first_position": 0 if every_position else len(prompt) - 1,
    }


def write_json(path, value):
    """Writes `value`, a list of objects, one field a line."""
    lines = []
    for item in value:
        fields = [f'  "{key}": {json.dumps(v)}' for key, v in item.items()]
        lines.append("{\n" + ",\n".join(fields) + "\n}")
    path.write_text("[" + ", ".join(lines) + "]\n")


def write_cases(name, seed, root):
    """Runs every variant on every prompt and writes what came out."""
    model_dir = root / "models" / name
    loaded = load(model_dir, root / "adapters" / name)
    models = {}
    for variant, adapters in VARIANTS.items():
        by_peft = copy.deepcopy(loaded)
        activate(by_peft, adapters)
        models[variant] = (by_peft, summed_by_hand(model_dir, loaded, adapters))
    generator = torch.Generator().manual_seed(seed)
    cases, tensors = [], {}
    for length in PROMPT_LENGTHS:
        prompt, results = draw_prompt(length, models, generator)
        for variant, (ids, logits) in results.items():
            case = make_case(name, variant, prompt, ids)
            cases.append(case)
            rows = logits[case["first_position"] :]
            tensors[f"{case['name']}.logits"] = rows.contiguous()
    (root / "cases").mkdir(exist_ok=True)
    write_json(root / "cases" / f"{name}.json", cases)
    safetensors.torch.save_file(tensors, root / "cases" / f"{name}.safetensors")


def generate(name, family, root):
    """Writes the model, the adapters and the cases of one family anew."""
    model_dir = root / "models" / name
    adapter_root = root / "adapters" / name
    for directory in (model_dir, adapter_root):
        shutil.rmtree(directory, ignore_errors=True)
    families.write_model(family, model_dir)
    adapters = families.lora_configs().items()
    for i, (adapter, (config, dtype)) in enumerate(adapters):
        seed = 100 * family.seed + i
        path = adapter_root / adapter
        families.write_adapter(model_dir, config, dtype, seed, path)
    write_cases(name, 100 * family.seed + 99, root)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    here = pathlib.Path(__file__).parent
    parser.add_argument("names", nargs="*", help="families (default: all)")
    parser.add_argument("--out", type=pathlib.Path, default=here)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    for name, family in families.families().items():
        if not args.names or name in args.names:
            generate(name, family, args.out)
            print(name, flush=True)


if __name__ == "__main__":
    main()
