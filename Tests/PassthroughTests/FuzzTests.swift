// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import DevicePolicy
import FoundationEssentials
import LapwingCore
import Testing
import struct SystemPackage.FilePath

@testable import Passthrough

/// The list of assignments after a full disk, a bad sector or a hand with an editor.
@Suite struct FuzzTests {
    @Test(arguments: 0..<4)
    func `a mutated list of assignments is a list without a device twice, or refused, and then not written to`(
        seed: Int
    ) throws {
        var state = UInt64(seed) &* 6_700_417
        func roll(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % max(1, limit)
        }
        let path = FilePath(FileManager.default.temporaryDirectory.path).appending(
            "lapwing-assignments-\(UInt64.random(in: 0 ... .max))")
        defer { try? Files.remove(path) }
        let store = AssignmentStore(path: path)
        let other = Assignment(device: try Samples.id("pci-0000.00-01.0~8086.0001"), domain: "new")
        for number in 1...3 {
            let id = try Samples.id("pci-0000.00-0\(number + 1).0~8086.1234")
            try store.add(Assignment(device: id, domain: "net", required: number == 2))
        }
        let good = try Files.read(path)
        var (read, refused) = (0, 0)
        for _ in 0..<150 {
            var bytes = good
            for _ in 0...roll(2) where !bytes.isEmpty {
                let at = roll(bytes.count)
                switch roll(4) {
                case 0: bytes[at] = UInt8(roll(256))
                case 1: bytes.removeSubrange(at..<min(bytes.count, at + 1 + roll(8)))
                // A digit for a digit keeps the form and makes another id, often one that is there already.
                case 2: bytes = bytes.map { $0 == UInt8(ascii: "3") ? UInt8(ascii: "2") : $0 }
                default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 24)], at: at)
                }
            }
            try Files.write(bytes, to: path)
            do {
                let list = try store.read()
                #expect(Set(list.map(\.device)).count == list.count && list == list.sorted())
                read += 1
            } catch let error as LapwingError {
                #expect(error.exit == .badInput, "\(error)")
                #expect(throws: LapwingError.self) { try store.add(other) }
                #expect(try Files.read(path) == bytes)
                refused += 1
            }
        }
        #expect(read > 2 && refused > 20, "\(read) read, \(refused) refused")
    }
}
