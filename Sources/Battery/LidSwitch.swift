// SPDX-License-Identifier: Apache-2.0

import CLinux
import PowerFacts
import SystemPackage

/// The switch below a lid, an input device of the kernel (Documentation/input/event-codes.rst, SW_LID). It is closed
/// with the value.
final class LidSwitch: Sendable {
    /// To be polled for reading.
    let descriptor: CInt

    /// Opens a node; nil for what is no input device with such a switch, or cannot be opened.
    init?(_ node: FilePath) {
        descriptor = lapwing_lid_open(node.string)
        if descriptor < 0 { return nil }
    }

    deinit { if descriptor >= 0 { try? FileDescriptor(rawValue: descriptor).close() } }

    /// Where the lid stands now; nil when the device is gone.
    func state() -> VirtualPower.Lid? {
        switch lapwing_lid_state(descriptor) {
        case 0: .open
        case 1: .closed
        default: nil
        }
    }

    /// Throws away what waits to be read; true when the lid may have moved, nil when the device is gone.
    func take() -> Bool? {
        let moved = lapwing_lid_drain(descriptor)
        return moved < 0 ? nil : moved > 0
    }
}
