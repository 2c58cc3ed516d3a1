// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
import SystemPackage

extension Accelerator {
    /// Finds out whether KVM really works for an x86 machine with UEFI firmware. That `/dev/kvm` can be opened says
    /// little: some hosts offer it and then stop at the firmware's first unusual instruction. So the firmware itself is
    /// started, without disks, and must show something on its serial console within ten seconds. The answer comes with
    /// the reason, for people.
    public static func probe(
        _ architecture: Machine.Architecture, tools: EmulatorTools, context: Context
    ) async throws -> (accelerator: Accelerator, reason: String) {
        guard architecture == hostArchitecture else { return (.tcg, "the image is for another architecture") }
        do {
            try FileDescriptor.open("/dev/kvm", .readWrite, options: .closeOnExec).close()
        } catch {
            return (.tcg, "/dev/kvm cannot be opened (\(error))")
        }
        let work = try WorkDirectory()
        defer { work.remove() }
        let variables = work.path.appending("vars.fd")
        try Files.copySparse(tools.firmwareVariables, to: variables, permissions: 0o600)
        let machine = Machine(
            architecture: architecture,
            firmware: Machine.Firmware(code: tools.firmwareCode, variables: variables), accelerator: .kvm,
            processors: 1, memory: ByteSize(bytes: 256 << 20), serial: .file(work.path.appending("console.log")),
            agentSocket: work.path.appending("agent"), controlSocket: work.path.appending("qmp"))
        let running: RunningMachine
        do {
            running = try await RunningMachine.start(
                machine, tools: tools, context: context, log: work.path.appending("qemu.log"))
        } catch let error as LapwingError {
            return (.tcg, "QEMU ends at once with KVM: \(error.cause ?? error.message)")
        }
        let result = await observe(running)
        await running.stop()
        return result
    }

    private static func observe(_ machine: RunningMachine) async -> (accelerator: Accelerator, reason: String) {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(10)
        while clock.now < end {
            if !machine.console.isEmpty { return (.kvm, "the firmware starts with KVM") }
            guard let state = try? await machine.control.runState() else { return (.tcg, "QEMU dies with KVM") }
            if state != "running" { return (.tcg, "the firmware stops with KVM (\(state))") }
            try? await Task.sleep(for: .milliseconds(100))
        }
        return (.tcg, "the firmware shows nothing with KVM")
    }

    private static var hostArchitecture: Machine.Architecture? {
        #if arch(x86_64)
            .x86_64
        #elseif arch(arm64)
            .arm64
        #else
            nil
        #endif
    }
}
