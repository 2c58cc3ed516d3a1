// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts
public import DeviceModel
public import Passthrough

/// Who uses a display adapter in dom0: the processes that have its nodes open.
public struct DeviceHolders: Sendable {
    private let tree: SystemTree

    /// Reads `/proc` below a tree.
    public init(_ tree: SystemTree) { self.tree = tree }

    /// The holders by device. Only display adapters have any: of disks and network cards the protections tell.
    public func of(_ inventory: Inventory) -> [DeviceID: [DeviceHolder]] {
        var nodes: [String: DeviceID] = [:]
        for adapter in inventory.graphics {
            guard let id = adapter.device else { continue }
            for node in [adapter.card, adapter.renderNode].compactMap({ $0 }) { nodes["/dev/dri/" + node] = id }
        }
        if nodes.isEmpty { return [:] }
        var found: [DeviceID: [DeviceHolder]] = [:]
        for process in tree.names("proc") where process.utf8.allSatisfy({ (48...57).contains($0) }) {
            var seen: Set<DeviceID> = []
            for file in tree.names("proc/\(process)/fd", limit: 4096) {
                guard let target = tree.link("proc/\(process)/fd/\(file)"), let id = nodes[target],
                    seen.insert(id).inserted
                else { continue }
                let name = tree.line("proc/\(process)/comm") ?? "?"
                found[id, default: []].append(DeviceHolder(what: "process", name: "\(name) (\(process))"))
            }
        }
        return found
    }
}
