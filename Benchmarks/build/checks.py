# SPDX-License-Identifier: Apache-2.0
"""Is a result real? Each looks into the file with tools other than those that wrote it."""

import json
import re
import subprocess
import tarfile
from pathlib import Path

from lock import Missing
from source import enter, output_of

ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"  # UEFI specification 5.3.3
ROOT = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"  # Discoverable Partitions Specification, root of x86-64


def require(condition: object, text: str) -> None:
    if not condition:
        raise Missing(f"not a real result: {text}")


def installed(status: str, wanted: list[str]) -> None:
    """dpkg's own record must say that each wanted package is installed and configured."""
    found = set()
    for stanza in status.split("\n\n"):
        name = re.search(r"^Package: (\S+)$", stanza, re.M)
        if name and re.search(r"^Status: \S+ ok installed$", stanza, re.M):
            found.add(name.group(1))
    lost = sorted(set(wanted) - found)
    require(not lost, f"packages that are not installed: {' '.join(lost[:10])}")


def check_tar(path: Path, wanted: list[str], initrd: bool) -> None:
    names = []
    status = ""
    with tarfile.open(path, "r|") as tar:
        for entry in tar:
            names.append(entry.name.removeprefix("./"))
            if names[-1] == "var/lib/dpkg/status":
                content = tar.extractfile(entry)
                status = content.read().decode() if content else ""
    installed(status, wanted)
    for pattern in ("boot/vmlinuz-", "boot/xen-"):
        require(any(name.startswith(pattern) for name in names), f"{path.name} has no {pattern}*")
    has = any(name.startswith("boot/initrd.img-") for name in names)
    require(has == initrd, f"{path.name}: an initrd is {'missing' if initrd else 'there'}")


def partitions(path: Path) -> list[dict]:
    table = json.loads(output_of(["sfdisk", "--json", str(path)]))["partitiontable"]
    require(table["label"] == "gpt", f"{path.name} has no GPT")
    return table["partitions"]


def check_mkosi(path: Path, wanted: list[str], tree: Path, work: Path) -> None:
    """mkosi moves /boot of the root to the EFI system partition; kernel and initrd are sections of one file there."""
    types = {part["type"].upper(): part for part in partitions(path)}
    require(ESP in types and ROOT in types, f"{path.name} lacks the EFI system partition or the root")
    offset = types[ROOT]["start"] * 512
    listing = ["debugfs", "-R", "cat /var/lib/dpkg/status", f"{path}?offset={offset}"]
    installed(subprocess.run(listing, check=True, capture_output=True, text=True).stdout, wanted)
    offset = types[ESP]["start"] * 512
    image = f"/bench/out/{path.name}@@{offset}"
    boot = output_of(enter(tree, work, "mdir", "-/", "-b", "-i", image))
    for part in ("/EFI/BOOT/BOOTX64.EFI", "/vmlinuz", "/EFI/Linux/", "/xen-4"):
        require(part in boot, f"{path.name} has no {part} in the EFI system partition")
    unified = [line for line in boot.splitlines() if re.fullmatch(r"::/EFI/Linux/\S+\.efi", line)]
    require(len(unified) == 1, f"{path.name} has {len(unified)} unified kernel images")
    output_of(enter(tree, work, "mcopy", "-n", "-o", "-i", image, unified[0], "/bench/tmp/unified.efi"))
    sections = output_of(["objdump", "--section-headers", str(work / "tmp/unified.efi")])
    for part in (".linux", ".initrd"):
        require(re.search(rf"\s{re.escape(part)}\s", sections), f"the unified kernel image has no {part}")


def check_live(path: Path, wanted: list[str], tree: Path, work: Path) -> None:
    script = """
        set -e
        mkdir -p /bench/look
        xorriso -osirrox on -indev /bench/out/live.iso -extract /live /bench/look/live 2>/bench/look/log
        ls /bench/look/live
        unsquashfs -ls /bench/look/live/filesystem.squashfs boot
        unsquashfs -cat /bench/look/live/filesystem.squashfs var/lib/dpkg/status
    """
    text = output_of(enter(tree, work, "sh", "-c", script))
    require(path.exists() and "vmlinuz-" in text, "the ISO has no kernel")
    require("initrd.img-" in text, "the ISO has no initrd")
    require("squashfs-root/boot/xen-" in text, "the ISO's root has no hypervisor")
    installed(text, wanted)


def boots_by_uefi(iso: Path) -> bool:
    """El Torito 1.0: the boot record in sector 17 names the catalogue, an entry's platform 0xEF is UEFI (UEFI
    specification 13.3.2). Read here, since a link for another tool would change what the build remembers of the file."""
    with open(iso, "rb") as file:
        file.seek(17 * 2048)
        boot = file.read(2048)
        file.seek(int.from_bytes(boot[71:75], "little") * 2048)
        catalogue = file.read(2048)
    entries = [catalogue[i : i + 32] for i in range(0, len(catalogue), 32)]
    # Validation entry, section header, last section header.
    headers = [entry for entry in entries if entry[0] in (0x01, 0x90, 0x91)]
    return boot[7:30] == b"EL TORITO SPECIFICATION" and any(header[1] == 0xEF for header in headers)


def check_ours(disk: Path, iso: Path) -> None:
    types = [part["type"].upper() for part in partitions(disk)]
    require(ESP in types and ROOT in types, f"{disk.name} lacks the EFI system partition or the root")
    require(iso.exists() and boots_by_uefi(iso), f"{iso.name} does not boot by UEFI")
