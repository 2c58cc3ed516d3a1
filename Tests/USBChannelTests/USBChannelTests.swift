// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LapwingCore
import Synchronization
import Testing

@testable import USBChannel
@testable import XenChannel

/// A directory that is taken for sysfs.
private final class Tree {
    let root: String

    init(_ files: [String: String] = [:], links: [String: String] = [:]) {
        root = "/tmp/lapwing-usb-\(UInt64.random(in: 0 ... .max))"
        mkdir(root, 0o700)
        for (path, text) in files { put(path, text) }
        for (path, target) in links {
            directory(of: path)
            #expect(symlink(target, "\(root)/\(path)") == 0)
        }
    }

    deinit { _ = lapwing_remove_tree(root) }

    private func directory(of path: String) {
        var here = root
        for part in path.split(separator: "/").dropLast() {
            here += "/" + part
            mkdir(here, 0o755)
        }
    }

    func put(_ path: String, _ text: String) {
        directory(of: path)
        let file = open("\(root)/\(path)", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        #expect(write(file, text, text.utf8.count) == text.utf8.count)
        close(file)
    }

    func text(_ path: String) -> String? { Sysfs(root: root).text(path) }
}

@Suite struct LeaseTests {
    @Test(arguments: ["1-1:1:0", "2-1.4:7:3", "12-1.2.3.4.5.6:32751:7"]) func reads(text: String) throws {
        let lease = try #require(Lease(text))
        #expect(lease.description == text)
        #expect(lease.unit == "lapwing-usb@\(text).service")
    }

    @Test(arguments: [
        "", "1-1", "1-1:1", "1-1:0:0", "1-1:32752:0", "1-1:1:8", "1-1:1:-1", "1-1:01:0", "1-1:+1:0", "../x:1:0",
        "1-:1:0",
        "-1:1:0", "1-1.:1:0", "1-1..2:1:0", "1-1.2.3.4.5.6.7:1:0", "1-1234:1:0", "1-1:1:0:0", "usb1:1:0", "1-1 :1:0",
    ])
    func refuses(text: String) { #expect(Lease(text) == nil) }

    @Test func places() {
        let slot = Slot(domain: 7, number: 2)
        #expect(slot.path(.page) == "/local/domain/7/lapwing/usb/2/ring-ref")
        #expect(slot.path(.events) == "/local/domain/7/lapwing/usb/2/event-channel")
    }
}

@Suite struct DeviceStubTests {
    private let device = "bus/usb/devices/1-4"
    private let driver = "bus/usb/drivers/usbip-host"

    private func tree(class code: String = "00", speed: String = "480", boundTo: String? = "usb") -> Tree {
        Tree(
            [
                "\(device)/busnum": "1\n", "\(device)/devnum": "5\n", "\(device)/speed": speed + "\n",
                "\(device)/bDeviceClass": code + "\n", "\(driver)/match_busid": "", "\(driver)/bind": "",
                "\(driver)/unbind": "", "\(driver)/rebind": "", "bus/usb/drivers/usb/unbind": "",
                "bus/usb/drivers_probe": "",
            ], links: boundTo.map { ["\(device)/driver": "../../drivers/\($0)"] } ?? [:])
    }

    @Test func takesTheDeviceFromItsDriver() throws {
        let tree = tree()
        let stub = try DeviceStub("1-4", sysfs: tree.root)
        #expect(try stub.facts() == (1 << 16 | 5, 3))
        try stub.bind()
        #expect(tree.text("\(driver)/match_busid") == "add 1-4")
        #expect(tree.text("bus/usb/drivers/usb/unbind") == "1-4")
        #expect(tree.text("\(driver)/bind") == "1-4")
    }

    @Test func givesItBack() throws {
        let tree = tree(boundTo: "usbip-host")
        let stub = try DeviceStub("1-4", sysfs: tree.root)
        #expect(stub.isBound)
        stub.release()
        #expect(tree.text("\(driver)/unbind") == "1-4")
        #expect(tree.text("\(driver)/rebind") == "1-4")
    }

    /// The kernel would look up the driver of a device that is no more.
    @Test func leavesAPulledDeviceAlone() throws {
        let tree = tree()
        let stub = try DeviceStub("1-5", sysfs: tree.root)
        #expect(!stub.isThere)
        stub.release()
        #expect(tree.text("\(driver)/rebind") == "")
        #expect(throws: ChannelError.self) { try stub.bind() }
        #expect(throws: ChannelError.self) { try stub.facts() }
    }

    @Test func refusesWhatItCannotCarry() throws {
        let hub = tree(class: "09")
        #expect(throws: ChannelError.self) { try DeviceStub("1-4", sysfs: hub.root).bind() }
        #expect(hub.text("\(driver)/match_busid") == "")
        let odd = tree(speed: "nothing")
        #expect(throws: ChannelError.self) { try DeviceStub("1-4", sysfs: odd.root).facts() }
        #expect(throws: ChannelError.self) { try DeviceStub("1-4/..", sysfs: odd.root) }
        let bare = Tree(["\(device)/busnum": "1\n"])
        #expect(throws: ChannelError("the kernel's module usbip-host is not loaded")) {
            try DeviceStub("1-4", sysfs: bare.root).bind()
        }
    }
}

@Suite struct VirtualHubTests {
    private let status = """
        hub port sta spd dev      sockfd local_busid
        hs  0000 006 003 00010005 000003 1-1
        hs  0001 004 000 00000000 000000 0-0
        ss  0008 004 000 00000000 000000 0-0

        """

    @Test func findsAFreePort() {
        #expect(VirtualHub.freePort(status, speed: 3) == 1)
        #expect(VirtualHub.freePort(status, speed: 1) == 1)
        #expect(VirtualHub.freePort(status, speed: 5) == 8)
        #expect(VirtualHub.freePort("", speed: 3) == nil)
        #expect(VirtualHub.freePort(status.replacing(" 004 ", with: " 006 "), speed: 3) == nil)
        #expect(VirtualHub.freePort("hs\nhs x y\n\nss 0008", speed: 5) == nil)
    }

    @Test func attaches() throws {
        let place = "devices/platform/vhci_hcd.0"
        let tree = Tree(["\(place)/status": status, "\(place)/attach": ""])
        let hub = VirtualHub(sysfs: tree.root)
        #expect(hub.isThere)
        #expect(try hub.attach(9, address: 65541, speed: 3) == 1)
        #expect(tree.text("\(place)/attach") == "1 9 65541 3")
        #expect(throws: ChannelError.self) { try VirtualHub(sysfs: tree.root + "/x").attach(9, address: 1, speed: 3) }
    }
}

@Suite struct InvitationTests {
    @Test func needsAll() throws {
        let whole: [Slot.Entry: String] = [
            .address: "65541", .speed: "3", .offer: "1", .page: "8", .events: "11",
        ]
        let found = Taker.Invitation { whole[$0] }
        #expect(found?.address == 65541 && found?.speed == 3 && found?.page == 8 && found?.events == 11)
        for entry in whole.keys {
            #expect(Taker.Invitation { $0 == entry ? nil : whole[$0] } == nil)
            #expect(Taker.Invitation { $0 == entry ? "-1" : whole[$0] } == nil)
        }
    }

    /// Xen gives the page and the port of a killed process to the next one that asks.
    @Test func `The same page and port offered again are another invitation`() {
        let first: [Slot.Entry: String] = [
            .address: "65541", .speed: "3", .offer: "1", .page: "8", .events: "11",
        ]
        #expect(
            Taker.Invitation { first[$0] } != Taker.Invitation { $0 == .offer ? "2" : first[$0] })
    }
}

/// What a XenStore would answer to a guest that nothing is offered to. The first list of slots comes behind the word that
/// something changed, in one piece.
private final class QuietStore: Sendable {
    let looks = Mutex(0)
    private let socket: Int32

    init(_ socket: Int32) { self.socket = socket }

    func run() {
        var buffer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let got = read(socket, &chunk, chunk.count)
            guard got > 0 else { return }
            buffer += chunk[..<got]
            while let request = try? XenStoreWire.next(&buffer) {
                let event = XenStoreWire.encode(.watchEvent, request: 0, Array("lapwing/usb\0usb\0".utf8))
                var answer: [UInt8] = []
                if request.kind == XenStoreWire.Kind.watch.rawValue {
                    answer = XenStoreWire.encode(.watch, request: 1, Array("OK\0".utf8)) + event
                } else {
                    let isFirst = looks.withLock { count in
                        count += 1
                        return count == 1
                    }
                    answer = (isFirst ? event : []) + XenStoreWire.encode(.directory, request: 1, [])
                }
                _ = write(socket, answer, answer.count)
            }
        }
    }
}

@Suite struct TakerTests {
    @Test func `a change told along with an answer is looked at`() async throws {
        var sockets: [Int32] = [-1, -1]
        var stop: [Int32] = [-1, -1]
        #expect(lapwing_socket_pair(&sockets) == 0 && pipe(&stop) == 0)
        #expect(fcntl(sockets[1], F_SETFL, 0) == 0)
        let (ours, theirs, stopped, stopper) = (sockets[0], sockets[1], stop[0], stop[1])
        let store = QuietStore(theirs)
        async let peer: Void = EventThread.run { store.run() }
        async let run: Void = EventThread.run {
            var taker = Taker(
                store: StorePort(descriptor: ours), hub: VirtualHub(sysfs: "/nowhere"), stop: stopped, say: { _ in })
            try taker.run()
        }
        for _ in 0..<500 where store.looks.withLock({ $0 }) < 2 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(store.looks.withLock { $0 } == 2)
        _ = write(stopper, [1], 1)
        try await run
        // The end of the port is the end of the store's work.
        try await peer
        for descriptor in [theirs, stopped, stopper] { close(descriptor) }
    }
}
