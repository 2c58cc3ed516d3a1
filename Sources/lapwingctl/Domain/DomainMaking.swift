// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlProtocol
import DeviceConfig
import DomainDefinitions
import LapwingCore
import SystemPackage

extension DaemonOptions {
    /// Gives a definition to the daemon and says what came of it.
    func define(_ text: String, file: String, replace: Bool, progress: any Progress) throws -> [String] {
        let answer = try ask(
            "domain.define", ["text": .string(text), "file": .string(file), "replace": .bool(replace)], seconds: 120)
        let names = (answer.elements ?? []).compactMap(\.text)
        for name in names { progress.note("defined \(name)") }
        return names
    }

    /// Starts domains, one after the other.
    func start(_ names: [String], progress: any Progress) throws {
        for name in names {
            let answer = try ask("domain.start", ["name": .string(name)], seconds: Self.making)
            progress.note(answer["started"] == .bool(true) ? "started \(name)" : "\(name) runs already")
        }
    }
}

/// `lapwingctl domain define`
struct DomainDefine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "define", abstract: "Define domains from a YAML file.",
        discussion: """
            The file has a map "domains:", as a recipe has. All mistakes are shown at once, each with its line and \
            column, and then nothing is changed. The definitions are kept in /var/lib/lapwing/domains.d; images of \
            disks with a size are made. "-" reads standard input.
            """)

    @OptionGroup var daemon: DaemonOptions
    @Argument(help: ArgumentHelp("The file, or -.", valueName: "file"), completion: .file(extensions: ["yaml"]))
    var file: String
    @Flag(help: "Take the place of definitions that are there; images stay as they are.")
    var replace = false
    @Flag(help: "Only look for mistakes; the daemon is not asked.")
    var check = false

    func run() async throws {
        try await finish {
            let bytes =
                file == "-"
                ? try Self.standardInput() : try Files.read(FilePath(file), limit: PlainYAML.sizeLimit)
            let found = try DefinitionReader.read(bytes, file: file)
            let progress = Context.live(progress: .plain).progress
            if check {
                for definition in found { progress.note("\(definition.name) is well defined") }
                return
            }
            _ = try daemon.define(
                String(decoding: bytes, as: UTF8.self), file: file, replace: replace, progress: progress)
        }
    }

    private static func standardInput() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        while bytes.count <= PlainYAML.sizeLimit {
            let got = try chunk.withUnsafeMutableBytes { try FileDescriptor.standardInput.read(into: $0) }
            if got == 0 { break }
            bytes += chunk[..<got]
        }
        return bytes
    }
}

extension DomainSettings.Kind: ExpressibleByArgument {}
extension DomainSettings.Display: ExpressibleByArgument {}
extension DomainSettings.OnCrash: ExpressibleByArgument {}

extension ByteSize: ExpressibleByArgument {
    /// Reads a size off the command line.
    public init?(argument: String) { self.init(argument) }
}

/// Numbers with commas between them.
struct CPUNumbers: ExpressibleByArgument {
    var numbers: [Int]

    /// Reads numbers off the command line.
    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        numbers = parts.compactMap { Int($0) }
        if numbers.count != parts.count { return nil }
    }
}

/// `lapwingctl domain create`
struct DomainCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Define a domain from options and make its disks.",
        discussion: """
            A system to install: lapwingctl domain create work --memory "4 GiB" --vcpus 2 --disk system=40GiB --iso \
            /var/lib/lapwing/images/debian.iso --display vnc --start

            A small guest with a kernel of dom0: lapwingctl domain create net --type pvh --memory "256 MiB" --kernel \
            /var/lib/lapwing/net/vmlinuz --ramdisk /var/lib/lapwing/net/initrd --cmdline "console=hvc0"

            "lapwingctl domain show" prints the definition that came of it.
            """)

    @OptionGroup var daemon: DaemonOptions
    @Argument(help: ArgumentHelp("The new domain's name: small letters, digits and -.", valueName: "name"))
    var name: String
    @Option(help: "How it is virtualised: hvm, pvh or pv.")
    var type = DomainSettings.Kind.hvm
    @Option(help: ArgumentHelp("Its memory, for example \"4 GiB\".", valueName: "size"))
    var memory: ByteSize
    @Option(help: ArgumentHelp("Its virtual CPUs.", valueName: "number"))
    var vcpus = 1
    @Option(
        help: ArgumentHelp(
            "The physical CPUs it may run on, for example 4,5,6; all unless told.", valueName: "numbers"))
    var cpus: CPUNumbers?
    @Option(help: ArgumentHelp("What it is for.", valueName: "text"))
    var description: String?
    @Option(
        help: ArgumentHelp(
            "A disk: NAME=SIZE makes an image, NAME=/PATH takes a file or, below /dev, a block device. Can be repeated.",
            valueName: "disk"))
    var disk: [String] = []
    @Option(
        help: ArgumentHelp("An image in its optical drive, to install from.", valueName: "file"), completion: .file())
    var iso: String?
    @Option(help: ArgumentHelp("The kernel it is started with.", valueName: "file"), completion: .file())
    var kernel: String?
    @Option(help: ArgumentHelp("The initial RAM disk beside it.", valueName: "file"), completion: .file())
    var ramdisk: String?
    @Option(help: ArgumentHelp("The kernel's command line.", valueName: "text"))
    var cmdline: String?
    @Option(help: "Where an HVM domain's screen is shown: none or vnc, a socket in /run/lapwing/domains.")
    var display = DomainSettings.Display.none
    @Option(help: "What is done when it crashes: restart, stop or keep.")
    var onCrash = DomainSettings.OnCrash.restart
    @Flag(help: "Start it with the machine.")
    var autostart = false
    @Flag(help: "Start it now.")
    var start = false
    @Flag(help: "Print the definition and change nothing.")
    var dryRun = false

    func run() async throws {
        try await finish {
            let settings = try settings()
            let mistakes = DefinitionCheck.mistakes(name, settings)
            if !mistakes.isEmpty {
                throw LapwingErrors(
                    mistakes.map {
                        LapwingError(
                            "domain.bad-value", exit: .usage, $0.message, subject: $0.key.isEmpty ? name : $0.key,
                            hint: $0.hint)
                    })
            }
            let text = DefinitionWriter.text(name, settings)
            if dryRun {
                print(text, terminator: "")
                return
            }
            let progress = Context.live(progress: .plain).progress
            let names = try daemon.define(text, file: "options", replace: false, progress: progress)
            if start { try daemon.start(names, progress: progress) }
        }
    }

    func settings() throws -> DomainSettings {
        var disks = try disk.map(Self.disk)
        if let iso { disks.append(.init(name: "install", cdrom: iso)) }
        return DomainSettings(
            description: description, type: type, memory: memory, vcpus: vcpus, cpus: cpus?.numbers ?? [],
            disks: disks, kernel: kernel, ramdisk: ramdisk, cmdline: cmdline, display: display, autostart: autostart,
            onCrash: onCrash)
    }

    static func disk(_ text: String) throws -> DomainSettings.Disk {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        if parts.count == 2 {
            if parts[1].hasPrefix("/dev/") { return .init(name: parts[0], device: parts[1]) }
            if parts[1].hasPrefix("/") { return .init(name: parts[0], file: parts[1]) }
            if let size = ByteSize(parts[1]) { return .init(name: parts[0], size: size) }
        }
        throw LapwingError(
            "domain.bad-disk", exit: .usage, "This is no disk.", subject: text,
            hint: "Write NAME=SIZE or NAME=/PATH: --disk system=40GiB.")
    }
}
