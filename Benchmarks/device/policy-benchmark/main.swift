// SPDX-License-Identifier: Apache-2.0

// How long one decision takes when all rules have to be tried, and how long reading them takes: "policy-benchmark
// [RULES]" prints medians and the slowest tenth. The exit status is 1 when the median of a decision is over the limit.

import DeviceFacts
import DevicePolicy
import Glibc
import LapwingCore

/// The limit for a decision over 1,000 rules.
let limit = Duration.milliseconds(1)
let count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1000

/// Rules of every sort of condition, none of which matches the stick that is asked about.
func rule(_ number: Int) -> String {
    let hex = String(number % 0xFFFF, radix: 16)
    let padded = String(repeating: "0", count: 4 - hex.utf8.count) + hex
    switch number % 8 {
    case 0: return "allow usb vendor=0781 product=\(padded) class=audio to work"
    case 1: return "deny usb id=usb-0000.00-14.0-u2-\(number % 15 + 1)~\(padded).0001"
    case 2: return "ask usb class=audio,video,\(number % 2 == 0 ? "printer" : "image") to work,play"
    case 3: return "deny usb vendor=0781 name=\"*Ultra*\(number)*\""
    case 4: return "allow usb vendor=0781 serial=\"S\(number)\" to play"
    case 5: return "assign pci vendor=\(padded) to net persistent"
    case 6: return "deny usb class=any:input,wireless,hub"
    default: return "allow device below=usb-0000.00-14.0-u2-\(number % 15 + 1) vendor=\(padded) to any"
    }
}

/// The median and the 90th percentile of many runs.
func measure(_ rounds: Int, _ body: () throws -> Void) rethrows -> (median: Duration, slow: Duration) {
    let clock = ContinuousClock()
    var times: [Duration] = []
    for round in 0..<(rounds + rounds / 10) {
        let took = try clock.measure(body)
        // The first tenth warms the caches.
        if round >= rounds / 10 { times.append(took) }
    }
    times.sort()
    return (times[times.count / 2], times[times.count * 9 / 10])
}

func microseconds(_ duration: Duration) -> String {
    let value = Double(duration.components.attoseconds) / 1e12 + Double(duration.components.seconds) * 1e6
    return "\((value * 10).rounded() / 10) us"
}

let status = await Program.run {
    let text = (0..<count).map { rule($0) + "\n" }.joined()
    let file = PolicyFile(file: "benchmark.rules", text: text)
    let policy = PolicySet(ordered: [file])
    if !policy.errors.isEmpty { throw LapwingErrors(policy.errors) }
    let controller = USBController.pci(domain: 0, rootBus: 0, slots: [PCISlot(devfn: 0xA0)])
    let sticks = (UInt8(1)...12).map { port in
        let identity = USBIdentity(vendor: 0x0781, product: 0x5581, serial: "4C530001")
        return USBDevice(
            id: DeviceID(controller: controller, generation: 2, ports: [port], identity: identity), port: "1-\(port)",
            ports: [port], address: USBAddress(bus: 1, device: Int(port) + 1), identity: identity,
            classCode: USBClass(base: 0), manufacturer: "SanDisk", product: "Ultra Fit",
            interfaces: [USBInterface(configuration: 1, number: 0, classCode: USBClass(base: 8, sub: 6, proto: 0x50))])
    }
    let machine = MachineFacts(Inventory(usb: sticks), bootDisks: [], uplinks: [], otherInputs: 1)
    let engine = PolicyEngine(policy: policy, machine: machine)
    let decision = try measure(2000) {
        let found = try engine.decide(sticks[3].id)
        precondition(found.reason == .noRule)
    }
    let state = Arbiter(sticks.map { .plugged($0.id) } + [.started("work")])
    let placement = measure(100) { precondition(state.placement(engine).places.count == sticks.count) }
    let reading = measure(20) { precondition(file.parsed().errors.isEmpty) }
    print("\(count) rules, median and 90th percentile")
    print("decision, every rule tried   \(microseconds(decision.median))  \(microseconds(decision.slow))")
    print("placement of 12 devices      \(microseconds(placement.median))  \(microseconds(placement.slow))")
    print("reading the file             \(microseconds(reading.median))  \(microseconds(reading.slow))")
    if decision.median > limit {
        throw LapwingError("benchmark.missed", "A decision takes longer than its limit.", cause: microseconds(limit))
    }
}
exit(status.rawValue)
