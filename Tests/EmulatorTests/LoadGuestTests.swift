// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Testing

@testable import Emulator

@Suite struct LoadGuestTests {
    @Test(arguments: 0...5)
    func `the parts of the initrd are whole cpio entries, whatever the program's size`(size: Int) {
        let (head, tail) = LoadGuest.archive(size: size)
        #expect(head.count % 4 == 0 && (head.count + size + tail.count) % 4 == 0)
        let text = String(decoding: head, as: UTF8.self)
        #expect(text.hasPrefix("07070100000001000081ed"))
        // The eighth field is the size (buffer-format.rst); each is 8 digits, behind a magic of 6.
        let digits = String(size, radix: 16)
        #expect(Array(text)[54..<62] == ArraySlice(String(repeating: "0", count: 8 - digits.count) + digits))
        #expect(String(decoding: tail, as: UTF8.self).contains("TRAILER!!!\0"))
        #expect(tail.prefix((4 - size % 4) % 4).allSatisfy { $0 == 0 })
    }

    @Test func `a guest may be given more processors than it starts with`() {
        let text = LoadGuest(name: "one", load: "idle,busy", processors: 2, mostProcessors: 4).configuration(
            kernel: "/k")
        #expect(text.contains("\nvcpus = 2\nmaxvcpus = 4\n"))
        #expect(text.contains("lapwing.load=idle,busy\""))
        #expect(LoadGuest(name: "one", load: "idle").configuration(kernel: "/k").contains("\nmaxvcpus = 1\n"))
        #expect(
            LoadGuest(name: "one", load: "idle", bringsOnline: true).configuration(kernel: "/k")
                .contains(" lapwing.load=idle lapwing.online\"\n"))
    }
}

@Suite struct KeyboardTests {
    @Test func `letters, digits and the enter key are typed as people do`() {
        #expect(QMPClient.keys("a") == ["a"])
        #expect(QMPClient.keys("A") == ["shift", "a"])
        #expect(QMPClient.keys("7") == ["7"])
        #expect(QMPClient.keys("\n") == ["ret"])
        #expect(QMPClient.keys("é") == nil)
        #expect(QMPClient.keys("/") == nil)
    }
}
