# SPDX-License-Identifier: Apache-2.0
"""The texts of the tokenizer goldens: hand-written ones and random mixtures.

Everything is deterministic, so that a second run writes the same files.
"""

import random

TRAINING = [
    "The little server keeps one base model in memory and many adapters.",
    "Every request names its adapter, and the adapters share one batch.",
    "It's what they've said: we'll merge, you'd unload, I'm done, don't.",
    "In 2024 there were 1234567 tokens, 98.5% of them ordinary words.",
    "def load(path, *, strict=True):\n    return open(path).read()\n",
    "for (int i = 0; i < 10; ++i) { sum += values[i] * 2; }\n\treturn sum;",
    "La petite fille a mangé une pomme à côté de l'hôtel près d'ici.",
    "Die Straße ist schön und größer als die Häuser über dem Fluß.",
    "El niño corrió mañana por la montaña; ¿qué pasó después?",
    "Быстрая коричневая лиса прыгает через ленивую собаку.",
    "東京は大きな都市です。今日は天気がいいですね。",
    "我们在同一个批次里运行许多适配器。",
    "안녕하세요 세계, 오늘 날씨가 좋네요.",
    "مرحبا بالعالم، هذا نص قصير.",
    "the cat sat on the mat and the dog sat on the log, then they ran",
    "prefill and decode, decode and prefill; rank and alpha and scaling",
]

HAND_WRITTEN = [
    "",
    " ",
    "  ",
    "   \n",
    "\n\n\n",
    "\t\ttabs\tand  spaces \t mixed",
    "Hello, world!",
    " leading space",
    "trailing space ",
    "  two leading, two trailing  ",
    "double  space   triple    four",
    "a" * 70,
    "=" * 40 + "\n" + "-" * 33,
    "It's we've you'd I'm they'll he's can't IT'S WE'VE",
    "digits 1 12 123 1234 12345 3.14159 1,000,000 ½ Ⅷ ² ٣٤٥ १२३",
    "café café naïve naïve Å Å ﬁ ﬂ ﬀ",
    "e\u0301\u0302 combining \u0301 alone, Zalgo: h\u0335e\u0334l\u0336l\u0337o",
    "Hangul 각 각 한글",
    "emoji 😀 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷 ❤️ ☕",
    "👨‍💻👩🏿‍🚀 zero\u200bwidth\u200djoin\u2060er\ufeff",
    "日本語とEnglishの混在 テキスト、全角スペース　です。",
    "中文字符：你好，世界！繁體字 𠮷野家 𝕌𝕟𝕚𝕔𝕠𝕕𝕖",
    "Привет, мир! Ёлка — это ёлка…",
    "مرحبا بالعالم ١٢٣ שלום עולם",
    "ไทยภาษา हिन्दी தமிழ் বাংলা",
    "non-breaking\u00a0space, thin\u2009space, line\u2028sep, para\u2029sep, nel\u0085x",
    "mongolian\u180evowel\u180e separator",
    "control \x00 \x01 \x07 \x1b[0m \x7f \x1c\x1d\x1e\x1f end",
    "windows\r\nline\r\nends\rmac",
    "def f(x):\n\treturn {k: v for k, v in x.items() if v != 'a\\n'}\n\n\n",
    "#include <vector>\nint main() { return (a->b)[0] ? x::y : ~z; } // ok\n",
    "https://example.org/path?query=1&other=%20#frag user@example.org",
    "<s>hello</s>world<s> <unk> <pad></s>",
    "</s>a </s> a</s>  b",
    "<|endoftext|>text<|endoftext|> <|endoftext|>",
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>",
    "<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\n",
    "<bos><start_of_turn>user\nhi<end_of_turn>\n<eos>",
    "<tool_call>{\"name\": \"f\"}</tool_call>",
    "<0x41><0x0A> literal byte names <0xE2>",
    "▁already▁marked ▁ text▁ ▁▁▁",
    "Ġbyte Ċlevel ĉ characters ÄĠÖ",
    "_under_score__ mixedCaseWords SCREAMING_SNAKE kebab-case",
    "“quotes” ‘single’ «guillemets» „low“ — dash – en … ellipsis",
    "x²+y²=z² ∑∫√∞ ≠≤≥ αβγΔΩ",
    "ＦＵＬＬ　ｗｉｄｔｈ １２３ ｶﾀｶﾅ ㍿ ℌ",
    "İstanbul ISTANBUL ıI ΣΑΣ ß ẞ Ǆ",
    "word1word2 3rd 4th v1.2.3-rc4 0xDEADBEEF 1e-10",
    "\u2581", "\u2581\u2581a", "\ufffd replacement \ufffd",
    "private \ue000\uf8ff use, \U0010ffff last, \u0378 unassigned",
    "MASK[MASK] word[MASK]word  [MASK]  [ent]x[ent] x [ent] [Day] [day] Day",
    "ab ab_ab abab lone, lone lonely alone lone",
]

ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz",
    "etaoin shrdlu",
    "ABCabc 019 .,;:!?'\"-_()[]{}<>/\\|@#$%^&*+=~`",
    " \t\n\r\u00a0\u3000\u2003",
    "àéîõüçñßøåÀÉÎÕÜ",
    "абвгдежзий АБВ",
    "あいうえおアイウ漢字日本語中文",
    "😀😁👍🏽👩‍👧🇫🇷❤️\u200d\ufe0f",
    "\u0301\u0302\u0323\u0330ae",
    "가각갂한글\u1100\u1161\u11a8",
    "\x00\x01\x02\x1b\x7f\x80\x85",
    "0123456789٠١٢½²",
    "▁Ġ<>0x41Ċ",
]

SPECIALS = ["<s>", "</s>", "<|endoftext|>", "<|im_start|>", "<|eot_id|>",
            "<bos>", "[MASK]", "[ent]", "lone", " ", "\n"]


def random_text(rng):
    parts = []
    for _ in range(rng.randint(1, 6)):
        if rng.random() < 0.15:
            parts.append(rng.choice(SPECIALS))
        elif rng.random() < 0.3:
            words = rng.choice(TRAINING).split(" ")
            begin = rng.randrange(len(words))
            parts.append(" ".join(words[begin:begin + rng.randint(1, 4)]))
        else:
            alphabet = rng.choice(ALPHABETS)
            parts.append("".join(
                rng.choice(alphabet) for _ in range(rng.randint(1, 9))))
    return "".join(parts)


def texts(num_random, seed):
    rng = random.Random(seed)
    return HAND_WRITTEN + [random_text(rng) for _ in range(num_random)]
