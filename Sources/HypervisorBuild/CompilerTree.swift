// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
public import BuildTools
public import DebianArchive

/// The processor the hypervisor is built for.
public enum HypervisorTarget: String, Sendable, Hashable, CaseIterable {
    /// 64-bit x86.
    case x86_64
    /// 64-bit ARM.
    case arm64

    /// The prefix of the compiler and the binutils (Debian's `DEB_HOST_GNU_TYPE`).
    var triplet: String {
        switch self {
        case .x86_64: "x86_64-linux-gnu"
        case .arm64: "aarch64-linux-gnu"
        }
    }

    /// The machine the builder itself runs on.
    static func host(_ host: ToolsTree.Host) -> HypervisorTarget {
        switch host {
        case .amd64: .x86_64
        case .arm64: .arm64
        }
    }
}

/// The second tree of tools: what compiles the hypervisor. It is locked and unpacked only for recipes that build it,
/// and like the first one never configured: alternatives such as `awk` are missing and are given by the build.
public enum CompilerTree {
    /// The step's name.
    public static let stepID: StepID = "hypervisor.compiler"

    /// The packages of the tree, besides the essential ones; what they depend on comes with them.
    public static func packages(_ host: ToolsTree.Host, target: HypervisorTarget) -> [String] {
        // gcc and libc6-dev for the programs that run during the build (kconfig, fixdep, mkelf32).
        var names = ["bison", "flex", "gcc", "libc6-dev", "make", "mawk", "patch", "python3-minimal", "xz-utils"]
        if HypervisorTarget.host(host) != target {
            let suffix = target.triplet.split(separator: "_").joined(separator: "-")
            names += ["binutils-\(suffix)", "gcc-\(suffix)"]
        }
        return names.sorted()
    }

    /// The step that unpacks the tree.
    public static func step(_ lock: Lock, store: PackageStore) -> Step {
        ToolsTree.step(lock, store: store, set: .compiler, id: stepID)
    }
}
