# SPDX-License-Identifier: Apache-2.0
"""Writes the tokenizer goldens: small trained tokenizers and what the real
`tokenizers` library makes of a corpus.

Run it from this folder with the versions of tools/requirements-dev.txt:

    ../../../tools/python --dev generate.py [NAME...]

The same files each time, but for `flags`, where the trainer breaks ties between
rare characters at random.

corpus.json     the texts
NAME/tokenizer.json
NAME/expected.json
    encode: for each text [ids, ids with special tokens]
    decode: for each list of ids with special tokens
            [text, text without special tokens]
    random: [ids, text, text without special tokens] of random ids
"""

import json
import pathlib
import random
import sys

import tokenizers
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models,
                        normalizers, pre_tokenizers, processors, trainers)

import corpus

HERE = pathlib.Path(__file__).parent
NUM_RANDOM_TEXTS = 70
NUM_RANDOM_IDS = 40

LLAMA3_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2_REGEX = LLAMA3_REGEX.replace(r"\p{N}{1,3}", r"\p{N}")
TEKKEN_REGEX = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK_REGEXES = [
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
    "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
]


def train(tokenizer, vocab_size, alphabet=(), specials=()):
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=list(specials),
        initial_alphabet=list(alphabet), show_progress=False)
    tokenizer.train_from_iterator(corpus.TRAINING * 2, trainer)
    return tokenizer


def special(content, **flags):
    return AddedToken(content, special=True, **flags)


def gpt2():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    train(tokenizer, 700, pre_tokenizers.ByteLevel.alphabet(),
          ["<|endoftext|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def gpt2_prefix_space():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True),
         pre_tokenizers.ByteLevel(add_prefix_space=True)])
    train(tokenizer, 400, pre_tokenizers.ByteLevel.alphabet(),
          ["<|endoftext|>"])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def llama3():
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3_REGEX), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    train(tokenizer, 800, pre_tokenizers.ByteLevel.alphabet())
    tokenizer.add_special_tokens([
        special(name) for name in
        ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
         "<|end_header_id|>", "<|eot_id|>"]])
    bos = "<|begin_of_text|>"
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B",
            special_tokens=[(bos, tokenizer.token_to_id(bos))])])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def qwen2():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2_REGEX), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    train(tokenizer, 700, pre_tokenizers.ByteLevel.alphabet())
    tokenizer.add_special_tokens([special(name) for name in
                                  ["<|endoftext|>", "<|im_start|>",
                                   "<|im_end|>"]])
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in
                          ["<tool_call>", "</tool_call>"]])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def tekken():
    """Mistral's: special tokens first, words cut at a change of case."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(TEKKEN_REGEX), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    train(tokenizer, 700, pre_tokenizers.ByteLevel.alphabet(),
          ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def deepseek():
    """Three expressions, each cutting what the one before left."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(regex), "isolated")
         for regex in DEEPSEEK_REGEXES] +
        [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    bos = "<\uff5cbegin\u2581of\u2581sentence\uff5c>"
    train(tokenizer, 700, pre_tokenizers.ByteLevel.alphabet(),
          [bos, "<\uff5cend\u2581of\u2581sentence\uff5c>"])
    tokenizer.add_tokens([AddedToken(name, normalized=True) for name in
                          ["<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>"]])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B",
        special_tokens=[(bos, tokenizer.token_to_id(bos))])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def sentencepiece(configure, vocab_size, num_bytes=256):
    """A SentencePiece-like tokenizer: control and byte tokens come first.

    The trainer knows no byte tokens, so the vocabulary is made by hand from
    what it learnt.
    """
    learner = Tokenizer(models.BPE())
    learner.normalizer = normalizers.Replace(" ", "▁")
    learner.pre_tokenizer = pre_tokenizers.Metaspace()
    train(learner, vocab_size)
    learnt = json.loads(learner.to_str())["model"]
    tokens = ["<unk>", "<s>", "</s>"]
    tokens += [f"<0x{byte:02X}>" for byte in range(num_bytes)]
    tokens += sorted(learnt["vocab"], key=learnt["vocab"].get)
    tokenizer = Tokenizer(models.BPE(
        vocab={token: i for i, token in enumerate(tokens)},
        merges=[tuple(merge) for merge in learnt["merges"]],
        unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
        decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(
        [special(name) for name in ["<unk>", "<s>", "</s>"]])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    configure(tokenizer)
    return tokenizer


def llama2():
    def configure(tokenizer):
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return sentencepiece(configure, 700)


def llama2_normalized():
    """Early conversions: special tokens are sought in the normalized text."""
    def configure(tokenizer):
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.add_special_tokens(
            [special(name, normalized=True) for name in
             ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]])
    return sentencepiece(configure, 400)


def metaspace(scheme, split):
    def configure(tokenizer):
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
            prepend_scheme=scheme, split=split)
        if scheme == "always":
            tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    return lambda: sentencepiece(configure, 500)


def gemma():
    def configure(tokenizer):
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        tokenizer.pre_tokenizer = pre_tokenizers.Split(
            " ", "merged_with_previous")
        tokenizer.decoder = decoders.Sequence([
            decoders.Replace("▁", " "), decoders.ByteFallback(),
            decoders.Fuse()])
        tokenizer.add_special_tokens([special(name) for name in
                                      ["<bos>", "<eos>", "<start_of_turn>",
                                       "<end_of_turn>"]])
        tokenizer.add_tokens([AddedToken("\n" * n, normalized=False)
                              for n in range(2, 6)])
        bos, eos = "<bos>", "<eos>"
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A {eos}", pair=f"{bos} $A {eos} {bos} $B {eos}",
            special_tokens=[(name, tokenizer.token_to_id(name))
                            for name in (bos, eos)])
    return sentencepiece(configure, 600)


def partial_bytes():
    """Few byte tokens and fused unknown ones between them."""
    def configure(tokenizer):
        tokenizer.normalizer = normalizers.Prepend("▁")
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
            prepend_scheme="never")
    return sentencepiece(configure, 120, num_bytes=128)


def flags():
    """Added tokens with every flag, lower-cased NFKC text, no decoder."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>",
                                     end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(),
         normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits()])
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>"],
                                  end_of_word_suffix="</w>",
                                  limit_alphabet=60, show_progress=False)
    tokenizer.train_from_iterator(corpus.TRAINING, trainer)
    tokenizer.add_special_tokens([
        special("[MASK]", lstrip=True), special("<pad>", rstrip=True),
        special("</s>", lstrip=True, rstrip=True), special("<s>")])
    tokenizer.add_tokens([
        AddedToken("lone", single_word=True, normalized=False),
        AddedToken("[Day]", normalized=True),
        AddedToken("[ent]", normalized=False, rstrip=True),
        AddedToken("ab_", single_word=True, lstrip=True, normalized=True)])
    return tokenizer


def nfd_whitespace():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFD(), normalizers.NFKD(),
         normalizers.Strip(left=True, right=False)])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    train(tokenizer, 300, specials=["<unk>", "<s>", "</s>"])
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


TOKENIZERS = {
    "gpt2": gpt2,
    "gpt2_prefix_space": gpt2_prefix_space,
    "llama3": llama3,
    "qwen2": qwen2,
    "tekken": tekken,
    "deepseek": deepseek,
    "llama2": llama2,
    "llama2_normalized": llama2_normalized,
    "metaspace_always": metaspace("always", True),
    "metaspace_first": metaspace("first", False),
    "metaspace_never": metaspace("never", True),
    "gemma": gemma,
    "partial_bytes": partial_bytes,
    "flags": flags,
    "nfd_whitespace": nfd_whitespace,
}


def dump(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False,
                               separators=(",", ":")) + "\n",
                    encoding="utf-8")


def both_decodes(tokenizer, ids):
    """Special tokens are left out by id.

    skip_special_tokens does the same, but for those that are sought in
    normalized text: it compares their normalized spelling, and keeps them.
    """
    added = tokenizer.get_added_tokens_decoder()
    ordinary = [i for i in ids if i not in added or not added[i].special]
    return [tokenizer.decode(part, skip_special_tokens=False)
            for part in (ids, ordinary)]


def expected(tokenizer, texts, rng, num_random_ids):
    encode = [[tokenizer.encode(text, add_special_tokens=add).ids
               for add in (False, True)] for text in texts]
    size = tokenizer.get_vocab_size()
    randoms = [[rng.randrange(size) for _ in range(rng.randint(1, 12))]
               for _ in range(num_random_ids)]
    return {
        "versions": {"tokenizers": tokenizers.__version__},
        "encode": encode,
        "decode": [both_decodes(tokenizer, ids[1]) for ids in encode],
        "random": [[ids] + both_decodes(tokenizer, ids) for ids in randoms],
    }


def main():
    texts = corpus.texts(NUM_RANDOM_TEXTS, seed=1)
    dump(HERE / "corpus.json", texts)
    for name, make in TOKENIZERS.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        tokenizer = make()
        (folder / "tokenizer.json").write_text(
            tokenizer.to_str() + "\n", encoding="utf-8")
        # What is read back is what counts: loading may renumber.
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        dump(folder / "expected.json",
             expected(tokenizer, texts, random.Random(name), NUM_RANDOM_IDS))


if __name__ == "__main__":
    main()
