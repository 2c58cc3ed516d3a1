// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceFacts
import DeviceModel
import LapwingCore
import DevicePolicy
import Passthrough

/// Where a wireless card is, and how it is there.
struct WLANState: Encodable, Sendable {
    /// Who has a card.
    enum Owner: String, Encodable, Sendable {
        /// A driver of dom0.
        case dom0
        /// The domain it is assigned to, or Xen's back end for it.
        case domain
        /// Xen's back end, and it is assigned to nobody.
        case held
        /// No driver at all.
        case nobody
        /// It is assigned and not there.
        case gone
    }

    /// A network interface and whether its link is up (Documentation/ABI/testing/sysfs-class-net, `operstate`).
    struct Link: Encodable, Sendable {
        var interface: String
        var state: String
    }

    var device: DeviceFacts.DeviceID?
    var name: String?
    var owner: Owner
    /// The domain it is assigned to.
    var domain: String?
    var driver: String?
    var radio: String?
    var links: [Link]
    var rfkill: WLANCard.RadioSwitch?
    /// The country of dom0's regulatory domain, for a card that dom0 has.
    var country: String?

    /// The cards of a machine, then the assigned ones that are not there.
    ///
    /// - Parameters:
    ///   - names: Tells of a missing PCI device whether it was a wireless card.
    static func states(
        _ tree: SystemTree, inventory: Inventory, assignments: [Assignment], names: PCINameList?, country: String?
    ) -> [WLANState] {
        let cards = WLANReader(tree).cards(functions: inventory.pci, devices: inventory.usb)
        let present = cards.map { card -> WLANState in
            let domain = assignments.first { $0.device == card.device }?.domain
            var state = WLANState(
                device: card.device, name: card.name, owner: .nobody, domain: domain, driver: card.driver,
                radio: card.phy,
                links: card.interfaces.map {
                    Link(interface: $0, state: tree.line("sys/class/net/\($0)/operstate") ?? "unknown")
                }, rfkill: card.rfkill)
            if WLANReader.isHeld(card) {
                state.owner = domain == nil ? .held : .domain
            } else if card.driver != nil || card.phy != nil {
                state.owner = .dom0
                state.country = country
            }
            return state
        }
        let there = Set(inventory.devices.map(\.id))
        let gone = assignments.filter { !there.contains($0.device) }.compactMap { assignment -> WLANState? in
            guard let name = wirelessName(assignment.device, names) else { return nil }
            return WLANState(
                device: assignment.device, name: name, owner: .gone, domain: assignment.domain, links: [])
        }
        return present + gone
    }

    /// The name in the list of PCI ids of what calls itself wireless; nil for anything else. Of a device that is not there
    /// nothing else is known.
    private static func wirelessName(_ id: DeviceFacts.DeviceID, _ names: PCINameList?) -> String? {
        let parts = id.identity.split(separator: ".").prefix(2).compactMap { Hex16(String($0)) }
        guard id.bus == .pci, parts.count == 2, let names else { return nil }
        let name = names.names(
            PCIIdentity(vendor: parts[0], device: parts[1]), classCode: PCIClass(base: 0x02, sub: 0x80), all: false
        ).device
        let words = ["wi-fi", "wifi", "wireless", "wlan", "802.11"]
        return name.flatMap { name in words.contains { name.lowercased().contains($0) } ? name : nil }
    }
}

/// `lapwingctl wlan status`
struct WLANStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show who has each wireless card, and its link.",
        discussion: """
            Owner is "dom0" when a driver of this system has the card, "domain" when it is kept for the domain it is \
            assigned to, "held" when it is kept and assigned to nobody, "nobody" without any driver, "gone" when it is \
            assigned and not there. Link, rfkill and country are told of cards that dom0 has: what a domain does with its \
            card is seen in the domain.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        try await finish {
            let names = PCINameList()
            let reader = InventoryReader(try device.tree(), names: names)
            let inventory = Inventory(pci: reader.pci(details: false), usb: reader.usb())
            let states = WLANState.states(
                reader.tree, inventory: inventory,
                assignments: try AssignmentStore(path: device.paths.assignments).read(), names: names,
                country: reader.tree.isLive ? RegulatoryDomain.country() : nil)
            let table = Listing(
                "cards", states,
                columns: [
                    .init("ID") { $0.device?.rawValue ?? "none" }, .init("OWNER") { Self.owner($0) },
                    .init("DRIVER") { $0.driver ?? "none" }, .init("RADIO") { $0.radio ?? "none" },
                    .init("LINK") { DeviceWords.list($0.links.map { "\($0.interface) \($0.state)" }) },
                    .init("RFKILL") { WLANList.rfkill($0.rfkill) }, .init("COUNTRY") { $0.country ?? "" },
                    .init("NAME") { $0.name ?? "" },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }

    private static func owner(_ state: WLANState) -> String {
        let domain = state.domain ?? ""
        switch state.owner {
        case .domain: return domain
        case .gone: return "gone (\(domain))"
        case .dom0: return state.domain == nil ? "dom0" : "dom0 (\(domain))"
        case .held, .nobody: return state.owner.rawValue
        }
    }
}
