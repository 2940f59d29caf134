#!/usr/bin/env python3
"""Kills, full disks, failing calls, damaged stores and damaged inputs, many of each, with fixed seeds; prints a table.

usage: campaign.py BINARY [--kills 1000] [--faults 300] [--corruptions 1000] [--inputs 100000] [--seed 1] [--seconds 36000]

Needs Python 3.11, Linux and `rustc` (for tests/reliability/fault_shim/shim.rs), and nothing else. What must never happen:
a panic, a signal, more than 10 s or 1 GiB, and with a store the loss of what was acknowledged. Cases that fail are kept in
the folder that is named at the end.
"""
import argparse
import http.server
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/fixtures"
LONGEST_SECONDS, LARGEST_MIB = 10.0, 1024


class Tally:
    """One line of the table."""

    def __init__(self, name, faults):
        self.name, self.folder, self.tried, self.failed = name, faults, 0, {}
        self.seconds, self.mib = 0.0, 0.0

    def add(self, fault, note, keep=None):
        self.tried += 1
        if fault:
            of_kind = self.failed.setdefault(fault, [])
            of_kind.append(note)
            if len(of_kind) <= 3:
                print(f"FAULT {self.name}: {fault}: {note}", flush=True)
                if keep is not None and keep.exists():
                    to = self.folder / f"{self.name}-{self.tried}-{keep.name}".replace(" ", "-")
                    (shutil.copytree if keep.is_dir() else shutil.copy)(keep, to)

    def line(self):
        failed = sum(map(len, self.failed.values()))
        return (self.name, self.tried, self.tried - failed, f"{self.seconds:.2f} s", f"{self.mib:.0f} MiB",
                ", ".join(f"{len(v)} {k}" for k, v in self.failed.items()) or "-")


class Model(http.server.BaseHTTPRequestHandler):
    """Speaks as OpenAI's server does, and counts its answers."""
    protocol_version, answers = "HTTP/1.1", 0

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        choices = []
        for index in range(body.get("n", 1)):
            Model.answers += 1
            content = f"A cat and a dog have soft fur of kind {Model.answers}"
            choices.append({"index": index, "message": {"content": content}, "finish_reason": "stop"})
        data = json.dumps({"choices": choices}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Campaign:
    def __init__(self, arguments):
        self.binary, self.seed = str(Path(arguments.binary).resolve()), arguments.seed
        self.home = Path(tempfile.mkdtemp(prefix="reliability-"))
        self.failures = Path(tempfile.mkdtemp(prefix="reliability-failures-"))
        self.end = time.monotonic() + arguments.seconds
        self.env = {"HOME": str(self.home), "PATH": os.environ["PATH"], "XDG_DATA_HOME": str(self.home / "data"),
                    "OPENAI_API_KEY": "k", "RUST_BACKTRACE": "0", "TERM": "dumb"}
        self.shim = self.home / "libfaults.so"
        subprocess.run(["rustc", "--edition", "2021", "--crate-type", "cdylib", "-C", "panic=abort", "-O",
                        ROOT / "tests/reliability/fault_shim/shim.rs", "-o", self.shim], check=True)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        (self.home / "classes.txt").write_text("cat\ndog\n")
        (self.home / "templates.txt").write_text("a photo of a {}.\n")
        self.pictures("photos", 6)
        self.tallies = []

    def pictures(self, name, count):
        for number in range(count):
            folder = self.home / name / ("cat", "dog")[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            pixels = random.Random(number).randbytes(8 * 8 * 3)
            (folder / f"{number}.ppm").write_bytes(b"P6 8 8 255\n" + pixels)

    def tally(self, name):
        self.tallies.append(Tally(name, self.failures))
        return self.tallies[-1]

    def run(self, tally, arguments, may_be_killed=False, **env):
        """Exit code, standard output and error, and what must not have happened."""
        begin = time.monotonic()
        child = subprocess.Popen([self.binary, *map(str, arguments)], cwd=self.home, env={**self.env, **env},
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        timer = threading.Timer(3 * LONGEST_SECONDS, lambda: os.kill(child.pid, signal.SIGKILL))
        timer.start()
        out, err = child.stdout.read(), child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
        child.returncode = code = os.waitstatus_to_exitcode(status)
        seconds, mib = time.monotonic() - begin, usage.ru_maxrss / 1024
        tally.seconds, tally.mib = max(tally.seconds, seconds), max(tally.mib, mib)
        fault = None
        if b"panicked at" in err:
            fault = "panic"
        elif seconds > LONGEST_SECONDS:
            fault = "too long"
        elif mib > LARGEST_MIB:
            fault = "too much memory"
        elif code not in (0, 1, 2, 130) and not (may_be_killed and code == -9):
            fault = f"exit {code}"
        return code, out, err.decode(errors="replace"), fault

    def more(self, tally, wanted):
        return tally.tried < wanted and time.monotonic() < self.end

    # Stores.

    def import_set(self, name, number, store):
        (self.home / "set.json").write_text(json.dumps([f"a photo {number} of a {{}}."]))
        return ["prompts", "import", "set.json", "--name", name, "--store", store]

    def generate(self, store):
        return ["generate", "--classes", "classes.txt", "--model", "m", "--name", "written", "--samples", 2, "--seed", 1,
                "--base-url", self.url, "--store", store]

    def evaluate(self, store):
        return ["evaluate", "--checkpoint", "demo", "--images", "photos", "--templates", "templates.txt", "--format",
                "json", "--store", store]

    def fill(self, tally, store):
        for command in (self.import_set("birds", 1, store), self.import_set("Odd / name", 2, store),
                        self.import_set("birds", 3, store), self.evaluate(store), self.generate(store)):
            self.run(tally, command)
        return self.kept(tally, store)[0]

    def kept(self, tally, store):
        found, said, fault = set(), "", None
        for what, of in (("prompts", lambda s: f"{s['name']}@{s['version']}"), ("runs", lambda r: r["id"])):
            code, out, err, ended = self.run(tally, [what, "list", "--format", "json", "--store", store])
            fault = fault or ended or (f"{what} list ends with {code}" if code else None)
            said += err
            found |= set(map(of, json.loads(out))) if code == 0 else set()
        return found, said, fault

    def check(self, tally, store, before):
        found, said, fault = self.kept(tally, store)
        answers = Model.answers
        *_, ended = self.run(tally, self.generate(store))
        paid = "answers were paid for again" if Model.answers > answers else None
        return fault or ended or ("lost" if before - found else None) or paid, f"{before - found} {said[-300:]}"

    def copies(self):
        store = self.home / "store"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(self.home / "whole", store)
        return store

    def faults(self, wanted, kill):
        tally, rng = self.tally("kills" if kill else "failing calls"), random.Random(self.seed)
        whole = self.home / "whole"
        shutil.rmtree(whole, ignore_errors=True)
        before = self.fill(tally, whole)
        while self.more(tally, wanted):
            store, at = self.copies(), rng.choice((rng.randrange(1, 40), rng.randrange(1, 250)))
            (self.home / "templates.txt").write_text(f"photo {tally.tried} of a {{}}.\n")
            command = rng.choice((self.import_set("new", tally.tried, store), self.evaluate(store)))
            env = {"LD_PRELOAD": str(self.shim), "FAULT_UNDER": str(store), "FAULT_AT": str(at),
                   "FAULT_DO": "kill" if kill else rng.choice(("5", "28", "28", "122", "30", "13"))}
            if not kill and rng.random() < 0.6:
                env["FAULT_STAYS"] = "1"
            code, _, err, fault = self.run(tally, command, may_be_killed=True, **env)
            note = f"{env['FAULT_DO']} at {at} of {command[:2]}: {err[-200:]}"
            lost, said = self.check(tally, store, before)
            damaged = "an error is taken for damage" if "damaged" in said else None
            tally.add(fault or lost or damaged, f"{note} {said}", keep=store)

    def corruptions(self, wanted):
        tally, rng = self.tally("damaged stores"), random.Random(self.seed + 1)
        whole = self.home / "whole"
        shutil.rmtree(whole, ignore_errors=True)
        before = self.fill(tally, whole)
        while self.more(tally, wanted):
            store = self.copies()
            files = sorted(p for p in store.rglob("*") if p.is_file() and p.name != "lock")
            target = rng.choice([p for p in files if p.parent.name == "sled"] if rng.random() < 0.6 else files)
            data, way = bytearray(target.read_bytes()), rng.choice(("mutate", "mutate", "mutate", "delete", "folder", "garbage", "empty", "append"))
            note = f"{way} {target.relative_to(store)}"
            if way == "mutate":
                target.write_bytes(mutate(data, rng))
            elif way == "garbage":
                target.write_bytes(rng.randbytes(len(data)))
            elif way == "empty":
                target.write_bytes(b"")
            elif way == "append":
                target.write_bytes(bytes(data) + rng.randbytes(rng.randrange(1, 5000)))
            else:
                target.unlink()
                if way == "folder":
                    target.mkdir()
            fault, said = self.check(tally, store, before)
            tally.add(fault, f"{note}: {said}", keep=store)

    # Inputs.

    def inputs(self, wanted):
        kinds = {
            "pictures": (sorted(p for p in (FIXTURES / "pictures").iterdir() if p.suffix in (".png", ".jpg", ".gif", ".bmp", ".tif", ".webp", ".ppm")), 250),
            "parquet": (sorted((FIXTURES / "parquet").glob("*.parquet")), 1),
            "gguf": (sorted((FIXTURES / "gguf").glob("*.gguf")), 1),
            "config": ([FIXTURES / "clip/tiny-quickgelu/config.json"], 1),
            "tokenizer": ([FIXTURES / "clip/tiny-quickgelu/tokenizer.json"], 1),
            "weights": ([FIXTURES / "clip/tiny-quickgelu/model.safetensors"], 1),
            "torch": (sorted((FIXTURES / "torch").glob("*.bin")), 1),
            "prompts": ([], 1),
            "export": ([], 1),
        }
        # Pictures go many to a process, so most of the inputs are pictures.
        shares = {"pictures": 0.9}
        for number, (kind, (seeds, together)) in enumerate(kinds.items()):
            share = shares.get(kind, 0.1 / (len(kinds) - 1))
            self.fuzz(kind, seeds, together, max(1, int(wanted * share)), random.Random(self.seed + 10 + number))

    def fuzz(self, kind, seeds, together, wanted, rng):
        tally, folder = self.tally(f"fuzzed {kind}"), self.home / "fuzz"
        contents = [seed.read_bytes() for seed in seeds]
        names = [seed.name for seed in seeds]
        if kind == "prompts":
            contents, names = [json.dumps({"cat": ["A cat.", "a {}"], "dog": ["A dog."]}).encode()], ["p.json"]
        if kind == "export":
            exported = self.home / "all.cupl"
            self.run(tally, ["store", "export", exported, "--store", self.home / "whole"])
            contents, names = [exported.read_bytes()], ["all.cupl"]
        if not contents:
            return
        while self.more(tally, wanted):
            shutil.rmtree(folder, ignore_errors=True)
            if kind == "pictures":
                for number in range(together):
                    at = rng.randrange(len(contents))
                    file = folder / ("a", "b")[number % 2] / f"{number}-{names[at]}"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(mutate(bytearray(contents[at]), rng))
                command = ["datasets", "inspect", folder, "--decode", "--format", "json"]
            else:
                at = rng.randrange(len(contents))
                data = mutate(bytearray(contents[at]), rng)
                if kind in ("config", "tokenizer", "weights", "torch"):
                    shutil.copytree(FIXTURES / "clip/tiny-quickgelu", folder)
                    target = {"torch": "pytorch_model.bin"}.get(kind, names[at])
                    if kind == "torch":
                        (folder / "model.safetensors").unlink()
                    (folder / target).write_bytes(data)
                    (self.home / "texts.txt").write_text("a photo of a cat.\n")
                    command = ["embed", "--checkpoint", folder, "--texts", "texts.txt", "--out", "e.safetensors", "--store", ":memory:"]
                else:
                    folder.mkdir()
                    file = folder / names[at]
                    file.write_bytes(data)
                    command = {
                        "parquet": ["datasets", "inspect", file, "--decode"],
                        "gguf": ["generate", "--classes", "classes.txt", "--model", file, "--name", "x", "--samples", 1, "--max-tokens", 3, "--retry-limit", 1, "--store", ":memory:"],
                        "prompts": ["prompts", "import", file, "--name", "x", "--store", ":memory:"],
                        "export": ["store", "import", file, "--store", ":memory:"],
                    }[kind]
            *_, err, fault = self.run(tally, command)
            tally.add(fault, f"{kind} {tally.tried}: {err[-200:]}", keep=folder)
            tally.tried += together - 1

    def table(self):
        rows = [("what", "tried", "survived", "slowest", "memory", "failed"), *(tally.line() for tally in self.tallies)]
        widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
        shutil.rmtree(self.home, ignore_errors=True)
        print(f"cases that failed: {self.failures}" if any(t.failed for t in self.tallies) else "nothing failed")


def mutate(data, rng):
    """A damaged copy."""
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if not data:
            break
        at = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(len(data), 256))
        kind = rng.randrange(8)
        if kind <= 2:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            data[at] = rng.choice((0, 0x7F, 0x80, 0xFF))
        elif kind == 4:
            width = rng.choice((2, 4, 8))
            value = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, 1 << 62, (1 << 64) - 1))
            data[at:at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, rng.choice(("little", "big")))
        elif kind == 5:
            del data[at:]
        elif kind == 6:
            del data[at:at + rng.randrange(1, 64)]
        else:
            end = min(len(data), at + rng.randrange(1, 512))
            data[at:end] = bytes(end - at)
    return bytes(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    for name, count in (("kills", 1000), ("faults", 300), ("corruptions", 1000), ("inputs", 100_000), ("seed", 1), ("seconds", 36_000)):
        parser.add_argument(f"--{name}", type=int, default=count)
    arguments = parser.parse_args()
    campaign = Campaign(arguments)
    try:
        campaign.faults(arguments.kills, kill=True)
        campaign.faults(arguments.faults, kill=False)
        campaign.corruptions(arguments.corruptions)
        campaign.inputs(arguments.inputs)
    except KeyboardInterrupt:
        pass
    campaign.table()


if __name__ == "__main__":
    main()
