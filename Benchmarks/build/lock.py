# SPDX-License-Identifier: Apache-2.0
"""Reads a recipe's lock: which packages the root is made of, and where the store keeps them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path


class Missing(Exception):
    """Something that the benchmark needs is not there or not right; the text says what."""


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    architecture: str
    sha256: str
    file: Path  # in the store

    @property
    def file_name(self) -> str:
        """Its name in an archive's pool, where the epoch is left out."""
        return f"{self.name}_{self.version.rpartition(':')[2]}_{self.architecture}.deb"


def stored(debs: Path) -> dict[str, Path]:
    """The files of a content-addressed store by digest, which is their name."""
    found = {}
    for path in debs.rglob("*"):
        if re.fullmatch("[0-9a-f]{64}", path.stem):
            found[path.stem] = path
    return found


def root_packages(lock: Path, debs: Path) -> list[Package]:
    """The packages of the lock's root set, sorted by name."""
    content = json.loads(lock.read_text())
    files = stored(debs)
    packages = []
    for entry in content["packages"]:
        if "root" not in entry["sets"]:
            continue
        if entry["sha256"] not in files:
            raise Missing(f"{entry['name']} {entry['version']} of {lock} is not in the store {debs}")
        packages.append(
            Package(
                entry["name"], entry["version"], entry["architecture"], entry["sha256"], files[entry["sha256"]]
            )
        )
    if not packages:
        raise Missing(f"{lock} holds no root set")
    return sorted(packages, key=lambda package: package.name)
