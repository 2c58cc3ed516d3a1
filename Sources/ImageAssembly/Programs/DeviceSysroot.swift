// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
import BuildTools
public import DebianArchive
import FoundationEssentials
import LapwingCore
import SystemPackage

/// What the device programs are compiled and linked against: headers and libraries of the image's own release, so that
/// a program never asks for a newer C library than the image has. It is unpacked, never configured or run from.
public enum DeviceSysroot {
    /// The packages to lock for it.
    public static let packages = [
        "libc6-dev", "libcrypt-dev", "libdrm-dev", "libgcc-14-dev", "libpci-dev", "libstdc++-14-dev",
        "libusb-1.0-0-dev", "libxen-dev", "linux-libc-dev",
    ]
    /// What the linked programs need at run time; the image's root must have these.
    public static let runtimePackages = [
        "libc6", "libcrypt1", "libdrm2", "libgcc-s1", "libpci3", "libstdc++6", "libusb-1.0-0",
        "libxendevicemodel1", "libxenevtchn1", "libxenforeignmemory1", "libxentoolcore1",
    ]
    /// Packages that come along by dependency and hold nothing a link needs: sanitizers, documentation, programs.
    static let unneeded: Set<String> = [
        "gcc-14-base", "libasan8", "libatomic1", "libc-dev-bin", "libgomp1", "libhwasan0", "libitm1", "liblsan0",
        "libquadmath0", "libtsan2", "libubsan1", "rpcsvc-proto",
    ]
    /// The step's name.
    public static let id: StepID = "programs.sysroot"

    private struct Package: Codable {
        var name: String
        var sha256: Digest
    }

    /// The step that unpacks it from the packages of a lock.
    public static func step(_ lock: Lock, store: PackageStore) throws -> Step {
        let wanted = lock.packages(in: .sysroot).filter { !unneeded.contains($0.name) }
        let list = wanted.map { Package(name: $0.name, sha256: $0.sha256) }.sorted { $0.name < $1.name }
        return Step(
            id, title: "unpack the sysroot of the device programs", version: 1,
            inputs: ["packages": .value(try JSONText.string(list, pretty: false))]
        ) { run in
            let paths = try await store.ensure(wanted, verify: .full)
            let packages = try list.map { package in
                guard let path = paths[package.sha256] else {
                    throw LapwingError(
                        "programs.no-package", exit: .unavailable, "A package of the sysroot is not in the store.",
                        subject: package.name)
                }
                return path
            }
            try await unpack(packages, to: run.output, runner: run.context.runner)
        }
    }

    /// Unpacks packages into a directory and adds the links that merge `/lib` into `/usr/lib`, which the packages
    /// take for granted and the C library's linker script names.
    static func unpack(_ packages: [FilePath], to directory: FilePath, runner: any ProcessRunner) async throws {
        try await PackageUnpacking.unpack(packages, into: directory, purpose: "the sysroot", runner: runner)
        for name in ["bin", "sbin", "share"] {
            let path = directory.appending("usr").appending(name)
            if Files.exists(path) { try Files.removeTree(path) }
        }
        for name in ["lib", "lib64"] {
            let link = directory.appending(name)
            if Files.exists(directory.appending("usr").appending(name)), !Files.exists(link) {
                try FileManager.default.createSymbolicLink(
                    atPath: link.string, withDestinationPath: "usr/" + name)
            }
        }
    }
}
