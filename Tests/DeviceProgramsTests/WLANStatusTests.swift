// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

/// `lapwingctl wlan status` as a process, on a tree with three wireless cards.
@Suite final class WLANStatusTests {
    private let root: FilePath
    private let program: FilePath

    init() throws {
        root = FilePath("/tmp/lapwing-wlan-\(UInt64.random(in: 0 ... .max))")
        let own = FilePath(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        program = own.removingLastComponent().appending("lapwingctl")
        for (slot, driver) in [("01", "iwlwifi"), ("02", "pciback"), ("03", "pciback"), ("04", "")] {
            let place = "devices/pci0000:00/0000:00:\(slot).0"
            var config = [UInt8](repeating: 0, count: 64)
            config.replaceSubrange(0..<4, with: [0x86, 0x80, 0x25, 0x27])
            config.replaceSubrange(9..<12, with: [0x00, 0x80, 0x02])
            try put("sys/\(place)/config", config)
            try link("sys/bus/pci/devices/0000:00:\(slot).0", "../../../" + place)
            if !driver.isEmpty { try link("sys/\(place)/driver", "../../../bus/pci/drivers/" + driver) }
        }
        let radio = "devices/pci0000:00/0000:00:01.0/ieee80211/phy0"
        try link("sys/class/ieee80211/phy0", "../../" + radio)
        try link("sys/\(radio)/device", "../../../0000:00:01.0")
        try put("sys/\(radio)/rfkill0/soft", Array("1\n".utf8))
        try put("sys/\(radio)/rfkill0/hard", Array("0\n".utf8))
        try put("sys/devices/pci0000:00/0000:00:01.0/net/wlan0/operstate", Array("dormant\n".utf8))
        try link("sys/class/net/wlan0", "../../devices/pci0000:00/0000:00:01.0/net/wlan0")
    }

    deinit { try? Files.removeTree(root) }

    private func put(_ path: String, _ bytes: [UInt8]) throws {
        let place = root.pushing(FilePath(path))
        try Files.makeDirectory(place.removingLastComponent())
        try Files.write(bytes, to: place)
    }

    private func link(_ path: String, _ target: String) throws {
        let place = root.pushing(FilePath(path))
        try Files.makeDirectory(place.removingLastComponent())
        try FileManager.default.createSymbolicLink(atPath: place.string, withDestinationPath: target)
    }

    private func status() async throws -> CommandResult {
        try await SubprocessRunner().run(
            Command(program.string, ["wlan", "status", "--root", root.string, "--json"], timeLimit: .seconds(60)))
    }

    @Test func `each card has its owner, and the one dom0 has its link and switch`() async throws {
        let list = [
            "pci-0000.00-02.0~8086.2725", "pci-0000.00-09.0~8086.2725", "pci-0000.00-0a.0~8086.100e",
            "usb-0000.00-14.0-u2-4~0781.5581",
        ].map { "{\"device\": \"\($0)\", \"domain\": \"net\", \"required\": false, \"exceptions\": []}" }
        try put(
            "var/lib/lapwing/assignments.json",
            Array("{\"schemaVersion\": 1, \"assignments\": [\(list.joined(separator: ","))]}".utf8))
        let result = try await status()
        let cards = try JSONText.decode(JSONValue.self, from: result.output, file: "status")["cards"]?.elements ?? []
        let owners = cards.map { [$0["device"]?.text ?? "", $0["owner"]?.text ?? "", $0["domain"]?.text ?? ""] }
        #expect(
            owners.prefix(4) == [
                ["pci-0000.00-01.0~8086.2725", "dom0", ""], ["pci-0000.00-02.0~8086.2725", "domain", "net"],
                ["pci-0000.00-03.0~8086.2725", "held", ""], ["pci-0000.00-04.0~8086.2725", "nobody", ""],
            ], "\(result.text)\(result.errorText)")
        // That the missing one was a wireless card only the list of PCI ids can tell.
        if Files.exists("/usr/share/misc/pci.ids") {
            #expect(owners.dropFirst(4) == [["pci-0000.00-09.0~8086.2725", "gone", "net"]])
        }
        let first = try #require(cards.first)
        #expect(first["links"]?.elements?.first?["state"]?.text == "dormant" && first["radio"]?.text == "phy0")
        #expect(first["rfkill"]?["soft"] == .bool(true) && first["country"] == nil)
    }

    @Test func `a damaged list of assignments is an error and no guess`() async throws {
        try put("var/lib/lapwing/assignments.json", Array("[]".utf8))
        let result = try await status()
        #expect(result.ending == .exited(65) && result.text.isEmpty, "\(result.errorText)")
    }
}
