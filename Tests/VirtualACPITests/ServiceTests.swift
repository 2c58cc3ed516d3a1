// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import LapwingCore
import PowerFacts
import Synchronization
import SystemPackage
import Testing

@testable import VirtualACPI

/// The Xen side of a service, as a test plays it: requests are posted and answers waited for.
private final class TestServer: PortServer, Sendable {
    struct State {
        var requests: [PortRequest?]
        var answers: [UInt64?]
        var line: [Bool] = []
        var woken = 0
        var there = true
        var withdrawn = false
        var fails = false
    }
    let state: Mutex<State>
    let processors: Int
    let continues: Bool
    let events: Int32
    private let bell: Int32

    init(processors: Int = 1, continues: Bool = false) {
        self.processors = processors
        self.continues = continues
        state = Mutex(
            State(
                requests: Array(repeating: nil, count: processors), answers: Array(repeating: nil, count: processors)))
        var ends: [Int32] = [0, 0]
        _ = pipe(&ends)
        (events, bell) = (ends[0], ends[1])
    }

    deinit {
        close(events)
        close(bell)
    }

    func drain() throws(ACPIError) {
        var byte: UInt8 = 0
        _ = Glibc.read(events, &byte, 1)
    }
    func take(_ processor: Int) -> PortRequest? { state.withLock { $0.requests[processor] } }
    func answer(_ processor: Int, _ value: UInt64) throws(ACPIError) {
        state.withLock { state in
            state.requests[processor] = nil
            state.answers[processor] = value
        }
    }
    func wakeAll() throws(ACPIError) { state.withLock { $0.woken += 1 } }
    func setLine(_ up: Bool) throws(ACPIError) {
        let fails = state.withLock { state in
            state.line.append(up)
            return state.fails
        }
        if fails { throw ACPIError("acpi.xen", "the line is stuck") }
    }
    func withdraw() { state.withLock { $0.withdrawn = true } }
    func isThere() -> Bool { state.withLock { $0.there } }

    /// What a virtual CPU does: asks and waits.
    func ask(_ access: PortAccess, _ processor: Int = 0) -> UInt64? {
        state.withLock { state in
            state.answers[processor] = nil
            state.requests[processor] = .access(access)
        }
        _ = Glibc.write(bell, [1], 1)
        for _ in 0..<5000 {
            if let answer = state.withLock({ $0.answers[processor] }) { return answer }
            usleep(1000)
        }
        return nil
    }
    func read(_ port: UInt64, _ size: UInt32 = 1, _ processor: Int = 0) -> UInt64? {
        ask(PortAccess(port: port, size: size, isWrite: false), processor)
    }
    @discardableResult func write(_ port: UInt64, _ value: UInt64, _ size: UInt32 = 1) -> UInt64? {
        ask(PortAccess(port: port, size: size, isWrite: true, value: value))
    }
    func register(_ index: UInt32) -> UInt64? {
        write(0xA000, UInt64(index), 4)
        return read(0xA004, 4)
    }
    /// Waits until the line was told something that fits.
    func sawLine(_ fits: ([Bool]) -> Bool) -> Bool {
        for _ in 0..<5000 {
            if fits(state.withLock { $0.line }) { return true }
            usleep(1000)
        }
        return false
    }
}

/// A machine's files in a directory of their own, and services of one domain, one after the other.
private final class Machine: Sendable {
    let root = FilePath("/tmp/lapwing-acpi-\(UInt64.random(in: 0 ... .max))")
    private let stop: [Int32]
    let lines = Mutex<[String]>([])
    private let ending = Mutex<Result<String, ACPIError>?>(nil)

    init() throws {
        for name in ["power", "acpi"] { try Files.makeDirectory(root.appending(name)) }
        var ends: [Int32] = [0, 0]
        _ = pipe(&ends)
        stop = ends
    }

    deinit {
        for end in stop { close(end) }
        try? Files.removeTree(root)
    }

    var stateFile: FilePath { root.appending("acpi").appending("7") }

    func set(_ power: VirtualPower) throws { try set(power.text) }
    func set(_ text: String) throws {
        let path = root.appending("power").appending("state")
        try Files.write(text, to: FilePath(path.string + ".new"))
        try Files.rename(FilePath(path.string + ".new"), to: path)
    }

    func start(_ server: TestServer) throws {
        let power = try Self.follow(root.appending("power").string)
        let file = StateFile(domain: 7, directory: root.appending("acpi").string)
        let ready = DispatchSemaphore(value: 0)
        ending.withLock { $0 = nil }
        nonisolated(unsafe) var service = try Service(server: server, power: power, file: file, stop: stop[0]) {
            [self] text in
            lines.withLock { $0.append(text) }
        }
        DispatchQueue.global().async { [self] in
            let result: Result<String, ACPIError>
            do throws(ACPIError) {
                let ending = try service.run { ready.signal() }
                result = .success("\(ending)")
            } catch {
                result = .failure(error)
            }
            ending.withLock { $0 = result }
            ready.signal()
        }
        ready.wait()
    }

    /// Other tests' key agents can hold all the inotify instances that a user may have (128); they end soon.
    private static func follow(_ directory: String) throws -> PowerFile {
        for _ in 0..<600 {
            if let file = try? PowerFile(directory: directory) { return file }
            usleep(100_000)
        }
        return try PowerFile(directory: directory)
    }

    /// Tells the service to end, unless it does by itself, and returns how it did.
    func end(tell: Bool = true) -> Result<String, ACPIError>? {
        if tell { _ = write(stop[1], [1], 1) }
        for _ in 0..<5000 {
            if let result = ending.withLock({ $0 }) {
                if tell {
                    var byte: UInt8 = 0
                    _ = read(stop[0], &byte, 1)
                }
                return result
            }
            usleep(1000)
        }
        return nil
    }
}

@Suite(.serialized) struct ServiceTests {
    @Test func `a guest reads the file and is told when it is replaced`() throws {
        let machine = try Machine()
        try machine.set(.laptop)
        let server = TestServer(processors: 16)
        try machine.start(server)
        #expect(server.register(0x10A) == 30110)
        #expect(server.read(0xAFE1, 1, 15) == 0)
        server.write(0xAFE3, 0x20)
        var power = VirtualPower.laptop
        power.online = true
        power.lid = .closed
        try machine.set(power)
        #expect(server.sawLine { $0.last == true })
        #expect(server.register(2) == 1 && server.register(3) == 0)
        #expect(server.register(1) == UInt64(PowerEvents.mains.union(.lid).rawValue))
        server.write(0xA004, 0xFFFF_FFFF, 4)
        server.write(0xAFE1, 0x20)
        #expect(server.sawLine { $0.last == false })
        #expect(machine.end() == .success("stopped"))
        #expect(machine.lines.withLock { $0 } == [])
    }

    @Test func `without a file the machine is on mains, and the daemon may come later`() throws {
        let machine = try Machine()
        try Files.removeTree(machine.root.appending("power"))
        let server = TestServer()
        try machine.start(server)
        #expect(server.register(2) == 1 && server.register(3) == 1 && server.register(0x100) == 0)
        server.write(0xAFE3, 0x20)
        try machine.set(.laptop)
        #expect(server.sawLine { $0.last == true })
        #expect(server.register(0x100) == 1)
        // What cannot be understood changes nothing, and is said once.
        for _ in 0..<3 { try machine.set("lapwing-power 1\nonline=maybe\n") }
        #expect(server.register(0x100) == 1)
        try machine.set(.laptop)
        #expect(machine.end() == .success("stopped"))
        #expect(machine.lines.withLock { $0.count } <= 1)
    }

    @Test func `a new process serves what the old one left, and neither loses nor repeats an event`() throws {
        let machine = try Machine()
        try machine.set(.laptop)
        let first = TestServer()
        try machine.start(first)
        first.write(0xAFE3, 0x20)
        #expect(machine.end() == .success("stopped"))
        // Something happens while nobody serves, and a virtual CPU asks.
        var power = VirtualPower.laptop
        power.online = true
        try machine.set(power)
        let second = TestServer(continues: true)
        second.state.withLock {
            $0.requests[0] = .access(PortAccess(port: 0xAFE3, size: 1, isWrite: false))
        }
        try machine.start(second)
        #expect(second.state.withLock { $0.answers[0] } == 0x20)
        #expect(second.state.withLock { $0.woken } == 1)
        #expect(second.sawLine { $0.last == true })
        // The window has no register until the guest names one.
        #expect(second.read(0xA000, 4) == 0xFFFF_FFFF)
        #expect(second.register(1) == UInt64(PowerEvents.mains.rawValue))
        second.write(0xA004, 0xFFFF_FFFF, 4)
        second.write(0xAFE1, 0x20)
        #expect(machine.end() == .success("stopped"))
        let third = TestServer(continues: true)
        try machine.start(third)
        #expect(third.read(0xAFE1) == 0)
        // It may have been left up.
        #expect(third.state.withLock { $0.line.first } == false)
        #expect(machine.end() == .success("stopped"))
    }

    @Test func `a state of another domain counts for nothing, a lost one for everything`() throws {
        let machine = try Machine()
        try machine.set(.laptop)
        try Files.write(
            DeviceState(told: VirtualPower(), events: .lid, status: 0x20, enable: 0x20).text, to: machine.stateFile)
        let fresh = TestServer()
        try machine.start(fresh)
        #expect(fresh.read(0xAFE1) == 0 && fresh.read(0xAFE3) == 0)
        #expect(machine.end() == .success("stopped"))
        for text in ["rubbish", StateFile.runningText] {
            try Files.write(text, to: machine.stateFile)
            let server = TestServer(continues: text == "rubbish")
            try machine.start(server)
            #expect(server.sawLine { $0.last == true })
            let events = PowerEvents.all.subtracting([.powerButton, .sleepButton])
            #expect(server.register(1) == UInt64(events.rawValue))
            #expect(machine.end() == .success("stopped"))
        }
    }

    @Test func `a domain that is gone ends it, and a failure before it was ready gives the ports up`()
        throws
    {
        let machine = try Machine()
        try machine.set(.laptop)
        let server = TestServer()
        try machine.start(server)
        server.state.withLock { $0.there = false }
        try machine.set(.laptop)
        #expect(machine.end(tell: false) == .success("gone"))
        let broken = TestServer()
        broken.state.withLock { $0.fails = true }
        try Files.write(StateFile.runningText, to: machine.stateFile)
        try machine.start(broken)
        guard case .failure(let error) = machine.end(tell: false) else {
            Issue.record("it did not fail")
            return
        }
        #expect(error.code == "acpi.xen" && broken.state.withLock { $0.withdrawn })
    }

    @Test func `a directory that goes away is followed anew`() {
        func message(_ mask: UInt32, name: Int) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: 16 + name)
            for place in 0..<4 { bytes[4 + place] = UInt8(truncatingIfNeeded: mask >> UInt32(8 * place)) }
            bytes[12] = UInt8(name)
            return bytes
        }
        let one = message(UInt32(IN_MOVED_TO), name: 16)
        let two = message(UInt32(IN_IGNORED), name: 0)
        #expect(!PowerFile.isLost(one[...]) && PowerFile.isLost((one + two)[...]))
        for end in 0..<two.count { #expect(!PowerFile.isLost((one + two[..<end])[...])) }
        #expect(!PowerFile.isLost([UInt8](repeating: 0xFF, count: 3)[...]))
    }
}
