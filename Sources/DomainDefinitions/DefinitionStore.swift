// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
public import LapwingCore
import SystemPackage

/// The definitions of a device: the image's own, and the files in `/var/lib/lapwing/domains.d` over them. A local
/// definition takes the place of the image's of the same name as a whole.
public struct DefinitionStore: Sendable {
    /// Where things lie.
    public var paths: DevicePaths

    /// The definitions under a root.
    public init(_ paths: DevicePaths) { self.paths = paths }

    /// Definitions by name, and what had to be left out.
    public struct Loaded: Sendable {
        /// The definitions by name.
        public var definitions: [String: DomainDefinition]
        /// What is wrong with files; the rest works without them.
        public var problems: [LapwingError]
    }

    /// The most files that are read.
    static let fileLimit = 512

    /// Reads all. A bad file is a problem and never an error: it must not keep the other domains from starting.
    public func load() -> Loaded {
        var loaded = Loaded(definitions: [:], problems: [])
        do {
            let configuration = try ConfigLoader(paths).load()
            let file = paths.image.appending(ConfigSection.domains.file).string
            for (name, settings) in configuration.configuration.domains {
                if let mistake = DefinitionCheck.mistakes(name, settings).first {
                    loaded.problems.append(Self.error(name, mistake, subject: file))
                    continue
                }
                loaded.definitions[name] = DomainDefinition(
                    name: name, settings: settings, origin: .image, file: file)
            }
        } catch let error as LapwingError {
            loaded.problems.append(error)
        } catch {
            loaded.problems.append(LapwingError("domain.unreadable", "The image's domains cannot be read: \(error)"))
        }
        local(&loaded)
        return loaded
    }

    private func local(_ loaded: inout Loaded) {
        let directory = paths.domainFiles
        guard Files.isDirectory(directory) else { return }
        do {
            var first: [String: String] = [:]
            let names = try Files.names(in: directory).filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }
            for name in names.prefix(Self.fileLimit) {
                let path = directory.appending(name)
                do {
                    let bytes = try Files.read(path, limit: PlainYAML.sizeLimit)
                    for definition in try DefinitionReader.read(bytes, file: path.string) {
                        if let other = first.updateValue(path.string, forKey: definition.name) {
                            loaded.problems.append(
                                LapwingError(
                                    "domain.defined-twice", exit: .badInput,
                                    "The domain \(definition.name) is defined in two files; the first one counts.",
                                    subject: path.string, cause: "the other is \(other)", hint: "Remove one of them."))
                            continue
                        }
                        loaded.definitions[definition.name] = definition
                    }
                } catch let errors as LapwingErrors {
                    loaded.problems += errors.errors
                } catch let error as LapwingError {
                    loaded.problems.append(error)
                }
            }
        } catch let error as LapwingError {
            loaded.problems.append(error)
        } catch {
            loaded.problems.append(LapwingError("domain.unreadable", "The definitions cannot be listed: \(error)"))
        }
    }

    /// Writes a definition to a file of its own, whole or not at all, and on the disk before it returns.
    public func write(_ name: String, _ settings: DomainSettings) throws {
        let mistakes = DefinitionCheck.mistakes(name, settings)
        if !mistakes.isEmpty { throw LapwingErrors(mistakes.map { Self.error(name, $0, subject: nil) }) }
        try Files.makeDirectory(paths.domainFiles)
        try Files.write(
            DefinitionWriter.text(name, settings), to: paths.domainFiles.appending(name + ".yaml"), sync: true)
    }

    /// Removes the file of a definition. One that stands in a file with others is `domain.shared-file`.
    public func remove(_ definition: DomainDefinition) throws {
        let path = paths.domainFiles.appending(definition.name + ".yaml")
        guard definition.file == path.string,
            try DefinitionReader.read(
                try Files.read(path, limit: PlainYAML.sizeLimit), file: path.string
            ).count == 1
        else {
            throw LapwingError(
                "domain.shared-file", exit: .badInput, "The definition does not stand in a file of its own.",
                subject: definition.file, hint: "Remove it there with an editor.")
        }
        try Files.remove(path)
    }

    static func error(_ name: String, _ mistake: DefinitionCheck.Mistake, subject: String?) -> LapwingError {
        LapwingError(
            "domain.bad-value", exit: .badInput, mistake.message,
            subject: subject ?? (mistake.key.isEmpty ? name : "\(name), \(mistake.key)"), hint: mistake.hint)
    }
}
