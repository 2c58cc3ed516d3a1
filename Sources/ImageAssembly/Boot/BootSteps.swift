// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
public import BuildTools
public import DiskLayout
import HypervisorBuild
import LapwingCore
import SystemPackage

/// How a system names itself to the boot loader.
public struct BootIdentity: Sendable, Hashable, Codable {
    /// The recipe's name.
    public var image: String
    /// The image's version; the boot loader puts the newest first (UAPI version format).
    public var version: String

    /// Names a system.
    public init(image: String, version: String) {
        self.image = image
        self.version = version
    }

    /// The `.osrel` section: stable fields only (os-release(5)).
    public var osRelease: String {
        func quoted(_ text: String) -> String {
            "\"" + String(text.filter { !"\"\\$`\n".contains($0) }) + "\""
        }
        return """
            ID=lapwing
            NAME="Lapwing"
            PRETTY_NAME=\(quoted("Lapwing \(image) \(version)"))
            VERSION_ID=\(quoted(version))
            IMAGE_ID=\(quoted(image))
            IMAGE_VERSION=\(quoted(version))

            """
    }
}

/// The steps that make boot files.
public enum BootSteps {
    /// The name of the step that takes the parts out of the root.
    public static let partsID: StepID = "boot.parts"
    /// The file of a boot step's result.
    public static let file = "lapwing.efi"
    /// The boot loader, in the result of the parts step.
    public static let loader = "systemd-boot.efi"

    /// Takes Xen, the dom0 kernel, the microcode and the boot loader out of the packages, and Xen's debug sections off,
    /// which would take ten times the room. `hypervisor` is the step that built Xen, when it is not a package's.
    public static func parts(
        root: StepID, tools: StepID = ToolsTree.stepID, architecture: DiskArchitecture, microcode: Bool,
        hypervisor: StepID? = nil
    ) -> Step {
        var inputs: [String: StepInput] = [
            "root": .output(root), "tools": .output(tools),
            "settings": .value("\(architecture.rawValue) microcode=\(microcode)"),
        ]
        if let hypervisor { inputs["hypervisor"] = .output(hypervisor) }
        return Step(
            partsID, title: "take hypervisor, kernel and boot loader out of the root", version: 1, inputs: inputs
        ) { run in
            let source = try TarReader.read(try run.input("root").appending("root.tar"))
            let tools = ToolsTree(try run.input("tools"))
            let reader = ContentReader()
            let full = run.scratch.appending("xen.efi")
            let bytes =
                if hypervisor != nil {
                    try Files.read(try run.input("hypervisor").appending(BuildStep.efi))
                } else {
                    try reader.bytes(try only(source, "boot", "xen-*.efi", "hypervisor"))
                }
            try Files.write(bytes, to: full)
            let xen = run.output.appending("xen.efi")
            try await run.context.runner.require(stripping(full, to: xen, tools))
            let kernel = try InitrdTree.kernelRelease(source)
            try Files.write(
                try reader.bytes(try only(source, "boot", "vmlinuz-\(kernel)", "dom0 kernel")),
                to: run.output.appending("vmlinuz"))
            let boot = "usr/lib/systemd/boot/efi/" + architecture.systemdBoot
            let loaderBytes =
                if let content = source.content(boot) {
                    try reader.bytes(content)
                } else {
                    try Files.read(tools.root.appending(boot))
                }
            try Files.write(loaderBytes, to: run.output.appending(loader))
            if microcode, architecture == .amd64, let tree = try microcodeTree(source, reader) {
                try CpioWriter.write(tree, to: run.output.appending("microcode.cpio"))
                run.metric("microcodeBytes", Double(tree.contentSize))
            }
            run.metric("xenBytes", Double(try DiskSteps.bytes(xen)))
        }
    }

    /// The command that takes Xen's debug sections off.
    public static func stripping(_ xen: FilePath, to result: FilePath, _ tools: ToolsTree) -> Command {
        tools.command(
            Command(
                "objcopy", ["--strip-debug", xen.string, result.string],
                // The linker's time stamp in the header is kept by objcopy only with this set.
                environment: ["SOURCE_DATE_EPOCH": "0"]),
            reads: [xen], writes: [result.removingLastComponent()])
    }

    /// Puts a boot file together.
    ///
    /// - Parameters:
    ///   - id: `boot.disk` or `boot.live`, for example.
    ///   - verity: The step whose result holds the root hash as text in the file `hashFile`.
    ///   - kernelOptions: The recipe's options of the dom0 kernel; those of the initrd are added here.
    ///   - state: `tpm2`, `passphrase` or `none`.
    ///   - live: The ISO's volume UUID, for a medium that needs no disk.
    public static func bootFile(
        _ id: StepID, initrd: StepID = InitrdStep.stepID, verity: StepID, hashFile: String, xenOptions: [String],
        kernelOptions: [String], state: String, live: String? = nil, identity: BootIdentity
    ) throws -> Step {
        struct Settings: Codable {
            var xen: [String]
            var kernel: [String]
            var identity: BootIdentity
        }
        // ucode=scan: Xen looks for microcode in front of the initrd, where Linux has it too.
        var kernel = kernelOptions + ["systemd.gpt_auto=0", "lapwing.state=\(state)"]
        if let live { kernel.append("lapwing.live=\(live)") }
        let settings = Settings(xen: xenOptions, kernel: kernel, identity: identity)
        return Step(
            id, title: "put the boot file together", version: 1,
            inputs: [
                "parts": .output(partsID), "initrd": .output(initrd), "verity": .output(verity),
                "hashFile": .value(hashFile), "settings": .value(try JSONText.string(settings, pretty: false)),
            ]
        ) { run in
            let parts = try run.input("parts")
            let hash = try rootHash(try run.input("verity").appending(hashFile))
            let microcodePath = parts.appending("microcode.cpio")
            let microcode = Files.exists(microcodePath) ? try Files.read(microcodePath) : []
            let file = BootFile(
                xen: try PEImage(try Files.read(parts.appending("xen.efi")), subject: "xen.efi"),
                options: BootOptions(
                    xen: settings.xen + (microcode.isEmpty ? [] : ["ucode=scan"]),
                    kernel: settings.kernel + ["lapwing.roothash=\(hash)"]),
                kernel: try Files.read(parts.appending("vmlinuz")),
                initrd: microcode + (try Files.read(try run.input("initrd").appending(InitrdStep.file))),
                microcode: nil,
                osRelease: identity.osRelease)
            let bytes = try file.assembled()
            try Files.write(bytes, to: run.output.appending(BootSteps.file))
            run.metric("bytes", Double(bytes.count))
        }
    }

    /// The root hash in a file of text.
    static func rootHash(_ path: FilePath) throws -> Digest {
        let text = try Files.text(path, limit: 4096).split(whereSeparator: \.isWhitespace).joined()
        guard let hash = Digest(hex: text) else {
            throw LapwingError("boot.bad-hash", "The root hash is not a SHA-256 digest.", subject: path.string)
        }
        return hash
    }

    private static func only(
        _ source: FileTree, _ directory: String, _ pattern: String, _ what: String
    ) throws -> FileContent {
        let found = source.children(of: directory).filter {
            Glob.matches(pattern, String($0.name)) && source.content($0.path) != nil
        }
        guard let entry = found.first, found.count == 1, let content = source.content(entry.path) else {
            throw LapwingError(
                "boot.no-part", exit: .badInput, "The root must hold exactly one \(what).",
                subject: "/\(directory)/\(pattern)",
                cause: found.isEmpty ? "none found" : found.map { String($0.name) }.joined(separator: ", "))
        }
        return content
    }

    /// The microcode of all processors as the kernel's early loader and Xen's `ucode=scan` want it (Linux,
    /// Documentation/arch/x86/microcode.rst): one file for each maker, the packages' files one behind the other.
    static func microcodeTree(_ source: FileTree, _ reader: ContentReader) throws -> FileTree? {
        var tree = FileTree()
        for (directory, pattern, name) in [
            ("usr/lib/firmware/amd-ucode", "microcode_amd*.bin", "AuthenticAMD.bin"),
            ("usr/lib/firmware/intel-ucode", "*-*-*", "GenuineIntel.bin"),
        ] {
            var bytes: [UInt8] = []
            for entry in source.children(of: directory) where Glob.matches(pattern, String(entry.name)) {
                if let content = source.content(entry.path) { bytes += try reader.bytes(content) }
            }
            if !bytes.isEmpty { try tree.addFile("kernel/x86/microcode/" + name, bytes) }
        }
        return tree.count > 1 ? tree : nil
    }
}
