// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
public import LapwingCore

/// The state of the device in one value: what `lapwingctl status` shows. Whatever could not be learned is nil, never
/// a guess.
public struct DeviceStatus: Codable, Sendable, Hashable {
    /// The hypervisor as it answers for itself.
    public struct Hypervisor: Codable, Sendable, Hashable {
        /// Its version, such as `4.20.2`.
        public var version: String
        /// Memory of the machine in MiB, from `xl info`.
        public var memory: Int?
        /// Free memory in MiB, from `xl info`.
        public var freeMemory: Int?
        /// CPUs that run, from `xl info`.
        public var cpus: Int?
        /// The scheduler's name, from `xl info`.
        public var scheduler: String?
    }

    /// The image's name and version.
    public var image: String?
    /// Seconds since boot.
    public var uptime: Int?
    /// The hypervisor; nil when this is no Xen dom0.
    public var hypervisor: Hypervisor?
    /// What the kernel was started with.
    public var boot: BootFacts
    /// How the state partition is unlocked, as the image declares.
    public var stateEncryption: StateSettings.Encryption?
    /// What the state in use really lies on; nil when it could not be told.
    public var stateIsEncrypted: Bool?
    /// The batteries the kernel knows, by name, with their charge in percent when it says so.
    public var batteries: [Battery]
    /// The number of systemd units that failed; nil when systemd did not answer.
    public var failedUnits: Int?
    /// The names of those units.
    public var failedUnitNames: [String]

    /// One battery.
    public struct Battery: Codable, Sendable, Hashable {
        /// The kernel's name, such as `BAT0`.
        public var name: String
        /// Charge in percent.
        public var percent: Int?
    }

    /// True when nothing asks for a person's attention.
    public var isHealthy: Bool { failedUnits == 0 && hypervisor != nil }
}

/// What the kernel command line says about the slot in use.
public struct BootFacts: Codable, Sendable, Hashable {
    /// The root hash of the verity root, 64 hexadecimal digits.
    public var rootHash: Digest?
    /// The slot, `A` or `B`; nil for a live system.
    public var slot: String?

    /// Reads `/proc/cmdline`. The root hash is `roothash=` (systemd-veritysetup-generator(8)) or
    /// `lapwing.roothash=`, the slot `lapwing.slot=`; of two the last counts, as for the kernel.
    public init(commandLine: String) {
        for word in commandLine.split(whereSeparator: \.isWhitespace) {
            let parts = word.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "roothash", "lapwing.roothash": rootHash = Digest(hex: parts[1])
            case "lapwing.slot":
                let name = parts[1].uppercased()
                slot = name == "A" || name == "B" ? name : nil
            default: break
            }
        }
    }
}
