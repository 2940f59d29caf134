#!/usr/bin/env python3
"""An evaluation of many images beside short commands on the same store: all of them go on, and how long each waits.

usage: side_by_side.py BINARY [IMAGES]
"""
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

binary, images = str(Path(sys.argv[1]).resolve()), int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
with tempfile.TemporaryDirectory() as folder:
    home = Path(folder)
    env = {"HOME": folder, "XDG_DATA_HOME": folder, "PATH": os.environ["PATH"]}
    (home / "shards").mkdir()
    (home / "shards/classnames.txt").write_text("cat\ndog\n")
    with tarfile.open(home / "shards/0.tar", "w") as archive:
        for number in range(images):
            pixels = random.Random(number).randbytes(8 * 8 * 3)
            for ending, data in ((".ppm", b"P6 8 8 255\n" + pixels), (".cls", str(number % 2).encode())):
                info = tarfile.TarInfo(f"{number:07}{ending}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    (home / "templates.txt").write_text("a photo of a {}.\n")

    def command(*words):
        return [binary, *words, "--store", "store"]

    begin = time.monotonic()
    with open(home / "said", "wb") as said:
        evaluation = subprocess.Popen(
            command("evaluate", "--checkpoint", "demo", "--images", "shards", "--templates", "templates.txt", "--format", "json"),
            cwd=home, env=env, stdout=subprocess.PIPE, stderr=said)
        times = {"prompts import": [], "runs list": []}
        sets = 0
        while evaluation.poll() is None and sets < 200:
            (home / "set.json").write_text(json.dumps([f"a photo {sets} of a {{}}."]))
            for name, words in (("prompts import", ("prompts", "import", "set.json", "--name", f"set {sets}")), ("runs list", ("runs", "list"))):
                start = time.monotonic()
                done = subprocess.run(command(*words), cwd=home, env=env, capture_output=True)
                assert done.returncode == 0, done.stderr
                times[name].append(time.monotonic() - start)
            sets += 1
            time.sleep(0.5)
        out = evaluation.communicate()[0]
    assert evaluation.returncode == 0, (home / "said").read_text()[-500:]
    assert not json.loads(out).get("notes"), json.loads(out)["notes"]
    seconds = time.monotonic() - begin
    listed = json.loads(subprocess.run(command("prompts", "list", "--format", "json"), cwd=home, env=env, capture_output=True).stdout)
    assert len(listed) == sets, (len(listed), sets)
    print(f"evaluate of {images} images: {seconds:.1f} s, exit 0")
    for name, all_times in times.items():
        all_times.sort()
        print(f"{name} beside it: {len(all_times)} times, median {all_times[len(all_times) // 2]:.2f} s, longest {all_times[-1]:.2f} s")
