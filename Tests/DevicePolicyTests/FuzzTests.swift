// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Testing

@testable import DevicePolicy

@Suite struct FuzzTests {
    private static let pieces: [[UInt8]] =
        [
            "=", ",", "\"", "\\", "#", " ", "\t", "\n", "\r\n", "allow ", "ask ", "deny ", "assign ", "usb ", "pci ",
            "gpu ", "wlan ", "device ", " to ", "any", "dom0", " persistent", " required", " once", "class=", "any:",
            "all:", "id=", "port=", "below=", "vendor=", "product=", "serial=", "name=", "0781", "08:06:50", "0c0330",
            "usb-0000.00-14.0-u2-1~0781.5581", "\u{202e}", "\u{feff}", "e\u{301}", "\0",
        ].map { Array($0.utf8) } + [[0xFF], [0xC3], [0xED, 0xA0, 0x80]]

    // The good ones more often: most mutations of a bad file are bad.
    private static let seeds: [[UInt8]] = [CorpusTests.good, CorpusTests.good, CorpusTests.good, CorpusTests.bad]
        .flatMap { directory in
            Support.names(directory, suffix: PolicyFile.suffix).compactMap { try? Files.read(directory.appending($0)) }
        }.filter { $0.count < 2048 }

    private static func mutated(_ dice: inout Dice) -> [UInt8] {
        var bytes = seeds.randomElement(using: &dice) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &dice) {
            let at = Int.random(in: 0...bytes.count, using: &dice)
            let end = min(bytes.count, at + Int.random(in: 0...24, using: &dice))
            switch Int.random(in: 0...3, using: &dice) {
            case 0: bytes.insert(contentsOf: pieces.randomElement(using: &dice) ?? [], at: at)
            case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &dice)
            case 2: bytes.removeSubrange(at..<end)
            default: bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &dice))
            }
        }
        return bytes
    }

    @Test(arguments: 0..<8)
    func `mutated rule files are understood or refused with places inside of them, never a crash`(seed: Int) {
        var dice = Dice(state: UInt64(seed) &* 7919)
        var (good, bad) = (0, 0)
        for _ in 0..<500 {
            let bytes = Self.mutated(&dice)
            let (rules, errors) = PolicyFile(file: "f", bytes: bytes).parsed()
            let lines = bytes.count { $0 == 10 } + 1
            for error in errors {
                guard let place = error.location else {
                    Issue.record("no place: \(error)")
                    continue
                }
                #expect((1...lines).contains(place.line) && place.column >= 1 && place.column <= bytes.count + 2)
                #expect(!(error.message + (error.hint ?? "")).unicodeScalars.contains { $0.value < 32 })
            }
            for rule in rules {
                // What a rule prints is the same rule.
                let again = PolicyFile(file: "f", text: rule.text).parsed()
                #expect(again.errors == [] && again.rules.map(\.text) == [rule.text])
                #expect(again.rules.first?.conditions == rule.conditions && again.rules.first?.targets == rule.targets)
            }
            good += rules.count
            bad += errors.count
        }
        #expect(good > 100 && bad > 100, "\(good) rules, \(bad) errors")
    }
}
