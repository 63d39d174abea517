# SPDX-License-Identifier: Apache-2.0
"""Asks one prompt of several adapters at once and shows who answered what.

    pip install ./client/python
    python examples/python/generate.py --prompt 'hello>' reverse upper double

The requests run in one batch of the server. An adapter that is not loaded yet
can be named as ID=FOLDER; the folder must lie below an adapter root.
"""

import argparse
from concurrent import futures

from lora_client import Client, LoraError


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--endpoint", default="127.0.0.1:50051")
    parser.add_argument("--prompt", default="hello>")
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("adapters", nargs="+", metavar="ID[=FOLDER]")
    return parser.parse_args()


def ask(client, arguments, adapter_id):
    try:
        answer = client.generate(arguments.prompt, adapters=adapter_id,
                                 max_new_tokens=arguments.max_new_tokens)
    except LoraError as error:
        return f"{adapter_id:16} failed: {error}"
    milliseconds = answer.provenance.total_time.ToMilliseconds()
    return f"{adapter_id:16} {answer.text!r} ({milliseconds} ms)"


def main():
    arguments = parse_arguments()
    with Client(arguments.endpoint) as client:
        names = []
        for adapter in arguments.adapters:
            adapter_id, _, folder = adapter.partition("=")
            names.append(adapter_id)
            if folder:
                client.load_adapter(adapter_id, folder)
        with futures.ThreadPoolExecutor(len(names)) as pool:
            for line in pool.map(lambda name: ask(client, arguments, name),
                                 names):
                print(line)


if __name__ == "__main__":
    main()
