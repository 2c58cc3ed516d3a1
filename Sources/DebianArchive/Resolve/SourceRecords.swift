// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// One version of a source package, with the tarballs a build needs.
public struct SourcePackage: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// Its version.
    public let version: String
    /// The tarballs, sorted by path. Not the `.dsc`: mirrors may lack it, and all it says stands in the signed index.
    public let files: [LockedSource]

    /// Describes one.
    public init(name: String, version: String, files: [LockedSource]) {
        self.name = name
        self.version = version
        self.files = files
    }

    /// The first two numbers of the upstream version, such as `4.20`: what shares one ABI.
    public var series: String { Self.series(version) }

    /// The first two numbers of a version without its epoch.
    public static func series(_ version: String) -> String {
        let upstream = version.split(separator: ":").last ?? ""
        return upstream.split(separator: ".").prefix(2)
            .map { String($0.prefix { $0.isASCII && $0.isNumber }) }.joined(separator: ".")
    }
}

/// A record of a `Sources` index (Debian Policy 5.4), as `apt-cache showsrc` prints it from the verified index.
struct SourceRecord: Hashable {
    struct File: Hashable {
        var name: String
        var size: UInt64
        var sha256: Digest
    }

    var name: String
    var version: String
    var directory: String
    var files: [File]

    /// The records of a text; what is not whole or not safe is an error, since the index was signed.
    static func parse(_ text: String) throws -> [SourceRecord] {
        var seen: Set<SourceRecord> = []
        return try ControlText.paragraphs(text).map { try SourceRecord($0) }.filter { seen.insert($0).inserted }
    }

    init(_ fields: [String: String]) throws {
        name = fields["package"] ?? ""
        version = fields["version"] ?? ""
        directory = fields["directory"] ?? ""
        let label = "\(name) \(version)"
        guard PackageSyntax.isName(name), PackageSyntax.isVersion(version), LockCheck.isSafePath(directory) else {
            throw Self.bad(label, directory)
        }
        let lines = ControlText.lines(fields["checksums-sha256"] ?? "").map { ControlText.words(String($0)) }
            .filter { !$0.isEmpty }
        if lines.isEmpty {
            throw LapwingError(
                "archive.weak", "An index gives no SHA-256 for a source.", subject: label,
                hint: "Only archives with SHA-256 in their indices are used.")
        }
        files = try lines.map { words in
            guard words.count == 3, let sha256 = Digest(hex: words[0]), let size = UInt64(words[1]), size < 1 << 33,
                LockCheck.isSafePath(words[2]), !words[2].utf8.contains(UInt8(ascii: "/"))
            else { throw Self.bad(label, words.joined(separator: " ")) }
            return File(name: words[2], size: size, sha256: sha256)
        }
        guard Set(files.map(\.name)).count == files.count else { throw Self.bad(label, "a file stands twice") }
    }

    private static func bad(_ what: String, _ cause: String) -> LapwingError {
        LapwingError("archive.bad-record", "An index has an unsafe entry.", subject: what, cause: cause)
    }

    /// True for the files a build needs: `_VERSION.orig.tar.*` and `.debian.tar.*`, components included.
    private static func isTarball(_ name: String) -> Bool {
        let parts = name.split(separator: ".")
        return parts.count > 2 && parts[parts.count - 2] == "tar"
            && (name.contains(".orig") || name.contains(".debian.tar."))
    }

    /// Of the records of one version the one apt would fetch. There are several where more than one archive has it: after
    /// a point release a security update is in the main archive as well, in another directory.
    static func chosen(
        _ records: [SourceRecord], uris planned: Set<String>, archives: [String: String]
    ) throws -> SourceRecord {
        let bases = archives.values.map(PlannedPackage.unquoted)
        let chosen = records.first { record in
            record.files.contains { file in
                bases.contains { planned.contains("\($0)/\(record.directory)/\(file.name)") }
            }
        }
        if let chosen { return chosen }
        throw LapwingError(
            "resolve.unexpected", "apt chose a source that no index describes.", subject: records.first?.directory)
    }

    /// The tarballs as a lock has them. The archive is the one below whose URI apt would fetch them.
    func package(uris planned: Set<String>, archives: [String: String], binary: String?) throws -> SourcePackage {
        let files = try self.files.filter { Self.isTarball($0.name) }.map { file in
            let path = "\(directory)/\(file.name)"
            guard
                let archive = archives.sorted(by: { $0.key < $1.key }).first(where: {
                    planned.contains("\(PlannedPackage.unquoted($0.value))/\(path)")
                })?.key
            else {
                throw LapwingError(
                    "resolve.unexpected", "apt chose a source that no index describes.", subject: path)
            }
            return LockedSource(
                name: name, version: version, archive: archive, path: path, size: file.size, sha256: file.sha256,
                binary: binary)
        }
        guard files.contains(where: { $0.path.contains(".orig.tar.") }),
            files.contains(where: { $0.path.contains(".debian.tar.") })
        else {
            throw LapwingError(
                "archive.bad-record", "A source has no pair of upstream and Debian tarballs.",
                subject: "\(name) \(version)", cause: self.files.map(\.name).joined(separator: ", "))
        }
        return SourcePackage(name: name, version: version, files: files.sorted { $0.path < $1.path })
    }
}

extension SignedIndices {
    /// The binary package apt would take today, as a record without a set.
    public func candidate(
        _ name: String, architecture: String, apt: AptProgram = .host
    ) async throws -> LockedPackage {
        let request = SetRequest(.compiler, architecture: architecture, packages: [name], base: .none)
        guard PackageSyntax.isName(name) else {
            throw LapwingError("resolve.bad-name", exit: .badInput, "That is no package name.", subject: name)
        }
        let result = try await run("apt-get", ["-qq", "--print-uris", "download", name], request, apt)
        let lines = result.text.split(separator: "\n").filter { $0.hasPrefix("'") }
        guard result.succeeded, let line = lines.first, lines.count == 1 else {
            throw AptTalk.noSuchPackage([name], request)
        }
        let planned = try PlannedPackage(line: line)
        let shown = try await run("apt-cache", ["-q", "show", "\(planned.name)=\(planned.version)"], request, apt)
        guard shown.succeeded else { throw AptTalk.solverError(shown, request) }
        var package = try planned.locked(
            ["\(planned.name)_\(planned.version)_\(planned.architecture)": ControlText.paragraphs(shown.text)],
            uris: archives, set: .compiler)
        package.sets = []
        return package
    }

    /// All versions of a source package the indices have, the newest first; the indices must have been read with
    /// sources. `binary` is noted in the result as what the source is wanted for.
    public func sources(
        _ name: String, architecture: String, binary: String? = nil, apt: AptProgram = .host
    ) async throws -> [SourcePackage] {
        guard PackageSyntax.isName(name) else {
            throw LapwingError("resolve.bad-name", exit: .badInput, "That is no package name.", subject: name)
        }
        let request = SetRequest(.compiler, architecture: architecture, packages: [], base: .none)
        let shown = try await run("apt-cache", ["-q", "showsrc", "--only-source", name], request, apt)
        let records = try SourceRecord.parse(shown.text).filter { $0.name == name }
        guard shown.succeeded, !records.isEmpty else {
            throw LapwingError(
                "source.unknown", exit: .badInput, "The signed indices have no source package of that name.",
                subject: name, cause: shown.errorText.isEmpty ? nil : shown.errorText)
        }
        var result: [SourcePackage] = []
        for version in Set(records.map(\.version)).sorted(by: { DebianVersion($1) < DebianVersion($0) }) {
            let words = ["-qq", "--print-uris", "--only-source", "source", "\(name)=\(version)"]
            let printed = try await run("apt-get", words, request, apt)
            guard printed.succeeded else { throw AptTalk.solverError(printed, request) }
            let uris = printed.text.split(separator: "\n").filter { $0.hasPrefix("'") }.compactMap { line in
                line.dropFirst().split(separator: "'").first.map { uri in
                    PlannedPackage.unquoted(uri.hasPrefix("copy:") ? "file:" + uri.dropFirst(5) : uri)
                }
            }
            let same = records.filter { $0.version == version }
            result.append(
                try SourceRecord.chosen(same, uris: Set(uris), archives: archives).package(
                    uris: Set(uris), archives: archives, binary: binary))
        }
        return result
    }
}
