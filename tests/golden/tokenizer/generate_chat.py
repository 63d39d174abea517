# SPDX-License-Identifier: Apache-2.0
"""Writes chat/expected.json: what `transformers` renders from the templates.

Run it from this folder with the versions of tools/requirements-dev.txt:

    ../../../tools/python --dev generate_chat.py

Each case is {template, messages, kwargs, add_generation_prompt} with `text`,
or with `error` where the template raises; `template` is a file of chat/ or,
for the snippets, a source of its own.
"""

import datetime
import json
import pathlib

import jinja2
import tokenizers
import transformers
from transformers.utils import chat_template_utils

import snippets

HERE = pathlib.Path(__file__).parent
NOW = datetime.datetime(2026, 3, 4, 5, 6, 7)

SYSTEM = {"role": "system", "content": " You are a test. "}
USER = {"role": "user", "content": "Hi there 😀\n"}
ANSWER = {"role": "assistant", "content": " Hello, \"friend\"! "}
THOUGHT = {"role": "assistant",
           "content": "<think>\nIt is 2 + 2.\n</think>\n\nFour."}
AGAIN = {"role": "user", "content": "2 + 2 = ?"}
RESULT = {"role": "tool", "content": "{\"sum\": 4}"}
TOOLS = [
    {"type": "function", "function": {
        "name": "add", "description": "Adds <two> numbers & 'more'",
        "parameters": {
            "type": "object", "required": ["b"],
            "properties": {
                "b": {"type": "number"},
                "a": {"type": "array", "items": {"type": "integer"}},
                "mode": {"type": "string", "enum": ["fast", "exact"]},
                "x": {"description": "größe", "minimum": 1.5, "nul": None,
                      "flag": True, "empty": {}, "list": []}}},
        "return": {"type": "number"}}},
    {"type": "function", "function": {
        "name": "now", "description": "",
        "parameters": {"type": "object", "properties": {}}}},
]
CONVERSATIONS = [
    [USER], [SYSTEM, USER], [USER, ANSWER], [USER, ANSWER, AGAIN],
    [SYSTEM, USER, ANSWER, AGAIN, THOUGHT], [USER, THOUGHT, AGAIN, RESULT],
    [USER, USER], [ANSWER], [SYSTEM], [USER, RESULT, RESULT, ANSWER],
    [USER, {"role": "critic", "content": "no"}],
    [USER, {"role": "stop", "content": "line\n\nline"}, ANSWER],
    [{"role": "skip", "content": "x"}, {"role": "user", "content": ""}],
]
KWARGS = [{}, {"tools": TOOLS}, {"enable_thinking": False},
          {"date_string": "today", "builtin_tools": ["code", "web", "math"]},
          {"tools": TOOLS, "tools_in_user_message": True}]


class FrozenDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def make_tokenizer(template):
    backend = tokenizers.Tokenizer(tokenizers.models.BPE())
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>",
        chat_template=template)


def render(template, messages, kwargs, add_generation_prompt):
    case = {"messages": messages, "kwargs": kwargs,
            "add_generation_prompt": add_generation_prompt}
    try:
        case["text"] = make_tokenizer(template).apply_chat_template(
            messages, tokenize=False,
            add_generation_prompt=add_generation_prompt, **kwargs)
    except (jinja2.TemplateError, SyntaxError, TypeError, ValueError,
            ZeroDivisionError, OverflowError) as error:
        case["error"] = str(error)
    return case


def main():
    chat_template_utils.datetime = FrozenDatetime
    cases = []
    for path in sorted((HERE / "chat").glob("*.jinja")):
        for messages in CONVERSATIONS:
            for kwargs in KWARGS:
                cases.append({"template": path.name, **render(
                    path.read_text(encoding="utf-8"), messages, kwargs,
                    add_generation_prompt=len(messages) % 2 == 1)})
    snippet_cases = [
        {"source": source, **render(source, [USER], snippets.VARIABLES, False)}
        for source in snippets.SOURCES]
    expected = {
        "versions": {"transformers": transformers.__version__,
                     "jinja2": jinja2.__version__},
        "now": NOW.isoformat(),
        "variables": {"bos_token": "<s>", "eos_token": "</s>"},
        "cases": cases,
        "snippets": snippet_cases,
    }
    (HERE / "chat" / "expected.json").write_text(
        json.dumps(expected, ensure_ascii=False, indent=0) + "\n",
        encoding="utf-8")


if __name__ == "__main__":
    main()
