// SPDX-License-Identifier: Apache-2.0

public import PowerFacts
public import SystemPackage

/// The kernel's small files below some root, as whoever reads the machine's devices has them: what is missing or cannot
/// be read is nil, links cannot lead out of the root, and no more than a bound is read.
public struct KernelFiles: Sendable {
    let line: @Sendable (String) -> String?
    let names: @Sendable (String, Int) -> [String]

    /// Files.
    ///
    /// - Parameters:
    ///   - line: The first line of a file without blanks around it; nil when there is none or it is empty.
    ///   - names: The names in a directory, sorted by their bytes, no more than the number: printable ASCII without
    ///     blanks. Empty when it cannot be read.
    public init(
        line: @escaping @Sendable (String) -> String?, names: @escaping @Sendable (String, Int) -> [String]
    ) {
        self.line = line
        self.names = names
    }
}

/// Reads batteries, mains and lid. A machine without any of them is on mains and has no lid.
public struct PowerReader: Sendable {
    private let files: KernelFiles
    private let devices: FilePath

    /// The most power supplies that are looked at.
    static let supplyLimit = 64
    private static let directory = "sys/class/power_supply"

    /// A reader.
    ///
    /// - Parameters:
    ///   - files: The files below the root.
    ///   - devices: The directory with the nodes of input devices, `/dev/input` on the live machine.
    public init(_ files: KernelFiles, devices: FilePath) {
        self.files = files
        self.devices = devices
    }

    /// Batteries, mains, and the lid by its own switch.
    public func reading() -> PowerReading { reading(lid: lidSwitch()?.state() ?? .absent) }

    /// Batteries and mains, beside a lid that somebody else looked at.
    func reading(lid: VirtualPower.Lid) -> PowerReading {
        var reading = PowerReading(lid: lid)
        for name in files.names(Self.directory, Self.supplyLimit) {
            let attribute = { (key: String) in files.line("\(Self.directory)/\(name)/\(key)") }
            if let battery = BatteryReading(name: name, attribute: attribute) {
                reading.batteries.append(battery)
            } else if let mains = MainsReading(name: name, attribute: attribute) {
                reading.supplies.append(mains)
            }
        }
        return reading
    }

    /// The lid's switch, open; nil when the machine has none, or it cannot be asked.
    func lidSwitch() -> LidSwitch? {
        for name in files.names("sys/class/input", 1024) where name.hasPrefix("input") {
            let base = "sys/class/input/\(name)"
            guard Self.hasLid(files.line(base + "/capabilities/sw")) else { continue }
            for node in files.names(base, 256) where Self.isEventNode(node) {
                if let found = LidSwitch(devices.appending(node)) { return found }
            }
        }
        return nil
    }

    /// The bits of switches, hexadecimal words of which the last holds the lowest; SW_LID is bit 0
    /// (linux/input-event-codes.h).
    static func hasLid(_ capabilities: String?) -> Bool {
        guard let last = capabilities?.split(separator: " ").last, let bits = UInt64(last, radix: 16) else {
            return false
        }
        return bits & 1 != 0
    }

    /// `event` and a number.
    static func isEventNode(_ name: String) -> Bool {
        let digits = name.dropFirst("event".utf8.count)
        return name.hasPrefix("event") && !digits.isEmpty && digits.utf8.count < 8
            && digits.utf8.allSatisfy { (48...57).contains($0) }
    }
}
