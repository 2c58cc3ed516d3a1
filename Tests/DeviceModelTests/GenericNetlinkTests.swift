// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import DeviceModel

@Suite struct GenericNetlinkTests {
    /// An answer of family 30 to request 2: attributes 33 ("DE") and 34 (eight bytes).
    private static let answer = GenericNetlink.request(
        family: 30, command: 31, sequence: 2,
        attributes: [(33, Array("DE".utf8) + [0]), (34, [1, 2, 3, 4, 5, 6, 7, 8])])

    @Test func `an answer is read with its attributes, after messages that are none`() throws {
        let other = GenericNetlink.request(family: 30, command: 31, sequence: 1, attributes: [(33, [0x46, 0x52, 0])])
        let found = try #require(GenericNetlink.answer(other + Self.answer, family: 30, sequence: 2))
        #expect(found.keys.sorted() == [33, 34] && found[33].flatMap { RegulatoryDomain.name($0) } == "DE")
        #expect(found[34] == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(GenericNetlink.answer(other, family: 30, sequence: 2) == nil)
        // An error is a message of type 2 (NLMSG_ERROR).
        #expect(GenericNetlink.answer(Self.answer, family: 2, sequence: 2) == nil)
    }

    @Test func `every length is checked`() {
        for count in 0..<Self.answer.count {
            #expect(GenericNetlink.answer(Array(Self.answer[..<count]), family: 30, sequence: 2) == nil)
        }
        var long = Self.answer
        (long[20], long[21]) = (0xFF, 0xFF)
        #expect(GenericNetlink.answer(long, family: 30, sequence: 2) == [:])
        (long[20], long[21]) = (0, 0)
        #expect(GenericNetlink.answer(long, family: 30, sequence: 2) == [:])
    }

    @Test(arguments: [[], [68], [68, 69, 70], [100, 101], [27, 91, 0], [0xFF, 0xFE]] as [[UInt8]])
    func `a country has two capitals or digits`(bytes: [UInt8]) {
        #expect(RegulatoryDomain.name(bytes) == nil)
        #expect(RegulatoryDomain.name([0x30, 0x30, 0]) == "00")
    }
}
