// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc
import LapwingCore
import PowerFacts
import Synchronization
import SystemPackage
import Testing

@testable import Battery

/// A follower on a thread of its own, as in the daemon, over a tree that a test changes.
private final class Following {
    final class Log: Sendable {
        let states = Mutex<[VirtualPower]>([])
        let failures = Mutex<[String]>([])
    }

    let tree: PowerTree
    let log = Log()
    let follower: PowerFollower
    let directory: FilePath

    init(_ tree: PowerTree) throws {
        self.tree = tree
        directory = tree.root.pushing("run/power")
        let log = log
        follower = try PowerFollower(
            try tree.reader(), directory: directory,
            listener: .init(
                changed: { power, _ in log.states.withLock { $0.append(power) } },
                failed: { error in log.failures.withLock { $0.append(error.code) } }))
        let running = follower
        Task { try await EventThread.run { running.run() } }
    }

    deinit { follower.end() }

    var state: VirtualPower? {
        (try? Files.text(directory.appending("state"))).flatMap { VirtualPower(text: $0) }
    }

    /// Waits until what is published is so, that many seconds at most.
    func wait(_ seconds: Int = 20, _ body: (VirtualPower) -> Bool) async throws -> Bool {
        for _ in 0..<seconds * 100 {
            if let state, body(state) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}

@Suite struct FollowerTests {
    @Test func `the state is published for all to read, whatever the umask`() async throws {
        let following = try Following(try PowerTree(Machines.energy))
        #expect(try await following.wait { $0.batteries[0]?.remaining == 30110 && !$0.online })
        let status = try #require(try Files.status(following.directory.appending("state")))
        #expect(status.permissions == 0o644)
        #expect(try Files.names(in: following.directory) == ["slots", "state"])
    }

    @Test func `a change is seen upon the kernel's message and not before`() async throws {
        let following = try Following(try PowerTree(Machines.energy))
        _ = try await following.wait { _ in true }
        // The second look of the start is over by then.
        try await Task.sleep(for: .milliseconds(3000))
        try following.tree.put("BAT0", "energy_now", "20000000")
        try await Task.sleep(for: .milliseconds(300))
        #expect(following.state?.batteries[0]?.remaining == 30110)
        following.follower.supplyChanged()
        #expect(try await following.wait { $0.batteries[0]?.remaining == 20000 })
    }

    @Test func `what the kernel had kept for a second is seen without another message`() async throws {
        let following = try Following(try PowerTree(Machines.energy))
        _ = try await following.wait { _ in true }
        var seen = false
        // On a machine that stands still for a second the change may come too late: that is tried again.
        for round in 1...4 where !seen {
            try following.tree.put("BAT0", "energy_now", "\(round)0000000")
            following.follower.supplyChanged()
            #expect(try await following.wait { $0.batteries[0]?.remaining == UInt32(round) * 10_000 })
            try following.tree.put("BAT0", "energy_now", "\(round)5000000")
            seen = try await following.wait(2) { $0.batteries[0]?.remaining == UInt32(round) * 10_000 + 5000 }
        }
        #expect(seen)
    }

    @Test func `nothing is written or told when nothing changed`() async throws {
        let following = try Following(try PowerTree(Machines.twoBatteries))
        _ = try await following.wait { $0.batteries[1] != nil }
        let before = try Files.status(following.directory.appending("state"))?.changed
        for _ in 0..<5 {
            following.follower.supplyChanged()
            _ = try await following.follower.status()
        }
        #expect(try Files.status(following.directory.appending("state"))?.changed == before)
        #expect(following.log.states.withLock { $0.count } == 1)
    }

    @Test func `a battery keeps its slot while the other is away, and over a new daemon`() async throws {
        let tree = try PowerTree(Machines.twoBatteries)
        do {
            let following = try Following(tree)
            #expect(try await following.wait { $0.batteries[1]?.model == "45N1775" })
            try tree.remove("BAT0")
            following.follower.supplyChanged()
            #expect(try await following.wait { $0.batteries[0] == nil && $0.batteries[1]?.model == "45N1775" })
            #expect(try await following.follower.status().batteries.map(\.slot) == [1])
        }
        let next = try Following(tree)
        #expect(try await next.follower.status().batteries.map(\.slot) == [1])
        #expect(next.state?.batteries[0] == nil && next.state?.batteries[1]?.model == "45N1775")
        try tree.put("BAT0", "type", "Battery")
        try tree.put("BAT0", "capacity", "7")
        next.follower.supplyChanged()
        #expect(try await next.wait { $0.batteries[0]?.remaining == 700 && $0.batteries[1]?.model == "45N1775" })
    }

    @Test func `a new daemon keeps what buttons were pressed, and tells what is published once`() async throws {
        let tree = try PowerTree(Machines.energy)
        let place = tree.root.pushing("run/power")
        try Files.makeDirectory(place)
        var power = VirtualPower(online: true)
        (power.powerPresses, power.sleepPresses) = (7, 2)
        try Files.write(power.text, to: place.appending("state"))
        let following = try Following(tree)
        #expect(try await following.wait { !$0.online && $0.powerPresses == 7 && $0.sleepPresses == 2 })
        _ = try await following.follower.status()
        #expect(following.log.states.withLock { $0.map(\.powerPresses) } == [7])
    }

    @Test func `a state that is none is replaced`() async throws {
        let tree = try PowerTree(Machines.energy)
        let place = tree.root.pushing("run/power")
        try Files.makeDirectory(place)
        try Files.write(Array(repeating: 255, count: 9000), to: place.appending("state"))
        try Files.write("BAT9\nBAT9\n\n\nx y\n", to: place.appending("slots"))
        let following = try Following(tree)
        // BAT9 had the first slot.
        #expect(try await following.wait { $0.batteries[1]?.remaining == 30110 && $0.batteries[0] == nil })
    }

    @Test func `what cannot be published is told once, and status goes on`() async throws {
        let tree = try PowerTree(Machines.energy)
        // A file where the directory is to be.
        try Files.makeDirectory(tree.root.pushing("run"))
        try Files.write("x", to: tree.root.pushing("run/power"))
        let following = try Following(tree)
        for _ in 0..<3 { #expect(try await following.follower.status().percent == 58) }
        #expect(following.log.failures.withLock { $0 } == ["file.failed"])
        #expect(following.log.states.withLock { $0.count } == 1)
        try Files.remove(tree.root.pushing("run/power"))
        #expect(try await following.follower.status().percent == 58)
        #expect(try await following.wait { $0.batteries[0]?.remaining == 30110 })
    }

    @Test func `who asks an ended follower is told so`() async throws {
        let following = try Following(try PowerTree())
        #expect(try await following.follower.status().sentence == "on mains, no battery")
        following.follower.end()
        await #expect(throws: LapwingError.self) { try await following.follower.status() }
    }

    @Test func `many who ask at once all get an answer`() async throws {
        let follower = try Following(try PowerTree(Machines.charge))
        let inner = follower.follower
        let answers = try await withThrowingTaskGroup(of: Int?.self) { group in
            for _ in 0..<64 { group.addTask { try await inner.status().percent } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers == Array(repeating: 54, count: 64) && follower.state != nil)
    }

    @Test func `a node that is no input device is no lid`() throws {
        let tree = try PowerTree("BAT0 type=Battery")
        try Files.makeDirectory(tree.root.pushing("sys/class/input/input0/capabilities"))
        try Files.makeDirectory(tree.root.pushing("sys/class/input/input0/event0"))
        try Files.write("1\n", to: tree.root.pushing("sys/class/input/input0/capabilities/sw"))
        let node = tree.root.pushing("dev/input/event0")
        #expect(try tree.reader().reading().lid == .absent)
        try Files.makeDirectory(node.removingLastComponent())
        try Files.write("x", to: node)
        #expect(try tree.reader().reading().lid == .absent)
        try Files.remove(node)
        try PowerTree.link(node, "/dev/null")
        #expect(try tree.reader().reading().lid == .absent)
        #expect(lapwing_lid_open("/dev/null") == -ENOTTY)
    }
}

/// The filter that decides in the kernel which messages wake the daemon.
@Suite struct UeventFilterTests {
    private static func message(_ action: String, _ path: String, _ subsystem: String) -> [UInt8] {
        Array("\(action)@\(path)\0ACTION=\(action)\0DEVPATH=\(path)\0SUBSYSTEM=\(subsystem)\0SEQNUM=7\0".utf8)
    }

    @Test func `changes of power supplies come through at any depth, other changes do not`() throws {
        var ends: [CInt] = [0, 0]
        let kind = CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let made = socketpair(AF_UNIX, kind, 0, &ends)
        try #require(made == 0)
        defer { for end in ends { close(end) } }
        try #require(lapwing_uevent_filter(ends[1]) == 0)
        func passes(_ message: [UInt8]) -> Bool {
            _ = send(ends[0], message, message.count, 0)
            var buffer = [UInt8](repeating: 0, count: 4096)
            return recv(ends[1], &buffer, buffer.count, 0) == message.count
        }
        for depth in 0..<300 {
            let above = "/devices/" + String(repeating: "x", count: depth)
            #expect(passes(Self.message("change", above + "/power_supply/BAT0", "power_supply")), "\(depth)")
            #expect(!passes(Self.message("change", above + "/thermal_zone0", "thermal")), "\(depth)")
        }
        for action in ["add", "remove"] { #expect(passes(Self.message(action, "/devices/x", "block"))) }
        for action in ["bind", "unbind", "move", "online", "offline"] {
            #expect(!passes(Self.message(action, "/devices/x/power_supply/BAT0", "power_supply")))
        }
        #expect(!passes(Array("change@/devices/x".utf8)) && !passes([1]))
    }
}
