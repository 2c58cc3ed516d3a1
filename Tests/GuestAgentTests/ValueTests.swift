// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import GuestAgent

private func parse(_ text: String) -> Value? { ValueParser.parse(Array(text.utf8)) }

@Suite struct ValueTests {
    @Test(arguments: [
        (#"{"a":[1,-2,true,null],"b":"x"}"#, #"{"a":[1,-2,true,null],"b":"x"}"#),
        (#" { "a" : [ ] , "b":{} } "#, #"{"a":[],"b":{}}"#),
        (#""\u00e9\ud83d\ude00\n\"\/""#, #""\u00e9\ud83d\ude00\u000a\"/""#),
        ("\"\u{e9}\u{1F600}\"", #""\u00e9\ud83d\ude00""#),
    ])
    func `what is read is written as one line of ASCII`(text: String, written: String) {
        let value = parse(text)
        #expect(value?.text == written)
        #expect(value?.text.utf8.allSatisfy { (0x20..<0x7F).contains($0) } == true)
    }

    @Test(arguments: [
        "", "{", "[1", "{\"a\"}", "{\"a\":1,}", "[1,]", "tru", "1.5", "1e3", "--1", "\"a", "\"\\x\"", "\"\\u12\"",
        "\"\\ud800\"", "\"\\u+123\"", "99999999999999999999", "{} x", "\"\u{1}\"", "nullnull",
        String(repeating: "[", count: 100_000),
    ])
    func `noise is no value`(text: String) { #expect(parse(text) == nil) }

    @Test func `bytes that are no UTF-8 are no text`() {
        #expect(ValueParser.parse([0x22, 0xFF, 0x22]) == nil)
    }
}

@Suite struct Base64Tests {
    // The test vectors of RFC 4648, section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `bytes and their base64 are each other's inverse`(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
    }

    @Test func `every byte survives`() {
        let all = (0...255).map { UInt8($0) }
        #expect(Base64.decode(Base64.encode(all)) == all)
    }

    @Test(arguments: ["Z", "Zg", "Zg=", "Z===", "====", "Zm9v\n", "Zm-v", "Zg==Zg=="])
    func `what is no base64 is refused`(text: String) { #expect(Base64.decode(text) == nil) }
}
