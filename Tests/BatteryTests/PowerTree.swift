// SPDX-License-Identifier: Apache-2.0

import DeviceModel
import FoundationEssentials
import LapwingCore
import SystemPackage

@testable import Battery

/// A directory with the files of `/sys/class/power_supply`, each supply behind a link as the kernel has it. A supply is
/// described by `NAME key=value`, a line each; a value may hold blanks, and `\n` begins no new line.
final class PowerTree {
    let root: FilePath

    init(_ text: String = "") throws {
        root = FilePath("/tmp/lapwing-power-\(UInt64.random(in: 0 ... .max))")
        try Files.makeDirectory(root.appending("sys").appending("class").appending("power_supply"))
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let pair = parts[1].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            try put(String(parts[0]), String(pair[0]), Array(pair[1].utf8) + [10])
        }
    }

    deinit { try? Files.removeTree(root) }

    private func device(_ name: String) -> FilePath { root.pushing(FilePath("sys/devices/LNXSYSTM:00/\(name)")) }
    private func link(_ name: String) -> FilePath { root.pushing(FilePath("sys/class/power_supply/\(name)")) }

    func put(_ name: String, _ key: String, _ value: [UInt8]) throws {
        if !Files.isDirectory(device(name)) {
            try Files.makeDirectory(device(name))
            try Self.link(link(name), "../../devices/LNXSYSTM:00/\(name)")
        }
        try Files.write(value, to: device(name).appending(key))
    }

    static func link(_ place: FilePath, _ target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: place.string, withDestinationPath: target)
    }

    func put(_ name: String, _ key: String, _ value: String) throws { try put(name, key, Array((value + "\n").utf8)) }

    /// The battery or bay goes, as when the kernel takes it away.
    func remove(_ name: String) throws {
        try Files.removeTree(device(name))
        try Files.remove(link(name))
    }

    func remove(_ name: String, _ key: String) throws { try Files.remove(device(name).appending(key)) }

    /// The reader of the tree, with nodes of input devices that are none.
    func reader() throws -> PowerReader {
        let tree = try SystemTree(root: root)
        return PowerReader(
            KernelFiles(line: { tree.line($0) }, names: { tree.names($0, limit: $1) }),
            devices: root.pushing(FilePath("dev/input")))
    }
}

/// A generator whose numbers are the same in every run.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
