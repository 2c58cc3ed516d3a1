// SPDX-License-Identifier: Apache-2.0

// What a guest's access to the virtual battery costs of our own time: "acpi-benchmark" serves accesses as lapwing-acpi
// does, state file included, with a pipe in the place of Xen's event channel, and prints microseconds for one. The exit
// status is 1 when one of them is over the limit.

import Glibc
import PowerFacts
import VirtualACPI

/// The limit for an access.
let limit = 30.0
let rounds = 20_000

/// Hands out the same accesses again and again, then ends the service.
final class Load: PortServer {
    let events: Int32
    let processors = 1
    let continues = false
    private let bell: Int32
    private let end: Int32
    private let accesses: [PortAccess]
    private var next = 0
    private var left: Int

    init(_ accesses: [PortAccess], count: Int, end: Int32) {
        self.accesses = accesses
        self.end = end
        left = count
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0)
        (events, bell) = (ends[0], ends[1])
        ring()
    }

    deinit {
        close(events)
        close(bell)
    }

    private func ring() { _ = write(left > 0 ? bell : end, [1], 1) }
    func drain() throws(ACPIError) {
        var byte: UInt8 = 0
        _ = read(events, &byte, 1)
    }
    func take(_ processor: Int) -> PortRequest? {
        guard left > 0 else { return nil }
        return .access(accesses[next])
    }
    func answer(_ processor: Int, _ value: UInt64) throws(ACPIError) {
        next = (next + 1) % accesses.count
        left -= 1
        ring()
    }
    func wakeAll() throws(ACPIError) {}
    func setLine(_ up: Bool) throws(ACPIError) {}
    func withdraw() {}
    func isThere() -> Bool { true }
}

func put(_ port: UInt64, _ value: UInt64, _ size: UInt32) -> PortAccess {
    PortAccess(port: port, size: size, isWrite: true, value: value)
}

/// Microseconds for one access.
func measure(_ accesses: [PortAccess], in directory: String) throws -> Double {
    var ends: [Int32] = [0, 0]
    precondition(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    let clock = ContinuousClock()
    var service = try Service(
        server: Load(accesses, count: rounds, end: ends[1]), power: try PowerFile(directory: directory),
        file: StateFile(domain: 1, directory: directory), stop: ends[0]
    ) { print($0) }
    let began = clock.now
    _ = try service.run {}
    let took = (clock.now - began).components
    return (Double(took.seconds) * 1e6 + Double(took.attoseconds) / 1e12) / Double(rounds)
}

// As on the device, in memory.
var place = Array("/dev/shm/lapwing-acpi-XXXXXX".utf8CString)
guard mkdtemp(&place) != nil else {
    print("no directory could be made in /dev/shm")
    exit(1)
}
let directory = String(decoding: place.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
var battery = VirtualPower.Battery(activity: .discharging)
battery.remaining = 30110
battery.model = "45N1767"
try StateFile(domain: 1, directory: directory).write(DeviceState(told: VirtualPower()))
let state = open(directory + "/state", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
let text = Array(VirtualPower(batteries: [battery]).text.utf8)
_ = write(state, text, text.count)
close(state)

let data = PortAccess(port: 0xA004, size: 4, isWrite: false)
let cases: [(String, [PortAccess])] = [
    ("a register", [put(0xA000, 0x10A, 4), data]), ("a text", [put(0xA000, 0x120, 4), data]),
    ("the event byte, state file written", [put(0xAFE3, 0, 1), put(0xAFE3, 0x20, 1)]),
]
var missed = false
for (name, accesses) in cases {
    let cost = try measure(accesses, in: directory)
    missed = missed || cost > limit
    let words = "\((cost * 10).rounded() / 10) us of \(Int(limit)) us"
    print("\(name)\(String(repeating: " ", count: max(1, 38 - name.count)))\(words)")
}
for name in ["/1", "/state", ""] { remove(directory + name) }
exit(missed ? 1 : 0)
