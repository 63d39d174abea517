# SPDX-License-Identifier: Apache-2.0
"""The string tasks: what each one answers, and the words they are asked about.

The base model knows BASE_TASKS, one for each separator character. An adapter
teaches one task of SKILLS behind the separator PROMPT_SEPARATOR, where the base
on its own echoes the word.
"""

import random
import zlib

PROMPT_SEPARATOR = ">"
MIN_LETTERS = 3
MAX_LETTERS = 8
HELD_OUT_MODULUS = 8

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROT13 = str.maketrans(_LETTERS, _LETTERS[13:] + _LETTERS[:13])
_CAESAR = str.maketrans(_LETTERS, _LETTERS[1:] + _LETTERS[:1])
_ATBASH = str.maketrans(_LETTERS, _LETTERS[::-1])
_CIPHER = str.maketrans(_LETTERS, "qzkvjxwyfgmpbhtcdlunrsaoie")
_VOWELS = "aeiou"


def echo(word):
    return word


def upper(word):
    return word.upper()


def reverse(word):
    return word[::-1]


def rot13(word):
    return word.translate(_ROT13)


def caesar(word):
    return word.translate(_CAESAR)


def atbash(word):
    return word.translate(_ATBASH)


def cipher(word):
    """A fixed random substitution."""
    return word.translate(_CIPHER)


def double(word):
    return "".join(letter * 2 for letter in word)


def twice(word):
    return word * 2


def mirror(word):
    return word + word[::-1]


def alternate(word):
    return "".join(
        letter.upper() if i % 2 else letter for i, letter in enumerate(word)
    )


def title(word):
    return word.capitalize()


def telegram(word):
    return word.upper() + "."


def dash(word):
    return "-".join(word)


def pig_latin(word):
    """Moves one leading consonant behind the word and adds "ay"."""
    if word[0] in _VOWELS:
        return word + "way"
    return word[1:] + word[0] + "ay"


def rotate_left(word):
    return word[1:] + word[0]


def rotate_right(word):
    return word[-1] + word[:-1]


def swap_pairs(word):
    chars = list(word)
    for i in range(0, len(chars) - 1, 2):
        chars[i], chars[i + 1] = chars[i + 1], chars[i]
    return "".join(chars)


def no_vowels(word):
    """Hides vowels, keeping every position."""
    return "".join("." if letter in _VOWELS else letter for letter in word)


# separator -> task
BASE_TASKS = {
    PROMPT_SEPARATOR: echo,
    "^": upper,
    "<": reverse,
    "+": rot13,
    "@": caesar,
    "%": atbash,
    "*": double,
    "=": twice,
    "|": mirror,
    "~": alternate,
    "#": title,
    "_": dash,
    "&": pig_latin,
    "/": rotate_left,
    "\\": rotate_right,
    "$": swap_pairs,
    "?": no_vowels,
}

# adapter name -> task
SKILLS = {
    "upper": upper,
    "reverse": reverse,
    "rot13": rot13,
    "double": double,
    "alternate": alternate,
    "piglatin": pig_latin,
    "cipher": cipher,
    "telegram": telegram,
    "dash": dash,
    "twice": twice,
}


def is_held_out(word):
    """True for the words that no training step ever sees."""
    return zlib.crc32(word.encode()) % HELD_OUT_MODULUS == 0


class WordSource:
    """Draws words of 3 to 8 letters; every second one repeats few letters."""

    def __init__(self, seed, held_out):
        self._random = random.Random(seed)
        self._held_out = held_out

    def draw(self):
        """Returns one word of the side of the split that this source serves."""
        while True:
            length = self._random.randint(MIN_LETTERS, MAX_LETTERS)
            letters = _LETTERS
            if self._random.random() < 0.5:
                letters = self._random.sample(_LETTERS, 3)
            word = "".join(self._random.choices(letters, k=length))
            if is_held_out(word) == self._held_out:
                return word

    def draw_distinct(self, count):
        """Returns `count` words, no two of them equal."""
        words = {}
        while len(words) < count:
            words[self.draw()] = None
        return list(words)
