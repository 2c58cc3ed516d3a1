// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// Gives a person a running image: the serial console on the terminal, perhaps a window. What `lapwing vm` is made of.
/// The image stays as it is; what the guest writes goes to an overlay.
public struct VirtualMachineRunner: Sendable {
    /// The image.
    public var image: FilePath
    /// What it is.
    public var kind: CheckedImage.Kind
    /// The architecture it is for.
    public var architecture = Machine.Architecture.x86_64
    /// How the image is attached.
    public var attachment: Disk.Attachment
    /// A directory that keeps overlay, firmware variables and TPM from one run to the next; nil to forget them.
    public var state: FilePath?
    /// KVM or emulation.
    public var accelerator: Accelerator
    /// Virtual processors.
    public var processors = 2
    /// Memory.
    public var memory = ByteSize(bytes: 4 << 30)
    /// The screen.
    public var display = Machine.Display.none
    /// QEMU and its company.
    public var tools: EmulatorTools
    /// The outside world.
    public var context: Context

    /// Describes a run: a disk image as NVMe disk, an ISO in the optical drive.
    public init(
        image: FilePath, kind: CheckedImage.Kind, accelerator: Accelerator, tools: EmulatorTools, context: Context
    ) {
        self.image = image
        self.kind = kind
        self.accelerator = accelerator
        self.tools = tools
        self.context = context
        attachment = kind == .disk ? .nvme : .optical
    }

    /// Runs until the guest turns itself off or the person ends QEMU. With a kept state, a second machine on the same
    /// directory is refused.
    public func run() async throws {
        let work = try WorkDirectory()
        defer { work.remove() }
        let home = state?.absolute(from: context.workingDirectory) ?? work.path.appending("state")
        try Files.makeDirectory(home, permissions: .ownerReadWriteExecute)
        guard let lock = try FileLock.attempt(home.appending("lock"), .exclusive) else {
            throw LapwingError(
                "vm.in-use", exit: .busy, "Another machine runs on this state.", subject: home.string,
                hint: "End it, or name another directory.")
        }
        defer { withExtendedLifetime(lock) {} }
        let source = image.absolute(from: context.workingDirectory)
        let disk = try await overlay(of: source, in: home)
        let variables = home.appending("vars.fd")
        if !Files.exists(variables) {
            try Files.copySparse(tools.firmwareVariables, to: variables, permissions: 0o600)
        }
        let tpm = try await TrustedModule.start(
            state: home.appending("tpm"), sockets: work.path, log: home.appending("tpm.log"), tools: tools,
            context: context)
        let machine = Machine(
            architecture: architecture,
            firmware: Machine.Firmware(code: tools.firmwareCode, variables: variables), accelerator: accelerator,
            processors: processors, memory: memory, disks: [disk], tpm: tpm.socket, serial: .terminal,
            controlSocket: work.path.appending("qmp"), display: display)
        context.progress.note(
            "Starting \(image.string) with \(accelerator.rawValue.uppercased()). Ctrl-A X ends the machine at once, "
                + "Ctrl-A H shows more keys."
                + (accelerator == .tcg ? " Without KVM a start takes a minute or more." : "")
                + (state == nil ? " What it writes is forgotten when it ends." : ""))
        let command = Command(
            machine.program, machine.arguments(), input: .inherit, output: .inherit, error: .inherit)
        do {
            let reads = machine.reads + (disk.format == .qcow2 ? [source] : [])
            let result = try await context.runner.run(try tools.wrap(command, reads, machine.writes))
            await tpm.stop()
            if !result.succeeded { throw CommandFailure.error(command, result, "QEMU ended with an error.") }
        } catch {
            await tpm.stop()
            throw error
        }
    }

    private func overlay(of image: FilePath, in home: FilePath) async throws -> Disk {
        guard attachment != .optical else {
            return Disk(id: "image", file: image, attachment: .optical)
        }
        let file = home.appending("overlay.qcow2")
        if !Files.exists(file) {
            let size = max(try Files.status(image)?.size ?? 0, Int64(clamping: ScenarioGroup.smallestDisk.bytes))
            let command = Command(
                "qemu-img", ["create", "-q", "-f", "qcow2", "-b", image.string, "-F", "raw", file.string, String(size)])
            try await context.runner.require(try tools.wrap(command, [image], [home]))
        }
        return Disk(id: "image", file: file, format: .qcow2, attachment: attachment, durable: state != nil)
    }
}
