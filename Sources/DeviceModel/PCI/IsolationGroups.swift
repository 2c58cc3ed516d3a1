// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// Computes which PCI functions cannot be told apart, or kept apart, by an IOMMU: the groups that Linux would make
/// (Linux 6.12, drivers/iommu/iommu.c, `pci_device_group`, and what it calls). A PV dom0 sees no IOMMU and has none.
///
/// The rules, function by function in the order in which Linux finds them, bridges before what is behind them:
/// 1. What goes up through a bridge of conventional PCI carries the bridge's name from there on, so it belongs to it.
/// 2. Where any bridge or port on the way up does not send everything up (Access Control Services: source validation,
///    request and completion redirect, upstream forwarding), what is below it belongs to it.
/// 3. Functions that use each other's names as a known fault belong together.
/// 4. Functions of one device, none of which has Access Control Services, belong together.
public struct IsolationGroups: Sendable {
    /// Which of a function's services count.
    public enum Services: String, Sendable, CaseIterable {
        /// Those that are switched on now.
        case enabled
        /// Those that it has: Linux with an IOMMU would switch them on (drivers/pci/pci.c, `pci_enable_acs`).
        case capable
    }

    private let functions: [PCIFunction]
    private let services: Services
    private var index: [PCIAddress: Int] = [:]
    /// Positions by bus.
    private var buses: [Bus: [Int]] = [:]
    private var aliases: [Set<UInt8>]
    private var groupOf: [Int?]
    private var groups: [IsolationGroup] = []

    private struct Bus: Hashable {
        var domain: UInt32
        var number: UInt8
    }

    /// The groups of a machine's functions. Functions whose parent is not among them count as being on a root bus.
    public static func of(_ functions: [PCIFunction], services: Services = .enabled) -> [IsolationGroup] {
        var work = IsolationGroups(functions, services)
        for position in work.order() { work.place(position) }
        return work.groups.map { group in
            var group = group
            group.members.sort()
            return group
        }
    }

    private init(_ functions: [PCIFunction], _ services: Services) {
        self.functions = functions
        self.services = services
        aliases = functions.map(AliasQuirks.aliases)
        groupOf = Array(repeating: nil, count: functions.count)
        for (position, function) in functions.enumerated() {
            index[function.address] = position
            buses[Bus(domain: function.address.domain, number: function.address.bus), default: []].append(position)
        }
    }

    // MARK: Topology

    private func parent(_ position: Int) -> Int? { functions[position].parent.flatMap { index[$0] } }

    /// The bridges above, from the nearest up; ends where the tree contradicts itself.
    private func bridges(above position: Int) -> [Int] {
        var found: [Int] = []
        var seen: Set<Int> = [position]
        var at = parent(position)
        while let here = at, seen.insert(here).inserted {
            found.append(here)
            at = parent(here)
        }
        return found
    }

    /// The order in which Linux finds functions: all of a bus, then what is behind its bridges, one after the other.
    private func order() -> [Int] {
        var children: [Int?: [Int]] = [:]
        for position in functions.indices { children[parent(position), default: []].append(position) }
        for key in children.keys {
            children[key]?.sort { functions[$0].address < functions[$1].address }
        }
        var result: [Int] = []
        var seen: Set<Int> = []
        func visit(_ below: [Int]) {
            let fresh = below.filter { seen.insert($0).inserted }
            result += fresh
            for position in fresh { visit(children[position] ?? []) }
        }
        visit(children[nil] ?? [])
        // What hangs in a circle of contradicting parents is still put into some group.
        visit(functions.indices.filter { !seen.contains($0) })
        return result
    }

    // MARK: Rules

    /// Whether a function keeps what passes it apart (`pci_acs_enabled`).
    private func isolates(_ position: Int) -> Bool {
        let function = functions[position]
        if let verdict = AccessControlQuirks.verdict(function, onRootBus: parent(position) == nil) { return verdict }
        guard let express = function.express else { return false }
        switch express.type {
        case .pciToExpressBridge, .expressToPCIBridge, .rootComplexEventCollector: return false
        case .rootPort, .downstreamPort: return servicesSuffice(function)
        case .endpoint, .upstreamPort, .legacyEndpoint, .rootComplexEndpoint:
            return function.multifunction ? servicesSuffice(function) : true
        case nil: return true
        }
    }

    /// Services that the function lacks are taken for fixed on; those it has must be switched on
    /// (`pci_acs_flags_enabled`).
    private func servicesSuffice(_ function: PCIFunction) -> Bool {
        guard let access = function.accessControl else { return false }
        let wanted = PCIAccessControl.Services.isolation.intersection(access.capable)
        return services == .capable || access.enabled.isSuperset(of: wanted)
    }

    /// The first on the way from a bridge to the root that does not keep things apart; nil when all do
    /// (`pci_acs_path_enabled`).
    private func leak(from bridge: Int) -> Int? { ([bridge] + bridges(above: bridge)).first { !isolates($0) } }

    /// The function under whose name the transfers of another reach the IOMMU, and the bridge that gives them that name
    /// (`pci_for_each_dma_alias`); nil in `group` when none on the way has a group yet.
    private func requester(of position: Int) -> (position: Int, group: Int?, bridge: Int?) {
        var last = functions[position].requester.flatMap { index[$0] } ?? position
        if let group = groupOf[last] { return (last, group, nil) }
        var bridge: Int?
        for above in bridges(above: last) {
            let function = functions[above]
            if AliasQuirks.isTranslationRoot(function) { break }
            switch function.express?.type {
            case .rootPort, .upstreamPort, .downstreamPort: continue
            case .expressToPCIBridge, .pciToExpressBridge: break
            case nil where function.express == nil: break
            default: continue
            }
            (last, bridge) = (above, above)
            if let group = groupOf[above] { return (above, group, above) }
        }
        return (last, nil, bridge)
    }

    /// Functions of the same bus that use each other's names, and so on (`get_pci_alias_group`): the group of the
    /// first that has one. `tested` holds the slots that were looked at.
    private func aliasGroup(_ position: Int, _ tested: inout Set<UInt8>) -> (group: Int, with: Int)? {
        let slot = functions[position].address.slot.devfn
        guard tested.insert(slot).inserted else { return nil }
        if let group = groupOf[position] { return (group, position) }
        for other in sameBus(position) where other != position {
            let otherSlot = functions[other].address.slot.devfn
            let related =
                aliases[position].contains(otherSlot) || aliases[other].contains(slot)
                || functions[position].requester == functions[other].address
                || functions[other].requester == functions[position].address
            if related, let found = aliasGroup(other, &tested) { return found }
        }
        return nil
    }

    private func sameBus(_ position: Int) -> [Int] {
        let address = functions[position].address
        return buses[Bus(domain: address.domain, number: address.bus)] ?? []
    }

    /// The group of another function of the device, when neither keeps things apart (`get_pci_function_alias_group`).
    private func sameDeviceGroup(_ position: Int, _ tested: inout Set<UInt8>) -> (group: Int, with: Int)? {
        guard functions[position].multifunction, !isolates(position) else { return nil }
        let device = functions[position].address.slot.device
        for other in sameBus(position)
        where other != position && functions[other].address.slot.device == device && !isolates(other) {
            if let found = aliasGroup(other, &tested) { return found }
        }
        return nil
    }

    // MARK: Placing

    private mutating func place(_ position: Int) {
        let alias = requester(of: position)
        if let group = alias.group {
            let reason: IsolationGroup.Reason = alias.bridge == nil ? .alias : .behindPCIBridge
            join(position, group, with: alias.position, reason, cause: alias.bridge)
            return
        }
        var representative = alias.position
        var cause: Int? = alias.bridge
        for bridge in bridges(above: representative) {
            guard let leak = leak(from: bridge) else { break }
            representative = bridge
            cause = leak
            if let group = groupOf[bridge] {
                join(position, group, with: bridge, .noAccessControlAbove, cause: leak)
                return
            }
        }
        var tested: Set<UInt8> = []
        if let found = aliasGroup(representative, &tested) {
            join(position, found.group, with: found.with, .alias, cause: cause)
        } else if let found = sameDeviceGroup(representative, &tested) {
            join(position, found.group, with: found.with, .sameDevice, cause: cause)
        } else {
            groupOf[position] = groups.count
            groups.append(IsolationGroup(id: groups.count, members: [functions[position].address], ties: []))
        }
    }

    private mutating func join(
        _ position: Int, _ group: Int, with other: Int, _ reason: IsolationGroup.Reason, cause: Int?
    ) {
        groupOf[position] = group
        groups[group].members.append(functions[position].address)
        groups[group].ties.append(
            IsolationGroup.Tie(
                function: functions[position].address, with: functions[other].address, reason: reason,
                cause: cause.map { functions[$0].address }))
    }
}
