// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

/// `lapwingctl policy` as a process, on a tree with two PCI functions and rules of image and device.
@Suite final class PolicyVerbTests {
    private let root: FilePath
    private let program: FilePath

    init() throws {
        root = FilePath("/tmp/lapwing-policy-\(UInt64.random(in: 0 ... .max))")
        let own = FilePath(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        program = own.removingLastComponent().appending("lapwingctl")
        // Intel's AX210 and an NVMe disk, by vendor, device and class alone.
        try function("0000:02:00.0", [0x86, 0x80, 0x25, 0x27], [0x00, 0x80, 0x02])
        try function("0000:03:00.0", [0x4D, 0x14, 0x08, 0xA8], [0x02, 0x08, 0x01])
        try put("usr/lib/lapwing/policy.d/50-recipe.rules", "assign wlan to net persistent\nallow pci to any\n")
        try put("var/lib/lapwing/policy.d/10-mine.rules", "deny wlan to play # mine\n")
        // Nothing is mounted from a disk, and there is no route.
        try put("proc/self/mountinfo", "22 21 0:20 / /sys rw - sysfs sysfs rw\n")
        try put("proc/net/route", "Iface\tDestination\n")
    }

    deinit { try? Files.removeTree(root) }

    private func put(_ path: String, _ bytes: [UInt8]) throws {
        let place = root.pushing(FilePath(path))
        try Files.makeDirectory(place.removingLastComponent())
        try Files.write(bytes, to: place)
    }

    private func put(_ path: String, _ text: String) throws { try put(path, Array(text.utf8)) }

    private func function(_ address: String, _ identity: [UInt8], _ code: [UInt8]) throws {
        var config = [UInt8](repeating: 0, count: 64)
        config.replaceSubrange(0..<4, with: identity)
        config.replaceSubrange(9..<12, with: code)
        try put("sys/devices/pci0000:00/\(address)/config", config)
        let links = root.pushing(FilePath("sys/bus/pci/devices"))
        try Files.makeDirectory(links)
        try FileManager.default.createSymbolicLink(
            atPath: links.appending(address).string, withDestinationPath: "../../../devices/pci0000:00/\(address)")
    }

    private func run(_ words: [String]) async throws -> CommandResult {
        try await SubprocessRunner().run(
            Command(
                program.string, ["policy"] + words + ["--root", root.string], timeLimit: .seconds(60)))
    }

    @Test func `rules are listed in the order of the files' names, with their places`() async throws {
        let result = try await run(["list", "--quiet"])
        #expect(
            result.text.split(separator: "\n") == [
                "/var/lib/lapwing/policy.d/10-mine.rules:1:1", "/usr/lib/lapwing/policy.d/50-recipe.rules:1:1",
                "/usr/lib/lapwing/policy.d/50-recipe.rules:2:1",
            ], "\(result.errorText)")
    }

    @Test func `an explanation names the rule that decides, and those that did not fit`() async throws {
        let result = try await run(["explain", "02:00.0", "--json"])
        let json = try JSONText.decode(JSONValue.self, from: result.output, file: "answer")
        #expect(json["decision"]?["decision"]?.text == "assign", "\(result.text)\(result.errorText)")
        #expect(json["decision"]?["domains"] == .array([.string("net")]))
        #expect(json["decision"]?["rule"]?.text == "/usr/lib/lapwing/policy.d/50-recipe.rules:1:1")
        let play = try await run(["explain", "02:00.0", "--to", "play"])
        #expect(play.text.contains("10-mine.rules:1:1: deny wlan to play: matches\ndecision: deny\n"), "\(play.text)")
    }

    @Test func `every device has its decision, and without knowledge of disks a disk is kept`() async throws {
        let known = try await run(["list", "--devices"])
        #expect(
            known.text.split(separator: "\n").count == 3 && known.text.contains("  allow     any  "), "\(known.text)")
        try Files.remove(root.pushing(FilePath("proc/self/mountinfo")))
        let unknown = try await run(["explain", "03:00.0"])
        #expect(unknown.text.contains("protection: bootDisk") && unknown.text.contains("assumed"), "\(unknown.text)")
    }

    @Test func `a mistake is shown with its place and ends the policy there, with status 65 for the check`()
        async throws
    {
        try put("var/lib/lapwing/policy.d/20-bad.rules", "deny usb\nalow pci to any\n")
        let check = try await run(["check"])
        #expect(check.ending == .exited(65) && check.text.isEmpty, "\(check)")
        #expect(check.errorText.contains("/var/lib/lapwing/policy.d/20-bad.rules:2:1: error: \"alow\" is no decision"))
        let json = try await run(["check", "--json"])
        #expect(json.ending == .exited(65) && json.text.contains(#""line" : 2"#))
        let explain = try await run(["explain", "02:00.0"])
        #expect(explain.succeeded && explain.text.contains("nothing after it counts"), "\(explain.text)")
    }

    @Test func `a device that is not there is status 69, and a question that means nothing is status 64`() async throws
    {
        #expect(try await run(["explain", "09:00.0"]).ending == .exited(69))
        #expect(try await run(["explain", "02:00.0", "--keep"]).ending == .exited(64))
    }
}
