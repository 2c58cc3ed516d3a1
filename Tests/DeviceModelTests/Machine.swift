// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import LapwingCore
import Testing

/// A machine's PCI functions in a notation that fits a line each, for tests of isolation groups:
///
///     00:1c.0 m port    8086:9d10 acs      >02  g5
///
/// address; `m` for a device of several functions; type (`pci` for conventional, `pcibridge` for a conventional bridge,
/// `port`, `up`, `down`, `ep`, `legacy`, `rcep`, `rcec`, `topci` for a bridge from PCI Express to PCI); vendor and device;
/// `acs` with all services on, `acs=CAP/CTL` in hexadecimal; `>BUS` the bus right below; `@BDF` the function it sends
/// as; `gN` the group the kernel put it in.
struct Machine {
    var functions: [PCIFunction] = []

    init(_ text: String) throws {
        var bridges: [String: PCIAddress] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: "#", omittingEmptySubsequences: false)[0].split(separator: " ")
            guard let first = words.first else { continue }
            let address = try #require(PCIAddress(String(first)), "\(line)")
            let ids = try #require(words.first { $0.count == 9 && $0.contains(":") && !$0.contains(".") }, "\(line)")
            let halves = ids.split(separator: ":")
            let identity = PCIIdentity(
                vendor: try #require(Hex16(String(halves[0]))), device: try #require(Hex16(String(halves[1]))))
            var function = PCIFunction(
                id: DeviceID(domain: address.domain, rootBus: 0, slots: [address.slot], identity: identity),
                address: address, identity: identity, classCode: PCIClass(base: 0, sub: 0),
                multifunction: words.contains("m"))
            for word in words.dropFirst() {
                if let type = Self.types[String(word)] { function.express = PCIExpress(type: type) }
                if word == "acs" { function.accessControl = .init(capable: .isolation, enabled: .isolation) }
                if word.hasPrefix("acs=") {
                    let numbers = word.dropFirst(4).split(separator: "/").compactMap { UInt16($0, radix: 16) }
                    try #require(numbers.count == 2)
                    function.accessControl = .init(
                        capable: .init(rawValue: numbers[0]), enabled: .init(rawValue: numbers[1]))
                }
                if word.hasPrefix(">") {
                    let bus = try #require(UInt8(word.dropFirst(), radix: 16))
                    function.bridge = PCIBridge(primary: address.bus, secondary: bus, subordinate: bus)
                    bridges["\(address.domain):\(bus)"] = address
                }
                if word.hasPrefix("@") { function.requester = PCIAddress(String(word.dropFirst())) }
                if word.hasPrefix("g"), let group = Int(word.dropFirst()) { function.kernelGroup = group }
            }
            functions.append(function)
        }
        for index in functions.indices {
            let address = functions[index].address
            functions[index].parent = bridges["\(address.domain):\(address.bus)"]
        }
    }

    private static let types: [String: PCIExpressType] = [
        "port": .rootPort, "up": .upstreamPort, "down": .downstreamPort, "ep": .endpoint, "legacy": .legacyEndpoint,
        "rcep": .rootComplexEndpoint, "rcec": .rootComplexEventCollector, "topci": .expressToPCIBridge,
        "frompci": .pciToExpressBridge,
    ]

    /// What the kernel said: functions it put in no group are left out.
    var kernelGroups: Set<Set<PCIAddress>> {
        var groups: [Int: Set<PCIAddress>] = [:]
        for function in functions {
            if let group = function.kernelGroup { groups[group, default: []].insert(function.address) }
        }
        return Set(groups.values)
    }

    /// What we compute, of the functions the kernel put in some group.
    func computed(_ groups: [IsolationGroup]) -> Set<Set<PCIAddress>> {
        let known = Set(functions.filter { $0.kernelGroup != nil }.map(\.address))
        return Set(groups.map { Set($0.members).intersection(known) }.filter { !$0.isEmpty })
    }
}

/// A generator whose numbers are the same in every run.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Changed bytes: single ones, cut ends, pieces twice.
    mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...8, using: &self) {
            if bytes.isEmpty { return bytes }
            let at = Int.random(in: 0..<bytes.count, using: &self)
            switch Int.random(in: 0...5, using: &self) {
            case 0: bytes.removeSubrange(at...)
            case 1: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 40)], at: at)
            case 2: bytes[at] = [0, 1, 2, 4, 5, 9, 0x40, 0x7F, 0x80, 0xFC, 0xFE, 0xFF].randomElement(using: &self) ?? 0
            default: bytes[at] = UInt8.random(in: 0...255, using: &self)
            }
        }
        return bytes
    }
}
