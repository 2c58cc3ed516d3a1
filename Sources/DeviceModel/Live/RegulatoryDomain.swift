// SPDX-License-Identifier: Apache-2.0

import CLinux
import SystemPackage

/// What the law lets radios do, as the kernel has it (nl80211; linux/nl80211.h).
public enum RegulatoryDomain {
    /// The country of this system's regulatory domain, two characters: `00` for the one that is allowed everywhere. Nil
    /// when the kernel has no radios, or does not say.
    public static func country() -> String? {
        let raw = lapwing_netlink_generic(2)
        guard raw >= 0 else { return nil }
        let socket = FileDescriptor(rawValue: raw)
        defer { try? socket.close() }
        // CTRL_CMD_GETFAMILY (3) of the controller (16), CTRL_ATTR_FAMILY_NAME (2); the answer has CTRL_ATTR_FAMILY_ID (1).
        guard let found = ask(raw, 16, 3, 1, [(2, Array("nl80211".utf8) + [0])]), let id = found[1], id.count == 2
        else { return nil }
        let family = id.withUnsafeBytes { $0.loadUnaligned(as: UInt16.self) }
        // NL80211_CMD_GET_REG (31); the answer has NL80211_ATTR_REG_ALPHA2 (33).
        return ask(raw, family, 31, 2, [])?[33].flatMap { name($0) }
    }

    /// Two capital letters or digits; nil for anything else.
    static func name(_ bytes: [UInt8]) -> String? {
        let letters = bytes.prefix { $0 != 0 }
        guard letters.count == 2, letters.allSatisfy({ (48...57).contains($0) || (65...90).contains($0) }) else {
            return nil
        }
        return String(decoding: letters, as: UTF8.self)
    }

    private static func ask(
        _ socket: CInt, _ family: UInt16, _ command: UInt8, _ sequence: UInt32, _ attributes: [(UInt16, [UInt8])]
    ) -> [UInt16: [UInt8]]? {
        let request = GenericNetlink.request(
            family: family, command: command, sequence: sequence, attributes: attributes)
        guard request.withUnsafeBytes({ lapwing_socket_send(socket, $0.baseAddress, $0.count) }) == request.count else {
            return nil
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 15)
        let got = buffer.withUnsafeMutableBytes { lapwing_socket_receive(socket, $0.baseAddress, $0.count) }
        guard got > 0 else { return nil }
        return GenericNetlink.answer(Array(buffer[..<got]), family: family, sequence: sequence)
    }
}
