// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// Reads what a machine has.
public struct InventoryReader: Sendable {
    /// Where the files are.
    public let tree: SystemTree
    /// Gives names to PCI ids; nil for no names.
    public var names: PCINameList?

    /// A reader of a tree.
    public init(_ tree: SystemTree, names: PCINameList? = nil) {
        self.tree = tree
        self.names = names
    }

    /// Everything.
    public func inventory() -> Inventory {
        let pci = pci()
        let usb = usb()
        return Inventory(
            pci: pci, usb: usb, graphics: GraphicsReader(tree).adapters(functions: pci, devices: usb),
            wlan: WLANReader(tree).cards(functions: pci, devices: usb))
    }

    /// The PCI functions, with names.
    public func pci(details: Bool = true) -> [PCIFunction] {
        var functions = PCIReader(tree).functions(details: details)
        guard let names else { return functions }
        for index in functions.indices {
            functions[index].names = names.names(
                functions[index].identity, classCode: functions[index].classCode, all: details)
        }
        return functions
    }

    /// The USB devices.
    public func usb() -> [USBDevice] { USBReader(tree).devices() }
}
