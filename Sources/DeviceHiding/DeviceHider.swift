// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
public import DeviceModel
import LapwingCore
public import SystemPackage

/// Writes to the kernel's files.
public protocol KernelFiles: Sendable {
    /// Writes a text to a file that is there, in one piece. The path has no slash at its beginning.
    func write(_ text: String, to path: String) throws
}

/// The kernel's files below a root directory.
public struct SystemFiles: KernelFiles {
    /// The root.
    public var root: FilePath

    /// The files below a root.
    public init(root: FilePath = "/") { self.root = root }

    /// Writes a text. A refusal is an error with the path.
    public func write(_ text: String, to path: String) throws {
        let place = root.pushing(FilePath(path))
        try Files.explain("write", place) {
            let file = try FileDescriptor.open(place, .writeOnly, options: [.closeOnExec])
            _ = try file.closeAfter { try file.writeAll(text.utf8) }
        }
    }
}

/// Carries out a `HidingPlan`.
public struct DeviceHider: Sendable {
    /// What became of one assignment.
    public struct Result: Sendable, Hashable, Codable {
        /// What was planned.
        public var item: HidingPlan.Item
        /// True when all its functions are hidden now.
        public var hidden: Bool
        /// Drivers that had a function already and let it go, by address.
        public var taken: [String: String] = [:]
        /// Why it failed; nil when nothing did.
        public var failure: String?

        /// What is so before anything is done.
        public init(_ item: HidingPlan.Item) {
            self.item = item
            hidden = item.outcome == .hidden
        }
    }

    private let tree: SystemTree
    private let files: any KernelFiles
    private static let bus = "sys/bus/pci/"

    /// A hider that reads one tree and writes to the files of the same.
    public init(_ tree: SystemTree, files: any KernelFiles) {
        self.tree = tree
        self.files = files
    }

    /// True when the kernel has the driver that holds functions for domains.
    public var hasHolder: Bool { tree.isDirectory(Self.bus + "drivers/" + HidingPlan.holder) }

    /// Hides what the plan says, one assignment after the other; one that fails is given back to dom0 as a whole and
    /// the next one is tried.
    public func carryOut(_ plan: HidingPlan) -> [Result] {
        plan.items.map { item in
            var result = Result(item)
            guard item.outcome == .hide else { return result }
            var begun: [PCIAddress] = []
            do {
                for function in item.functions where driver(function.address) != HidingPlan.holder {
                    begun.append(function.address)
                    if let before = try hide(function) { result.taken[function.address.description] = before }
                }
                result.hidden = true
            } catch {
                let known = error as? LapwingError
                result.failure = [known?.message ?? "\(error)", known?.cause].compactMap { $0 }.joined(separator: " ")
                for address in begun.reversed() { giveBack(address) }
                result.taken = [:]
            }
            return result
        }
    }

    /// Hides a function and tells which driver had it. Of all drivers only the one named in `driver_override` may take a
    /// function (Documentation/ABI/testing/sysfs-bus-pci); once it has it, the name is taken away again, so that giving it
    /// back is nothing but a new look for a driver.
    private func hide(_ function: HidingPlan.Function) throws -> String? {
        let base = Self.bus + "devices/\(function.address)"
        // Another function may have come to this address since.
        guard
            PCIReader(tree).functions(details: false).contains(where: {
                $0.id == function.id && $0.address == function.address
            })
        else { throw failure("The device is not there any more.", function.id) }
        try files.write(HidingPlan.holder, to: base + "/driver_override")
        let before = driver(function.address)
        if let before {
            try files.write("\(function.address)", to: Self.bus + "drivers/\(before)/unbind")
            if let now = driver(function.address) { throw failure("The driver \(now) does not let go.", function.id) }
        }
        try files.write("\(function.address)", to: Self.bus + "drivers_probe")
        guard driver(function.address) == HidingPlan.holder else {
            throw failure("The driver \(HidingPlan.holder) does not take it.", function.id)
        }
        try files.write("\n", to: base + "/driver_override")
        return before
    }

    /// Whatever can be done so that dom0 has the function with the driver it would have had.
    private func giveBack(_ address: PCIAddress) {
        try? files.write("\n", to: Self.bus + "devices/\(address)/driver_override")
        if driver(address) == HidingPlan.holder {
            try? files.write("\(address)", to: Self.bus + "drivers/\(HidingPlan.holder)/unbind")
        }
        if driver(address) == nil { try? files.write("\(address)", to: Self.bus + "drivers_probe") }
    }

    private func driver(_ address: PCIAddress) -> String? {
        tree.linkName(Self.bus + "devices/\(address)/driver")
    }

    private func failure(_ message: String, _ id: DeviceFacts.DeviceID) -> LapwingError {
        LapwingError("passthrough.not-hidden", exit: .failure, message, subject: id.rawValue)
    }
}
