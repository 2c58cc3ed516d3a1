# SPDX-License-Identifier: Apache-2.0
"""What the peers build from: a Debian tree that holds their programs, and a local archive of the lock's packages."""

import functools
import hashlib
import http.server
import os
import shutil
import subprocess
import threading
from pathlib import Path

from lock import Missing, Package

HERE = Path(__file__).resolve().parent
SUITE = "trixie"
PORT = 8000

# Bump when the package lists below change in a way that must make the tree anew.
TREE_VERSION = 1
TREE_PACKAGES = """
    apt-utils btrfs-progs ca-certificates cpio debian-archive-keyring debootstrap dosfstools e2fsprogs file iproute2 kmod
    live-build mkosi mmdebstrap mtools procps python3 rsync squashfs-tools systemd-boot systemd-container systemd-repart
    systemd-ukify uidmap xorriso xz-utils zstd
""".split()

# What a peer installs beside the packages of the lock. The names are those its own source asks for.
PEER_PACKAGES = {
    "mmdebstrap": "?essential apt initramfs-tools",
    "mkosi": "?essential apt base-files systemd-boot",
    # mkosi-initrd of mkosi 25
    "mkosi-initrd": """?essential base-files systemd udev bash less p11-kit lvm2 kmod dmsetup libcryptsetup12 btrfs-progs
        e2fsprogs erofs-utils dosfstools util-linux libfido2-1 ^libtss2-esys-[0-9.]+-0$ ^libtss2-mu[0-9.-]+$ libtss2-rc0
        libtss2-tcti-device0 systemd-cryptsetup systemd-repart""",
    "live-build": """?essential ?priority(required) apt linux-image-amd64 initramfs-tools live-boot
        live-boot-initramfs-tools live-config live-config-systemd dctrl-tools apt-utils squashfs-tools xorriso isolinux
        syslinux-common grub-common grub-efi-amd64-bin grub-efi-ia32-bin grub-pc-bin mtools dosfstools librsvg2-bin
        fonts-dejavu-core debconf cpio gnupg ca-certificates""",
}


def output_of(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def quietly(command: list[str], log: Path) -> None:
    with open(log, "ab") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise Missing(f"`{command[0]}` failed with status {done.returncode}; the end of {log}:\n{tail}")


def mirror_lines() -> list[str]:
    """The host's own mirror, for the peers' release: its main suite, updates and security."""
    template = "$(REPO_URI)|$(RELEASE)|$(LABEL)"
    listing = output_of(["apt-get", "indextargets", "--format", template, "Created-By: Packages", "Origin: Debian"])
    lines = []
    for uri, release, label in (line.split("|") for line in listing.splitlines()):
        pocket = release.partition("-")[2] or ("security" if label == "Debian-Security" else "")
        if pocket in ("", "updates", "security"):
            lines.append(f"deb {uri} {SUITE}{'-' + pocket if pocket else ''} main")
    if not lines:
        raise Missing("apt knows no Debian archive: run `apt-get update` and look into /etc/apt/sources.list.d")
    return list(dict.fromkeys(lines))


def enter(tree: Path, work: Path, *command: str) -> list[str]:
    """The command line that runs `command` inside the peers' tree."""
    return [str(HERE / "enter"), str(tree), str(work), *command]


def prepare_tree(cache: Path, log: Path) -> Path:
    """A Debian tree with the peers in it, made once."""
    stamp = hashlib.sha256(" ".join([str(TREE_VERSION), SUITE, *TREE_PACKAGES]).encode()).hexdigest()[:16]
    tree = cache / f"tree-{stamp}"
    if not tree.is_dir():
        part = cache / "tree.part"
        remove(part)
        include = "--include=" + ",".join(TREE_PACKAGES)
        quietly(["mmdebstrap", "--variant=apt", include, SUITE, str(part), *mirror_lines()], log)
        (part / "bench").mkdir()
        part.rename(tree)
    return tree


def prepare_archive(cache: Path, tree: Path, packages: list[Package], log: Path) -> Path:
    """A local archive of the lock's packages, and of what the peers install beside them."""
    facts = [str(PEER_PACKAGES), *(f"{package.name} {package.sha256}" for package in packages)]
    stamp = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    archive = cache / f"archive-{stamp}"
    if archive.is_dir():
        return archive
    part = cache / "archive.part"
    remove(part)
    pool = part / "pool"
    pool.mkdir(parents=True)
    for package in packages:
        shutil.copyfile(package.file, pool / package.file_name)
    index(tree, part, log)

    # The lock's versions win; the rest comes from the mirror the tree was made from.
    state = part / "state"
    (state / "lists/partial").mkdir(parents=True)
    (state / "archives/partial").mkdir(parents=True)
    (state / "status").touch()
    sources = [f"deb [trusted=yes] copy:/bench {SUITE} main", *mirror_lines()]
    (state / "sources.list").write_text("\n".join(sources) + "\n")
    (state / "preferences").write_text('Package: *\nPin: origin ""\nPin-Priority: 1001\n')
    places = {
        "State": "", "State::Lists": "lists", "State::Status": "status", "Etc::SourceList": "sources.list",
        "Etc::SourceParts": "none", "Etc::Preferences": "preferences", "Cache": "", "Cache::Archives": "archives",
    }
    options = [f"-oDir::{key}=/bench/state/{value}" for key, value in places.items()]
    options += ["-oAPT::Install-Recommends=false", "-oAPT::Sandbox::User=root", "-oDebug::NoLocking=1"]
    quietly(enter(tree, part, "apt-get", *options, "update"), log)
    names = [package.name for package in packages]
    for peer, extra in PEER_PACKAGES.items():
        wanted = extra.split() + ([] if peer == "mkosi-initrd" else names)
        quietly(enter(tree, part, "apt-get", *options, "--yes", "--download-only", "install", *wanted), log)
    for file in sorted((state / "archives").glob("*.deb")):
        name, version, rest = file.name.split("_", 2)
        target = pool / f"{name}_{version.rpartition('%3a')[2]}_{rest}"
        if not target.exists():
            file.rename(target)
    shutil.rmtree(state)
    index(tree, part, log)
    for name in ("tmp", "var-tmp", "cache"):
        remove(part / name)
    part.rename(archive)
    return archive


def index(tree: Path, archive: Path, log: Path) -> None:
    """Writes the indices of the archive, unsigned: the peers are told to trust it."""
    script = f"""
        set -e
        binary=dists/{SUITE}/main/binary-amd64
        rm -rf dists && mkdir -p "$binary"
        apt-ftparchive packages pool > "$binary/Packages"
        gzip -kn "$binary/Packages"
        cd dists/{SUITE}
        apt-ftparchive -o APT::FTPArchive::Release::Origin=Debian -o APT::FTPArchive::Release::Label=Debian \\
            -o APT::FTPArchive::Release::Suite={SUITE} -o APT::FTPArchive::Release::Codename={SUITE} \\
            -o APT::FTPArchive::Release::Components=main -o APT::FTPArchive::Release::Architectures=amd64 \\
            release . > /bench/Release
        mv /bench/Release .
    """
    quietly(enter(tree, archive, "sh", "-c", script), log)


def remove(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files as fast as Python can: kept connections, no delays, and the kernel copies."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def copyfile(self, source, outputfile) -> None:
        self.wfile.flush()
        self.connection.sendfile(source)

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(archive: Path) -> str:
    """Serves the archive on loopback as long as this program runs; the address."""
    handler = functools.partial(Handler, directory=os.fspath(archive))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{PORT}/"
