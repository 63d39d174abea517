# SPDX-License-Identifier: Apache-2.0
"""The tiny base models and the adapters that the golden cases run on."""

import dataclasses
import json
import math

import peft
import torch
import transformers

VOCAB_SIZE = 96
SPECIAL_IDS = 3  # <pad>, <s>, </s>
ALL_LINEAR = [
    "down_proj",
    "gate_proj",
    "k_proj",
    "o_proj",
    "q_proj",
    "up_proj",
    "v_proj",
]


@dataclasses.dataclass(frozen=True)
class Family:
    """One base model: its configuration and how it is written."""

    config: transformers.PretrainedConfig
    seed: int
    max_shard_size: str = "1GB"
    old_keys: bool = False  # config.json spelled as transformers 4 did
    dtype: torch.dtype = torch.float32  # of the file


def _config(config_class, **fields):
    defaults = {
        "vocab_size": VOCAB_SIZE,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "rms_norm_eps": 1e-3,
        "tie_word_embeddings": False,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    return config_class(**{**defaults, **fields})


def _rope(rope_type, theta, **fields):
    return {"rope_type": rope_type, "rope_theta": theta, **fields}


def families():
    """Returns name -> Family, in the order in which they are generated."""
    llama = transformers.LlamaConfig
    return {
        "llama": Family(
            _config(llama, rope_parameters=_rope("default", 1000.0)), seed=11
        ),
        "llama_tied_llama3": Family(
            _config(
                llama,
                tie_word_embeddings=True,
                rope_parameters=_rope(
                    "llama3",
                    100.0,
                    factor=8.0,
                    low_freq_factor=1.0,
                    high_freq_factor=4.0,
                    original_max_position_embeddings=64,
                ),
            ),
            seed=12,
        ),
        "llama_linear": Family(
            _config(llama, rope_parameters=_rope("linear", 500.0, factor=4.0)),
            seed=13,
            old_keys=True,
        ),
        "llama_dynamic": Family(
            _config(
                llama,
                max_position_embeddings=16,
                rope_parameters=_rope("dynamic", 100.0, factor=4.0),
            ),
            seed=14,
        ),
        "llama_yarn": Family(
            _config(
                llama,
                rope_parameters=_rope(
                    "yarn",
                    100.0,
                    factor=4.0,
                    original_max_position_embeddings=32,
                ),
            ),
            seed=15,
        ),
        "mistral": Family(
            _config(
                transformers.MistralConfig,
                sliding_window=8,
                rope_parameters=_rope("default", 1000.0),
            ),
            seed=16,
        ),
        "qwen2": Family(
            _config(
                transformers.Qwen2Config,
                rope_parameters=_rope("default", 1000.0),
            ),
            seed=17,
        ),
        "qwen3": Family(
            _config(
                transformers.Qwen3Config,
                head_dim=16,
                rope_parameters=_rope("default", 1000.0),
            ),
            seed=18,
            max_shard_size="32KB",
        ),
        "llama_bias": Family(
            _config(
                llama,
                attention_bias=True,
                mlp_bias=True,
                rope_parameters=_rope(
                    "yarn",
                    1000.0,
                    factor=2.0,
                    original_max_position_embeddings=64,
                    attention_factor=0.75,
                ),
            ),
            seed=19,
        ),
        "qwen2_window": Family(
            _config(
                transformers.Qwen2Config,
                use_sliding_window=True,
                sliding_window=8,
                max_window_layers=1,
                rope_parameters=_rope("default", 1000.0),
            ),
            seed=20,
            old_keys=True,
        ),
        "qwen3_tied_yarn": Family(
            _config(
                transformers.Qwen3Config,
                head_dim=16,
                tie_word_embeddings=True,
                rope_parameters=_rope(
                    "yarn",
                    100.0,
                    factor=4.0,
                    original_max_position_embeddings=32,
                    beta_fast=4.0,
                    beta_slow=0.5,
                    mscale=2.0,
                    mscale_all_dim=0.5,
                    truncate=False,
                ),
            ),
            seed=21,
        ),
        "llama_fp16": Family(
            _config(llama, rope_parameters=_rope("default", 1000.0)),
            seed=22,
            dtype=torch.float16,
        ),
    }


def _fill(parameter, mean, deviation, generator):
    noise = torch.randn(parameter.shape, generator=generator)
    with torch.no_grad():
        parameter.copy_(mean + deviation * noise)


def _fill_model(model, generator):
    """Random weights, none of them trivial: norms off 1, biases off 0.

    The head's rows of the special tokens are zero, so that their logits are 0
    and no greedy answer ever holds one. A tied head has small rows: with large
    ones every token would be followed by itself.
    """
    tied = model.config.tie_word_embeddings
    for name, parameter in model.named_parameters():
        if "norm" in name:
            _fill(parameter, 1.0, 0.25, generator)
        elif name.endswith(".bias"):
            _fill(parameter, 0.0, 0.5, generator)
        elif "embed_tokens" in name:
            _fill(parameter, 0.0, 0.2 if tied else 1.0, generator)
        else:
            _fill(parameter, 0.0, parameter.shape[1] ** -0.5, generator)
    with torch.no_grad():
        model.lm_head.weight[:SPECIAL_IDS] = 0


def _spell_as_version_4(path):
    """Turns rope_parameters into rope_theta and rope_scaling.type.

    Leaves out layer_types, which version 4 did not write.
    """
    config = json.loads(path.read_text())
    config.pop("layer_types", None)
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    rope_type = rope.pop("rope_type")
    if rope_type != "default":
        config["rope_scaling"] = {"type": rope_type, **rope}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_model(family, directory):
    """Writes the family's base model as transformers saves it."""
    model = transformers.AutoModelForCausalLM.from_config(family.config)
    _fill_model(model, torch.Generator().manual_seed(family.seed))
    model.to(family.dtype)
    model.save_pretrained(directory, max_shard_size=family.max_shard_size)
    if family.old_keys:
        _spell_as_version_4(directory / "config.json")


def lora_configs():
    """Returns adapter name -> (LoraConfig, dtype of its file).

    The keys of "pattern" overlap (the first match in file order wins), and its
    alpha key "proj" matches no module: a key has to match a whole name.
    """
    return {
        "plain": (
            peft.LoraConfig(
                r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]
            ),
            torch.float32,
        ),
        "rslora": (
            peft.LoraConfig(
                r=8, lora_alpha=12, target_modules=ALL_LINEAR, use_rslora=True
            ),
            torch.float32,
        ),
        "pattern": (
            peft.LoraConfig(
                r=4,
                lora_alpha=8,
                target_modules=ALL_LINEAR,
                rank_pattern={
                    r"layers\.1\..*_proj": 2,
                    r"model\.layers\.0\.mlp\.(gate|up)_proj": 3,
                    "q_proj": 6,
                },
                alpha_pattern={
                    r"layers\.0\..*\.o_proj": 5,
                    "proj": 64,
                    r"self_attn\.[kv]_proj": 3,
                    "v_proj": 100,
                },
            ),
            torch.float32,
        ),
        "query_only": (
            peft.LoraConfig(
                r=1, lora_alpha=3, target_modules=r"model\..*\.q_proj"
            ),
            torch.bfloat16,
        ),
        "wide": (
            peft.LoraConfig(
                r=40,
                lora_alpha=10,
                target_modules=["down_proj", "k_proj", "o_proj"],
            ),
            torch.float16,
        ),
    }


def _sort_target_modules(path):
    """Gives the set of names that PEFT writes one order."""
    config = json.loads(path.read_text())
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2) + "\n")


def write_adapter(model_dir, config, dtype, seed, directory):
    """Writes one random adapter as PEFT saves it.

    Its update of each matrix is about 0.7 times as large as the matrix.
    """
    base = transformers.AutoModelForCausalLM.from_pretrained(
        model_dir, dtype=torch.float32
    )
    model = peft.get_peft_model(base, config)
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if not isinstance(module, peft.tuners.lora.LoraLayer):
            continue
        down = module.lora_A["default"].weight
        up = module.lora_B["default"].weight
        scale = module.scaling["default"] * math.sqrt(down.shape[0])
        _fill(down, 0.0, down.shape[1] ** -0.5, generator)
        _fill(up, 0.0, 0.7 / scale, generator)
    model.to(dtype)
    model.peft_config["default"].base_model_name_or_path = model_dir.name
    model.save_pretrained(directory, save_embedding_layers=False)
    (directory / "README.md").unlink()
    _sort_target_modules(directory / "adapter_config.json")
