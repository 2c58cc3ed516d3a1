// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// How the emulator's programs are found and started. QEMU, its firmware, `swtpm` and mtools come from the tools
/// tree, which this module knows nothing of: the caller hands in the wrapper.
public struct EmulatorTools: Sendable {
    /// Turns a command into the one that runs it inside the tools tree. `reads` and `writes` are the files and
    /// directories, absolute, that the command uses; they must be seen under the same names inside.
    public typealias Wrapper =
        @Sendable (_ command: Command, _ reads: [FilePath], _ writes: [FilePath]) throws -> Command

    /// The wrapper.
    public var wrap: Wrapper
    /// The x86 firmware's code, a path inside the tools tree.
    public var firmwareCode: FilePath
    /// The template of the firmware's variables, a path on the host.
    public var firmwareVariables: FilePath

    /// Describes the tools. The defaults are the paths of Debian's `ovmf` package under `root`, the directory of the
    /// tools tree on the host.
    public init(root: FilePath, wrap: @escaping Wrapper) {
        self.wrap = wrap
        firmwareCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
        firmwareVariables = root.appending("usr/share/OVMF/OVMF_VARS_4M.fd")
    }
}
