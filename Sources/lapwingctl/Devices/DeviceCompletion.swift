// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceFacts
import DeviceModel
import SystemPackage

/// Names of devices for the shell to complete: ids, and what people know from elsewhere once they began to write that.
enum DeviceCompletion {
    /// Which devices.
    enum Kind: Sendable {
        case all, pci, usb
    }

    /// The names that begin with a prefix. `words` is the command line so far, of which "--root" is obeyed.
    static func names(_ kind: Kind, words: [String], prefix: String) -> [String] {
        guard let tree = try? SystemTree(root: FilePath(root(words))) else { return [] }
        let pci = kind == .usb ? [] : PCIReader(tree).functions(details: false)
        let usb = kind == .pci ? [] : USBReader(tree).devices()
        let ids = pci.map(\.id.rawValue) + usb.map(\.id.rawValue)
        // An id begins with its bus, so a digit means a BDF, a port, or bus and device number.
        guard prefix.utf8.first.map({ (48...57).contains($0) }) ?? false else {
            return ids.filter { $0.hasPrefix(prefix) }
        }
        let others = pci.map(\.address.description) + usb.flatMap { [$0.port, $0.address.description] }
        return others.filter { $0.hasPrefix(prefix) }
    }

    private static func root(_ words: [String]) -> String {
        for (index, word) in words.enumerated() {
            if word.hasPrefix("--root=") { return String(word.dropFirst("--root=".count)) }
            if word == "--root", index + 1 < words.count { return words[index + 1] }
        }
        return "/"
    }
}

extension CompletionKind {
    /// Devices of both buses.
    static var devices: CompletionKind { .custom { DeviceCompletion.names(.all, words: $0, prefix: $2) } }
    /// PCI functions.
    static var functions: CompletionKind { .custom { DeviceCompletion.names(.pci, words: $0, prefix: $2) } }
    /// USB devices.
    static var usbDevices: CompletionKind { .custom { DeviceCompletion.names(.usb, words: $0, prefix: $2) } }
}
