// SPDX-License-Identifier: Apache-2.0

import Hashing
import LapwingCore
import SystemPackage

/// What a step's key is made of, with files and trees replaced by their digests.
struct KeyMaterial: Codable, Hashable, Sendable {
    /// The version of the key's own composition and of the layout of results.
    var format = 1
    var id: String
    var version: Int
    /// `kind:digest` by input name; for a step `output:NAME:KEY`.
    var inputs: [String: String]

    func key() throws -> Digest {
        try Digest.of(JSONText.encode(self, pretty: false))
    }
}

/// A step with its key.
struct ResolvedStep: Sendable {
    var step: Step
    var material: KeyMaterial
    var key: Digest
    /// Of `.file` and `.tree` inputs: what they looked like when digested, by input name.
    var stamps: [String: SourceStamp]
}

/// Enough of the status of a source file or tree to notice that it was changed meanwhile.
struct SourceStamp: Sendable, Hashable {
    var digest: Digest

    /// Digests names, sizes, inodes and times of all that is at the path; contents are not read.
    static func of(_ path: FilePath) throws -> SourceStamp {
        var hasher = Hasher256()
        func add(_ path: FilePath, _ name: String) throws {
            guard let status = try Files.status(path) else { return }
            hasher.update(Array("\(name)\0\(status.inode) \(status.size) \(status.modified) \(status.changed)\n".utf8))
            if status.kind == .directory {
                for child in try Files.names(in: path) { try add(path.appending(child), name + "/" + child) }
            }
        }
        try add(path, "")
        return SourceStamp(digest: hasher.finalize())
    }
}

/// Gives every step of a graph its key.
enum KeyResolver {
    static func resolve(_ graph: StepGraph) throws -> [StepID: ResolvedStep] {
        var result: [StepID: ResolvedStep] = [:]
        var digested: [StepInput: (String, SourceStamp)] = [:]
        for step in graph.steps {
            var inputs: [String: String] = [:]
            var stamps: [String: SourceStamp] = [:]
            for (name, input) in step.inputs {
                switch input {
                case .value(let text): inputs[name] = "value:" + Digest.of(text).hex
                case .output(let id): inputs[name] = "output:\(id):" + (result[id]?.key.hex ?? "")
                case .file(let path), .tree(let path):
                    let known = try digested[input] ?? source(input, path, step: step.id, name: name)
                    digested[input] = known
                    inputs[name] = known.0
                    stamps[name] = known.1
                }
            }
            let material = KeyMaterial(id: step.id.name, version: step.version, inputs: inputs)
            result[step.id] = ResolvedStep(step: step, material: material, key: try material.key(), stamps: stamps)
        }
        return result
    }

    private static func source(
        _ input: StepInput, _ path: FilePath, step: StepID, name: String
    ) throws -> (String, SourceStamp) {
        let stamp = try SourceStamp.of(path)
        let missing = LapwingError(
            "build.input-missing", exit: .unavailable, "The input \"\(name)\" of the step \"\(step)\" is not there.",
            subject: path.string)
        if case .tree = input {
            guard Files.isDirectory(path) else { throw missing }
            return ("tree:" + (try treeDigest(path)).hex, stamp)
        }
        guard Files.exists(path), !Files.isDirectory(path) else { throw missing }
        let executable = try isExecutable(path) ? "program:" : "file:"
        return (executable + (try Digest.ofFile(path)).hex, stamp)
    }

    private static func isExecutable(_ path: FilePath) throws -> Bool {
        let descriptor = try Files.explain("read", path) {
            try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        }
        defer { try? descriptor.close() }
        return try Files.status(descriptor).permissions & 0o100 != 0
    }

    /// The digest of a directory: kind, path and content of all that is below it, sorted by name.
    static func treeDigest(_ root: FilePath) throws -> Digest {
        var hasher = Hasher256()
        func add(_ directory: FilePath, _ prefix: String) throws {
            for name in try Files.names(in: directory) {
                let path = directory.appending(name)
                guard let status = try Files.status(path) else { continue }
                let below = prefix + name
                let line: String
                switch status.kind {
                case .file:
                    let kind = status.permissions & 0o100 != 0 ? "x" : "f"
                    line = "\(kind) \(try Digest.ofFile(path).hex) \(below)"
                case .link: line = "l \(Digest.of(try Files.linkTarget(path)).hex) \(below)"
                case .directory: line = "d \(below)"
                case .special:
                    throw LapwingError(
                        "build.input-special", exit: .badInput,
                        "A tree that goes into a build holds a device, pipe or socket.",
                        subject: path.string)
                }
                hasher.update(Array((line + "\0").utf8))
                if status.kind == .directory { try add(path, below + "/") }
            }
        }
        try add(root, "")
        return hasher.finalize()
    }
}
