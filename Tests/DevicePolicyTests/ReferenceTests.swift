// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Testing

@testable import DevicePolicy

@Suite struct ReferenceTests {
    @Test func `the committed reference is the generated one`() throws {
        let path = Support.package.appending("docs/policy.md")
        if Support.rewrite { try Files.write(RuleReference.page(), to: path) }
        #expect(RuleReference.page() == (try Files.text(path)))
    }

    @Test func `the rules of the examples are good, and there are some`() {
        let lines = RuleReference.examples.split(separator: "\n").filter { $0.hasPrefix("    ") }
        let policy = Support.policy(lines.map { $0.drop { $0 == " " } + "\n" }.joined())
        #expect(policy.errors == [] && policy.rules.count >= 7)
    }

    @Test(arguments: RuleKey.allCases)
    func `the example of each condition is good where the table allows it`(key: RuleKey) {
        for kind in key.kinds {
            let vendor = key == .product ? "vendor=0781 " : ""
            // The places of the examples are on USB.
            if kind == .pci, [.id, .port, .below].contains(key) { continue }
            let example = kind == .pci && key == .class ? "class=network" : key.example
            #expect(Support.policy("deny \(kind.rawValue) \(vendor)\(example)").errors == [], "\(kind) \(key)")
        }
    }

    @Test func `names of classes are sorted and each stands once`() {
        for names in [ClassNames.usb.map(\.name), ClassNames.pci.map(\.name)] {
            #expect(names == Set(names).sorted())
        }
    }
}
