// SPDX-License-Identifier: Apache-2.0

public import DevicePolicy
import LapwingCore
public import SystemPackage

/// A transaction that is under way, as the next daemon finds it when this one is killed.
public struct JournalEntry: Sendable, Hashable, Codable {
    /// The version of the format.
    public var schemaVersion = 1
    /// The plan.
    public var plan: PassthroughPlan
    /// How many of its steps have been begun.
    public var begun: Int
    /// Those of them that held before and so are not ours to undo.
    public var before: Set<Int>
    /// True when it is being undone.
    public var undoing: Bool

    /// An entry.
    public init(plan: PassthroughPlan, begun: Int = 0, before: Set<Int> = [], undoing: Bool = false) {
        self.plan = plan
        self.begun = begun
        self.before = before
        self.undoing = undoing
    }
}

/// Where the transaction under way is written.
public protocol TransactionJournal: Sendable {
    /// Writes it, onto the disk, replacing the one before.
    func write(_ entry: JournalEntry) throws
    /// The transaction that was under way; nil when none was.
    func read() throws -> JournalEntry?
    /// It is over.
    func clear() throws
}

/// The journal as a file, replaced as a whole each time.
public struct FileJournal: TransactionJournal {
    /// The file.
    public var path: FilePath

    /// A journal at a path; its directory must be there.
    public init(path: FilePath) { self.path = path }

    /// Writes the entry.
    public func write(_ entry: JournalEntry) throws {
        try Files.write(try JSONText.encode(entry), to: path, sync: true)
    }

    /// The entry; nil when there is none. One that cannot be read is an error: it is moved aside, and the truth has to be
    /// asked from the machine.
    public func read() throws -> JournalEntry? {
        guard Files.exists(path) else { return nil }
        do {
            let entry = try JSONText.decode(
                JournalEntry.self, from: try Files.read(path, limit: 1 << 20), file: path.string)
            guard entry.schemaVersion == 1, (0...entry.plan.steps.count).contains(entry.begun) else {
                throw LapwingError("passthrough.bad-journal", exit: .badInput, "The journal says nonsense.")
            }
            return entry
        } catch let error as LapwingError where error.exit == .badInput {
            let aside = FilePath(path.string + ".damaged")
            try Files.rename(path, to: aside)
            throw LapwingError(
                "passthrough.bad-journal", exit: .badInput, "The journal of device changes cannot be read.",
                subject: aside.string, cause: error.cause ?? error.message,
                hint: "\"lapwingctl device list\" shows where each device is.")
        }
    }

    /// Removes the entry.
    public func clear() throws {
        if Files.exists(path) { try Files.remove(path) }
    }
}

/// What is assigned for good, in one file that is replaced as a whole.
public struct AssignmentStore: Sendable {
    private struct Content: Codable {
        var schemaVersion = 1
        var assignments: [Assignment]
    }

    /// The file.
    public var path: FilePath

    /// A store at a path; its directory must be there.
    public init(path: FilePath) { self.path = path }

    /// The assignments, sorted; none when there is no file yet. A file that cannot be understood is an error: nothing is
    /// given away on the word of a broken file.
    public func read() throws -> [Assignment] {
        guard Files.exists(path) else { return [] }
        let content = try JSONText.decode(
            Content.self, from: try Files.read(path, limit: 1 << 20), file: path.string)
        guard content.schemaVersion == 1 else {
            throw LapwingError(
                "passthrough.assignments-version", exit: .badInput,
                "The list of assigned devices is of another version.", subject: path.string,
                cause: "it is \(content.schemaVersion), known is 1")
        }
        if let twice = Self.duplicate(content.assignments) {
            throw LapwingError(
                "passthrough.assigned-twice", exit: .badInput, "A device is assigned to two domains.",
                subject: path.string, cause: twice.device.rawValue)
        }
        return content.assignments.sorted()
    }

    /// Adds an assignment, in place of one of the same device.
    public func add(_ assignment: Assignment) throws {
        try write(try read().filter { $0.device != assignment.device } + [assignment])
    }

    /// Removes the assignment of a device; nothing happens when there is none.
    public func remove(_ assignment: Assignment) throws {
        let all = try read()
        let rest = all.filter { $0.device != assignment.device }
        if rest.count != all.count { try write(rest) }
    }

    private func write(_ assignments: [Assignment]) throws {
        try Files.write(try JSONText.encode(Content(assignments: assignments.sorted())), to: path, sync: true)
    }

    private static func duplicate(_ list: [Assignment]) -> Assignment? {
        var seen = Set<String>()
        return list.first { !seen.insert($0.device.rawValue).inserted }
    }
}
