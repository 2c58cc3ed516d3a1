// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

@testable import Emulator

/// What the tests of this file need, from the environment: a tools tree, a kernel with built-in virtio and an initrd
/// whose `/init` starts the agent. Without them the tests are left out.
private struct RealTools {
    let tree: FilePath
    let kernel: FilePath
    let initrd: FilePath

    static let found: RealTools? = {
        let environment = ProcessInfo.processInfo.environment
        guard let tree = environment["LAPWING_TEST_TOOLS"], let kernel = environment["LAPWING_TEST_KERNEL"],
            let initrd = environment["LAPWING_TEST_INITRD"]
        else { return nil }
        return RealTools(tree: FilePath(tree), kernel: FilePath(kernel), initrd: FilePath(initrd))
    }()

    var tools: EmulatorTools {
        let tree = tree.string
        return EmulatorTools(root: self.tree) { command, reads, writes in
            var words = ["--tmpfs", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--die-with-parent"]
            for name in ["usr", "etc"] { words += ["--ro-bind", "\(tree)/\(name)", "/\(name)"] }
            for name in ["bin", "sbin", "lib", "lib64"] { words += ["--symlink", "usr/\(name)", "/\(name)"] }
            for path in reads { words += ["--ro-bind", path.string, path.string] }
            for path in writes { words += [path == "/dev/kvm" ? "--dev-bind" : "--bind", path.string, path.string] }
            var wrapped = command
            wrapped.executable = "bwrap"
            wrapped.arguments = words + ["--", command.executable] + command.arguments
            return wrapped
        }
    }
}

@Suite(
    .enabled(
        if: RealTools.found != nil,
        "LAPWING_TEST_TOOLS, LAPWING_TEST_KERNEL and LAPWING_TEST_INITRD are not all set"), .serialized)
struct RealMachineTests {
    private func withMachine(
        _ change: (inout Machine, WorkDirectory) throws -> Void = { _, _ in },
        _ body: (RunningMachine, WorkDirectory) async throws -> Void
    ) async throws {
        let real = try #require(RealTools.found)
        let work = try WorkDirectory()
        defer { work.remove() }
        var machine = Machine(
            architecture: .x86_64, firmware: nil,
            kernel: DirectKernel(image: real.kernel, initrd: real.initrd, commandLine: "console=ttyS0 panic=-1"),
            accelerator: .tcg, processors: 1, memory: ByteSize(bytes: 512 << 20),
            serial: .file(work.path.appending("console.log")), agentSocket: work.path.appending("agent"),
            controlSocket: work.path.appending("qmp"))
        try change(&machine, work)
        let running = try await RunningMachine.start(
            machine, tools: real.tools, context: .live(progress: .none), log: work.path.appending("qemu.log"))
        do {
            try await body(running, work)
        } catch {
            await running.stop()
            throw error
        }
        await running.stop()
    }

    @Test func `a real machine boots, answers through its port, takes and gives devices, and restarts`() async throws {
        try await withMachine({ machine, _ in
            machine.devices = [Device("qemu-xhci", ["id": "xhci0"])]
        }) { running, _ in
            let hello = try await running.agent.hello(within: .seconds(180))
            print("agent answered after \((ContinuousClock().now - running.started).seconds) s")
            let uname = try await running.agent.exec(["uname", "-s"])
            #expect(uname.text == "Linux\n")
            // Half a mebibyte there and back through the real port.
            let bytes = (0..<524_288).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
            try await running.agent.write(bytes, to: "/tmp/x")
            #expect(try await running.agent.read("/tmp/x") == bytes)

            try await running.control.add(Device("usb-tablet", ["id": "tablet", "bus": "xhci0.0"]))
            await #expect(throws: LapwingError.self) { try await running.control.add(Device("no-such-device")) }
            try await running.control.remove(device: "tablet", timeout: .seconds(30))
            #expect(try await running.control.runState() == "running")

            try await running.agent.shutdown(restart: true)
            let again = try await running.agent.hello(within: .seconds(180), notBoot: hello.boot)
            #expect(again.boot != hello.boot)
            #expect(running.console.contains("mini is up"))
        }
    }

    @Test func `a machine of QEMU's own refusal says why`() async throws {
        let error = await #expect(throws: LapwingError.self) {
            try await withMachine({ machine, _ in machine.devices = [Device("no-such-device")] }) { _, _ in }
        }
        #expect(error?.code == "emulator.start")
        #expect(error?.cause?.contains("no-such-device") == true)
    }

    @Test func `a value reaches an I/O port through the monitor`() async throws {
        try await withMachine({ machine, _ in machine.devices = [Device("pc-testdev")] }) { running, _ in
            try await running.control.writePort(0xE0, 0x1234_5678)
            let shown = try await running.control.monitor("i/w 0xe0")
            #expect(shown.contains("0x12345678"))
        }
    }

    @Test func `a snapshot of the whole machine brings back memory and disk`() async throws {
        let real = try #require(RealTools.found)
        try await withMachine({ machine, work in
            machine.disks = [
                Disk(
                    id: "disk", file: work.path.appending("disk.qcow2"), format: .qcow2, attachment: .virtioBlock)
            ]
            // An empty qcow2, version 2: header, one refcount table and one refcount block, no clusters.
            try Files.write(emptyQcow2(size: 1 << 30), to: work.path.appending("disk.qcow2"))
            _ = real
        }) { running, _ in
            _ = try await running.agent.hello(within: .seconds(180))
            try await running.agent.write([1], to: "/tmp/mark")
            let node = try await running.control.execute("query-block").elements?
                .first { $0["device"]?.text == "disk-file" }?["inserted"]?["node-name"]?.text
            let block = try #require(node)
            try await running.control.saveSnapshot("s", node: block)
            try await running.agent.write([2], to: "/tmp/mark")
            try await running.control.loadSnapshot("s", node: block)
            _ = try await running.agent.hello(within: .seconds(60))
            #expect(try await running.agent.read("/tmp/mark") == [1])
        }
    }

    @Test func `the probe of KVM comes to an answer with a reason`() async throws {
        let real = try #require(RealTools.found)
        let answer = try await Accelerator.probe(.x86_64, tools: real.tools, context: .live(progress: .none))
        print("probe: \(answer)")
        #expect(!answer.reason.isEmpty)
        let other = try await Accelerator.probe(.arm64, tools: real.tools, context: .live(progress: .none))
        #expect(other.accelerator == .tcg)
    }

    /// QEMU's docs/interop/qcow2.rst, version 2 header: 64 KiB clusters; refcount table in cluster 1, refcount block in
    /// cluster 2, L1 table in cluster 3.
    private func emptyQcow2(size: UInt64) -> [UInt8] {
        var file = [UInt8](repeating: 0, count: 4 << 16)
        func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
            withUnsafeBytes(of: value.bigEndian) { file.replaceSubrange(offset..<offset + $0.count, with: $0) }
        }
        put(UInt32(0x5146_49FB), at: 0)
        put(UInt32(2), at: 4)
        put(UInt32(16), at: 20)
        put(size, at: 24)
        put(UInt32((size + (1 << 29) - 1) >> 29), at: 36)
        put(UInt64(3 << 16), at: 40)
        put(UInt64(1 << 16), at: 48)
        put(UInt32(1), at: 56)
        put(UInt64(2 << 16), at: 1 << 16)
        for cluster in 0..<4 { put(UInt16(1), at: 2 << 16 | cluster * 2) }
        return file
    }
}
