// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Emulator
import ImageAssembly
import LapwingCore
import SystemPackage

extension Accelerator: ExpressibleByArgument {}

/// What both verbs of the emulator take.
struct EmulatorOptions: ParsableArguments {
    @Option(help: "Virtual processors of the machine.")
    var cpus = 2

    @Option(help: ArgumentHelp("Memory of the machine, for example \"4 GiB\".", valueName: "size"))
    var memory = "4 GiB"

    @Option(help: "kvm or tcg (default: KVM where it really works).")
    var accelerator: Accelerator?

    @Option(help: "The cache directory with the tools.", completion: .directory)
    var cache: String?

    func size() throws -> ByteSize {
        guard let size = ByteSize(memory) else { throw ValidationError("\"\(memory)\" is no size.") }
        return size
    }

    func directory(_ context: Context) throws -> FilePath {
        try cache.map { context.workingDirectory.pushing(FilePath($0)) } ?? BuildSettings.userCache(context)
    }

    func choose(_ tools: EmulatorTools, _ context: Context) async throws -> Accelerator {
        if let accelerator { return accelerator }
        let (found, reason) = try await Accelerator.probe(.x86_64, tools: tools, context: context)
        if found == .tcg {
            // QEMU's own last word says more than the command line before it.
            let word = reason.split(separator: "\n").last.map(String.init) ?? reason
            context.progress.note("KVM is not used: \(word.drop { $0 == " " })")
        }
        return found
    }
}

/// `lapwing check`
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Boot images in the emulator and assert what they promise.",
        discussion: """
            Boots a throw-away copy of each image. Its verity root is the shipped one; its boot file alone differs: one \
            more cpio brings a test agent. Logs, JSON and JUnit results go to the results directory. Exit code 1 when \
            an assertion fails.
            """)

    @Argument(help: "Images: .raw or .iso files with their manifest beside them.", completion: .file())
    var images: [String] = []

    @Flag(help: "Name the scenarios and boot nothing.")
    var list = false

    @Option(help: ArgumentHelp("Run only this group or scenario; may be repeated.", valueName: "name"))
    var scenario: [String] = []

    @Option(help: "Where results and logs go (default: check beside the first image).", completion: .directory)
    var results: String?

    @Option(help: "The test agent (default: lapwing-agent beside this program).", completion: .file())
    var agent: String?

    @Option(
        help: ArgumentHelp(
            "The same Xen with its assertions, xen.efi of the build step hypervisor.debug: adds the groups that run on it.",
            valueName: "file"), completion: .file())
    var debugHypervisor: String?

    @OptionGroup var emulator: EmulatorOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if !list && images.isEmpty { throw ValidationError("Name an image, or give --list.") }
    }

    func run() async throws {
        if list { return try output.print(CheckRunner.list()) }
        let context = output.context()
        let base = context.workingDirectory
        let agent = try findAgent(base)
        let files = try images.map { try ImageFile(base.pushing(FilePath($0))) }
        let directory =
            results.map { base.pushing(FilePath($0)) } ?? files[0].path.removingLastComponent().appending("check")
        var report: CheckReport?
        for file in files {
            let tree = try await BuiltTools.tree(
                file.manifest, cache: try emulator.directory(context), context: context)
            let tools = BuiltTools.emulator(tree)
            let work = directory.appending("work.\(file.kind.rawValue)")
            try Files.makeDirectory(work)
            defer { try? Files.removeTree(work) }
            let image = try await file.prepared(
                agent: agent, tools: tree, work: work,
                debugHypervisor: debugHypervisor.map { base.pushing(FilePath($0)) }, context: context)
            var runner = CheckRunner(
                image: image, tools: tools, results: directory, accelerator: try await emulator.choose(tools, context),
                context: context)
            runner.processors = emulator.cpus
            runner.memory = try emulator.size()
            let chosen = try scenario.filter { try runner.applies($0) }
            if !scenario.isEmpty && chosen.isEmpty { continue }
            let one = try await runner.run(chosen)
            if report == nil { report = one } else { report?.results += one.results }
        }
        guard let report else { return }
        try Files.write(try report.listing.render(.json), to: directory.appending("results.json"))
        try Files.write(report.junit, to: directory.appending("results.xml"))
        try output.print(report.listing)
        if !report.succeeded {
            throw LapwingError(CheckFailure.code, "Not all assertions hold.", cause: report.failures)
        }
    }

    private func findAgent(_ base: FilePath) throws -> FilePath {
        if let agent { return base.pushing(FilePath(agent)) }
        let path = try HostNamespaces.ownExecutable().removingLastComponent().appending("lapwing-agent")
        guard Files.exists(path) else {
            throw LapwingError(
                "check.no-agent", exit: .unavailable, "The test agent is not there.", subject: path.string,
                hint: "Build it with \"swift build -c release --product lapwing-agent --static-swift-stdlib\".")
        }
        return path
    }
}

/// `lapwing vm`
struct VM: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start an image in the emulator, with its console on this terminal.",
        discussion: "The image stays as it is. Ctrl-A X ends the machine.")

    @Argument(help: "The image: a .raw or an .iso file with its manifest beside it.", completion: .file())
    var image: String

    @Option(help: "A directory that keeps disk changes and TPM from one run to the next.", completion: .directory)
    var state: String?

    @Flag(help: "Attach an ISO as a USB stick instead of an optical drive.")
    var stick = false

    @OptionGroup var emulator: EmulatorOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let context = output.context()
        let file = try ImageFile(context.workingDirectory.pushing(FilePath(image)))
        let tree = try await BuiltTools.tree(file.manifest, cache: try emulator.directory(context), context: context)
        let tools = BuiltTools.emulator(tree)
        var runner = VirtualMachineRunner(
            image: file.path, kind: file.kind, accelerator: try await emulator.choose(tools, context), tools: tools,
            context: context)
        runner.processors = emulator.cpus
        runner.memory = try emulator.size()
        runner.state = state.map { FilePath($0) }
        if stick { runner.attachment = .usbStorage }
        try await runner.run()
    }
}
