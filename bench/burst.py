#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bursts on a 0.5B model: adapters beside the base alone, and beside PEFT.

Starts lora-server on random weights of 0.5B shapes (made once, by bench-model)
and sends bursts of eight requests with loadgen: prompt 128, 64 new tokens,
greedy, end tokens ignored. A round is one burst of the base alone, one of eight
requests on eight adapters (rank 16, all seven linear modules), and one of PEFT's
mixed batch; ratios are taken within a round, since a shared machine drifts.
Prints a table and writes JSON. Needs a quiet machine.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
REQUESTS = 8
PROMPT_TOKENS = 128
NEW_TOKENS = 64
# The widest interquartile range, of the median, that still tells anything.
MAX_SPREAD = 0.05


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--dtype", choices=("bf16", "f32"), default="bf16")
    parser.add_argument(
        "--threads", type=int, default=len(os.sched_getaffinity(0))
    )
    parser.add_argument(
        "--no-peers", action="store_true", help="leave PEFT out (it needs 3 GB)"
    )
    parser.add_argument("--bin", type=pathlib.Path, default="build/release/bin")
    parser.add_argument("--out", type=pathlib.Path, default="build/bench")
    return parser.parse_args()


class Server:
    """A lora-server on a free port; ends with the block."""

    def __init__(self, args, model):
        self._loadgen = args.bin / "loadgen"
        self._command = [
            args.bin / "lora-server",
            f"--model={model / 'base'}",
            f"--adapter-dir={model / 'adapters'}",
            f"--dtype={args.dtype}",
            f"--threads={args.threads}",
            "--listen=127.0.0.1:0",
            "--log-format=text",
        ]

    def __enter__(self):
        self._log = tempfile.NamedTemporaryFile("r+", suffix=".log")
        # pylint: disable-next=consider-using-with
        self._process = subprocess.Popen(
            self._command, stdout=self._log, stderr=subprocess.STDOUT
        )
        port = self._await(r"event=listening .*port=(\d+)")
        self._await(r"event=ready ")
        self._endpoint = f"127.0.0.1:{port[1]}"
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def _await(self, pattern):
        while True:
            text = pathlib.Path(self._log.name).read_text(encoding="utf-8")
            if found := re.search(pattern, text):
                return found
            if self._process.poll() is not None:
                sys.exit(f"lora-server ended:\n{text}")
            try:
                self._process.wait(0.1)
            except subprocess.TimeoutExpired:
                pass

    def burst(self, mode, seed):
        """Tokens a second over a burst, and the rest of loadgen's report."""
        with tempfile.NamedTemporaryFile("r", suffix=".json") as report:
            subprocess.run(
                [
                    self._loadgen,
                    f"--endpoint={self._endpoint}",
                    f"--requests={REQUESTS}",
                    f"--concurrency={REQUESTS}",
                    "--warm-up=0",
                    f"--prompt-tokens={PROMPT_TOKENS}",
                    f"--max-new-tokens={NEW_TOKENS}",
                    "--ignore-eos",
                    "--path=unmerged",
                    f"--popularity={'distinct' if mode == 'adapters' else 'none'}",
                    f"--seed={seed}",
                    f"--json={report.name}",
                ],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            return json.loads(pathlib.Path(report.name).read_text("utf-8"))


class Peft:
    """bench/peers/peft_burst.py on the same model; ends with the block."""

    def __init__(self, args, model):
        self._command = [
            ROOT / "tools/python",
            "--dev",
            ROOT / "bench/peers/peft_burst.py",
            f"--model={model / 'base'}",
            f"--adapters={model / 'adapters'}",
            f"--dtype={args.dtype}",
            f"--threads={args.threads}",
            f"--prompt-tokens={PROMPT_TOKENS}",
            f"--new-tokens={NEW_TOKENS}",
        ]

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.versions = self._read()["ready"]
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            sys.exit("bench/peers/peft_burst.py ended")
        return json.loads(line)

    def burst(self, mode, seed):
        request = json.dumps({"mode": mode, "seed": seed})
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        answer = self._read()
        return {"tokens_per_second": answer["tokens"] / answer["seconds"]}


def make_model(args):
    model = args.out / "model-0.5b"
    if not (model / "complete").exists():
        print("writing a random model of 0.5B shapes", file=sys.stderr)
        subprocess.run(
            [args.bin / "bench-model", f"--out={model}", "--adapters=8"],
            check=True,
        )
        (model / "complete").touch()
    return model


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0], values[0]
    return tuple(statistics.quantiles(values, n=4, method="inclusive"))


def verdict(ratios, bar):
    """"met" or "NOT met" by the median, if the figures say anything at all."""
    low, median, high = quartiles(ratios)
    if (high - low) / median <= MAX_SPREAD:
        return "met" if median >= bar else "NOT met"
    where = "above" if low >= bar else "below" if high < bar else "around"
    return f"unresolved, quartiles {where} the bar"


def run_rounds(server, peft, rounds):
    """Tokens a second by name: a list with one figure a round."""
    rates = {"base": [], "adapters": []}
    if peft:
        rates["peft"] = []
    for name in ("base", "adapters"):
        server.burst(name, 0)
    if peft:
        peft.burst("adapters", 0)
    for index in range(1, rounds + 1):
        # Other prompts each round, so that nothing is cached; the order turns.
        names = list(rates)[:: 1 if index % 2 else -1]
        for name in names:
            source = peft if name == "peft" else server
            mode = "base" if name == "base" else "adapters"
            report = source.burst(mode, index)
            rates[name].append(report["tokens_per_second"])
        line = ", ".join(f"{k} {v[-1]:.1f}" for k, v in rates.items())
        print(f"round {index}/{rounds}: tok/s {line}", file=sys.stderr)
    return rates


def summarise(rates, args):
    rows = [("adapters / base alone", rates["adapters"], rates["base"], 0.7)]
    if "peft" in rates:
        rows.append(
            ("adapters / PEFT's mixed batch", rates["adapters"], rates["peft"], 1.5)
        )
    print(
        f"\n0.5B shapes, {args.dtype}, {args.threads} threads, bursts of"
        f" {REQUESTS}, prompt {PROMPT_TOKENS}, {NEW_TOKENS} new tokens,"
        f" {len(rates['base'])} rounds\n"
    )
    print(f"{'':32}{'median':>9}{'quartiles':>18}")
    for name, values in rates.items():
        low, median, high = quartiles(values)
        print(f"{name + ' tok/s':32}{median:9.1f}{low:11.1f} –{high:5.1f}")
    results = {}
    print(f"\n{'ratio':32}{'median':>9}{'quartiles':>18}{'bar':>6}")
    for name, ours, theirs, bar in rows:
        ratios = [a / b for a, b in zip(ours, theirs)]
        low, median, high = quartiles(ratios)
        met = verdict(ratios, bar)
        print(f"{name:32}{median:9.2f}{low:11.2f} –{high:5.2f}{bar:6.1f}  {met}")
        results[name] = {"ratios": ratios, "median": median, "bar": bar,
                         "verdict": met}
    return results


def main():
    args = parse_args()
    args.bin, args.out = args.bin.resolve(), args.out.resolve()
    model = make_model(args)
    with Server(args, model) as server:
        if args.no_peers:
            rates, versions = run_rounds(server, None, args.rounds), {}
        else:
            with Peft(args, model) as peft:
                rates = run_rounds(server, peft, args.rounds)
                versions = peft.versions
    results = summarise(rates, args)
    if versions:
        print("\npeers: " + ", ".join(f"{k} {v}" for k, v in versions.items()))
    report = {"dtype": args.dtype, "threads": args.threads, "peers": versions,
              "tokens_per_second": rates, "results": results}
    (args.out / "burst.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
