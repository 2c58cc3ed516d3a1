// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// One thing that is checked on a booted image.
public struct Scenario: Sendable {
    /// A short name, unique within its group.
    public var name: String
    /// What is asserted, one sentence without a full stop.
    public var summary: String
    /// When it counts as failed.
    public var limit: Duration
    /// Only images of these kinds are asked.
    public var kinds: Set<CheckedImage.Kind>
    /// The assertion: throws when it does not hold.
    public var body: @Sendable (Guest) async throws -> Void

    /// Describes a scenario; one for either kind of image that ends within two minutes unless told otherwise.
    public init(
        _ name: String, _ summary: String, limit: Duration = .seconds(120),
        kinds: Set<CheckedImage.Kind> = Set(CheckedImage.Kind.allCases),
        body: @escaping @Sendable (Guest) async throws -> Void
    ) {
        self.name = name
        self.summary = summary
        self.limit = limit
        self.kinds = kinds
        self.body = body
    }
}

/// Scenarios that share one boot of one machine.
public struct ScenarioGroup: Sendable {
    /// How the boot ends when all is well.
    public enum Start: Sendable {
        /// The agent answers from the root file system.
        case agent
        /// The console shows one of these texts and the agent never answers.
        case refusal([String])
        /// Somebody has to do something before the agent answers, for example type a passphrase.
        case attended(@Sendable (Guest) async throws -> Void)
    }

    /// The group's name, for example `boot.disk`.
    public var name: String
    /// What is booted, one sentence without a full stop.
    public var summary: String
    /// The kind of image it is for.
    public var kind: CheckedImage.Kind
    /// How the image is attached.
    public var attachment: Disk.Attachment
    /// What is done to the throw-away copy before it is started.
    public var damage: Damage
    /// What is different about its boot file.
    public var boot: BootChange
    /// How the state partition is unlocked, where that is to be another way than the image's; `none`, `tpm2` or
    /// `passphrase`.
    public var stateUnlock: String?
    /// The scheduler Xen must run, where that is to be another one than the image's.
    public var scheduler: String?
    /// A disk is made at least this large.
    public var diskSize: ByteSize
    /// How the boot must end.
    public var start: Start
    /// How long the boot may take: on a machine under load, an emulated boot takes minutes.
    public var bootLimit: Duration
    /// What is different about the machine.
    public var change: @Sendable (inout Machine) -> Void
    /// ACPI tables the machine has beside QEMU's.
    public var tables: [ACPITable]
    /// True for a group that runs only when it, or a scenario of it, is named.
    public var onRequest: Bool
    /// What is checked, in order.
    public var scenarios: [Scenario]

    /// A disk is at least this large unless a group asks for more, so that there is room for the state.
    public static let smallestDisk = ByteSize(bytes: 8 << 30)

    /// What is done to the throw-away copy.
    public enum Damage: Sendable, Hashable {
        /// Nothing.
        case none
        /// One bit of the root's first block is turned. The first 1024 bytes of an erofs hold nothing (kernel,
        /// Documentation/filesystems/erofs.rst), so that only verity can notice.
        case rootBit
        /// The system moves to the second slot. The first one's boot file says it is newer, so that it is tried
        /// before, and names a root that its partitions do not hold.
        case failingUpdate
    }

    /// Describes a group.
    public init(
        _ name: String, _ summary: String, kind: CheckedImage.Kind, attachment: Disk.Attachment,
        damage: Damage = .none, boot: BootChange = BootChange(), stateUnlock: String? = nil, scheduler: String? = nil,
        diskSize: ByteSize = ScenarioGroup.smallestDisk, start: Start = .agent, bootLimit: Duration = .seconds(900),
        change: @escaping @Sendable (inout Machine) -> Void = { _ in }, tables: [ACPITable] = [],
        onRequest: Bool = false, scenarios: [Scenario]
    ) {
        self.name = name
        self.summary = summary
        self.kind = kind
        self.attachment = attachment
        self.damage = damage
        self.boot = boot
        self.stateUnlock = stateUnlock
        self.scheduler = scheduler
        self.diskSize = diskSize
        self.start = start
        self.bootLimit = bootLimit
        self.change = change
        self.tables = tables
        self.onRequest = onRequest
        self.scenarios = scenarios
    }

    /// True when the group's copy can be made of the image.
    func suits(_ image: CheckedImage) -> Bool {
        // Our scheduler is in images that have it; every Xen has credit2.
        if scheduler == "lapwing" && image.expected.scheduler != "lapwing" { return false }
        if boot.debugHypervisor && !image.hasDebugHypervisor { return false }
        return switch damage {
        case .none: true
        case .rootBit: !image.slots.isEmpty
        case .failingUpdate: image.slots.count > 1
        }
    }

    /// True when `--scenario NAME` means the whole group.
    func isNamed(by name: String) -> Bool { name == self.name }

    /// The full name of one of the group's scenarios.
    func fullName(_ scenario: Scenario) -> String { "\(self.name)/\(scenario.name)" }
}

/// A condition that does not hold, as an error for the person.
public enum CheckFailure {
    /// The code of such errors.
    public static let code = "check.failed"

    /// The error: what should be, and what was seen.
    public static func error(_ message: String, seen: String? = nil) -> LapwingError {
        LapwingError(code, message, cause: seen.map { SafeText.lines($0, last: 30) })
    }
}

extension SafeText {
    /// The last lines of a text, each made printable.
    static func lines(_ text: String, last count: Int) -> String {
        text.unicodeScalars.filter { $0 != "\r" }.split(separator: "\n").suffix(count)
            .map { printable(String(String.UnicodeScalarView($0))) }.joined(separator: "\n         ")
    }
}

/// Runs a body that must end in time. The body is cancelled when it does not; everything that waits for the guest
/// reacts to that.
func within<T: Sendable>(
    _ limit: Duration, _ what: String, _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
    try await withThrowingTaskGroup(of: T?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        if let first = try await group.next(), let value = first { return value }
        throw LapwingError("check.time-limit", "\(what) took more than \(limit.components.seconds) s.")
    }
}
