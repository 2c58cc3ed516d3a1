# SPDX-License-Identifier: Apache-2.0
"""Our own builds: what is done before each, the build itself, and what must be true afterwards."""

import hashlib
import json
import os
import shutil
from pathlib import Path

from lock import Missing
from measure import Measurement, run

# The recipe that is measured: the given one and one configuration file more, which changes from run to run.
RECIPE = """lapwing: 1
extends: [{base}]
# The peers install Debian's hypervisor; compiling one would be no part of the comparison.
hypervisor: {{source: debian, olderSource: false, knownSources: [], scheduler: credit2}}
dom0:
  files:
    add:
      - path: /etc/lapwing-bench.conf
        content: "{content}"
"""


# What of the cache a full build finds: the package store and the results of these steps.
WARM_STEPS = ["tools"]


class Ours:
    """`lapwing build` with a cache of its own, so that the person's cache is neither used nor touched."""

    def __init__(self, program: Path, recipe: Path, source: Path, folder: Path, warm: list[str]) -> None:
        self.program = program
        self.base = recipe
        self.source = source
        self.warm_steps = warm
        self.cache = folder / "cache"
        self.output = folder / "out"
        self.recipes = folder / "recipes"
        self.changes = 0

    @property
    def lock(self) -> Path:
        return self.recipes / "bench.lock.json"

    def file(self, suffix: str) -> Path:
        """An output; it lies in a directory of the recipe's name."""
        return next(self.output.rglob(f"*{suffix}"), self.output / f"missing{suffix}")

    def write_recipe(self) -> None:
        content = RECIPE.format(base=self.base.name, content=f"change {self.changes}")
        (self.recipes / "bench.yaml").write_text(content)

    def build_command(self) -> list[str]:
        recipe = str(self.recipes / "bench.yaml")
        folders = ["--cache", str(self.cache), "--output", str(self.output), "--source", str(self.source)]
        return [str(self.program), "build", recipe, *folders, "--progress", "plain"]

    def warm(self, log: Path) -> None:
        """Fills the package store and makes the tools tree; the only build that may use the network."""
        shutil.rmtree(self.recipes, ignore_errors=True)
        shutil.copytree(self.base.parent, self.recipes)
        self.write_recipe()
        done = run(self.build_command(), log)
        if done.status != 0:
            raise Missing(f"our own build failed; see {log}")

    def clean(self) -> None:
        """Leaves the package store and the results of the warm steps; everything else is gone."""
        shutil.rmtree(self.output, ignore_errors=True)
        for folder in self.cache.iterdir():
            if folder.name not in ("debs", "steps"):
                discard(folder)
        found = set()
        for result in (self.cache / "steps").iterdir():
            record = result / "step.json"
            name = json.loads(record.read_text())["material"]["id"] if record.exists() else ""
            if name in self.warm_steps:
                found.add(name)
            else:
                discard(result)
        if found != set(self.warm_steps):
            raise Missing(f"the cache holds no results of: {' '.join(sorted(set(self.warm_steps) - found))}")

    def full(self, log: Path) -> Measurement:
        self.clean()
        self.write_recipe()
        return run(self.build_command(), log)

    def changed(self, log: Path) -> Measurement:
        self.changes += 1
        self.write_recipe()
        return run(self.build_command(), log)

    def unchanged(self, log: Path) -> Measurement:
        return run(self.build_command(), log)

    def repaired(self, log: Path) -> Measurement:
        """Flips one byte of the disk image and puts its time stamps back; the next build must notice and mend it."""
        disk = self.file(".raw")
        before, times = digest(disk), disk.stat()
        with open(disk, "r+b") as file:
            # Inside the first root slot of any layout: past a boot partition of up to half the file.
            file.seek(times.st_size // 3)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 0xFF]))
        os.utime(disk, ns=(times.st_atime_ns, times.st_mtime_ns))
        done = run(self.build_command(), log)
        if done.status == 0 and digest(self.file(".raw")) != before:
            raise Missing("a corrupted disk image was left as it was by the next build")
        return done


def discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
