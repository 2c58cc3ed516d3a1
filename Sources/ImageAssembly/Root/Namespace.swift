// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LapwingCore
public import SystemPackage

/// Namespaces of the host: how to enter one as root or as an ordinary user, and what to tell the person when the host
/// does not let them.
public enum HostNamespaces {
    /// The command that runs `arguments` as root of a new mount, process, host-name and IPC namespace. An ordinary user
    /// gets a user namespace too, in which the user is root and the user's subordinate ids are the other ids
    /// (subuid(5); util-linux 2.38 or later maps them with newuidmap(1)). Everything in it ends with the command.
    public static func enter(_ arguments: [String], root: Bool) -> Command {
        let user = root ? [] : ["--user", "--map-root-user", "--map-auto"]
        return Command(
            "unshare",
            // The namespace's own /proc: the thread pool of libdispatch reads /proc/TID/stat of its own threads and
            // stops the program when it finds somebody else's.
            user + [
                "--mount", "--mount-proc", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--propagation",
                "private", "--",
            ] + arguments)
    }

    /// What the host says about user namespaces.
    public struct Facts: Sendable, Hashable {
        /// The user's name.
        public var user = ""
        /// The user's number.
        public var uid: UInt32 = 0
        /// `/proc/sys/user/max_user_namespaces`, nil when not there.
        public var maximum: Int?
        /// Debian's `/proc/sys/kernel/unprivileged_userns_clone`.
        public var clone: Int?
        /// `/proc/sys/kernel/apparmor_restrict_unprivileged_userns`.
        public var apparmor: Int?
        /// True when `newuidmap` and `newgidmap` are in the search path.
        public var mappers = true
        /// True when the user has at least 65,536 subordinate user and group ids.
        public var subordinates = true

        /// Facts of a host that forbids nothing.
        public init() {}
    }

    /// Throws when root's place in a namespace cannot be had, naming the switch that forbids it.
    public static func require(_ context: Context) async throws {
        let root = effectiveUserID() == 0
        let result = try await context.runner.run(enter(["true"], root: root))
        if !result.succeeded { throw diagnose(root ? nil : facts(context), printed: result.errorText) }
    }

    /// The error for what is known.
    public static func diagnose(_ facts: Facts?, printed: String) -> LapwingError {
        func error(_ code: String, _ cause: String, _ hint: String) -> LapwingError {
            LapwingError(
                "namespace." + code, exit: .notPermitted,
                "This host does not let a build enter a namespace of its own.",
                cause: cause, hint: hint)
        }
        let printed = printed.split(separator: "\n").joined(separator: "; ")
        guard let facts else {
            return error(
                "forbidden", "unshare as root: \(printed)",
                "In a container, give it the capability SYS_ADMIN, or run the build as a user outside of one.")
        }
        if facts.maximum == 0 {
            return error(
                "limit", "/proc/sys/user/max_user_namespaces is 0",
                "As root: sysctl -w user.max_user_namespaces=15000, or run the build as root.")
        }
        if facts.clone == 0 {
            return error(
                "clone", "/proc/sys/kernel/unprivileged_userns_clone is 0",
                "As root: sysctl -w kernel.unprivileged_userns_clone=1, or run the build as root.")
        }
        if facts.apparmor ?? 0 > 0 {
            return error(
                "apparmor", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns is \(facts.apparmor ?? 0)",
                "As root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run the build as root.")
        }
        if !facts.mappers {
            return error("no-newuidmap", "newuidmap is not installed", "As root: apt-get install uidmap.")
        }
        if !facts.subordinates {
            return error(
                "no-subuids", "/etc/subuid or /etc/subgid gives \(facts.user) no 65536 ids",
                "As root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \(facts.user)")
        }
        return error("forbidden", printed, "Run the build as root, or on a host that allows user namespaces.")
    }

    /// Reads the facts of the live host.
    static func facts(_ context: Context) -> Facts {
        func number(_ path: FilePath) -> Int? {
            (try? Files.text(path, limit: 64)).flatMap { Int($0.split(whereSeparator: \.isWhitespace).first ?? "") }
        }
        var facts = Facts()
        facts.uid = effectiveUserID()
        facts.user = userName(facts.uid, passwd: (try? Files.text("/etc/passwd", limit: 1 << 20)) ?? "")
        facts.maximum = number("/proc/sys/user/max_user_namespaces")
        facts.clone = number("/proc/sys/kernel/unprivileged_userns_clone")
        facts.apparmor = number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
        let path = (context.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        facts.mappers = ["newuidmap", "newgidmap"].allSatisfy { tool in
            path.contains { Files.exists(FilePath("\($0)/\(tool)")) }
        }
        facts.subordinates = (["/etc/subuid", "/etc/subgid"] as [FilePath]).allSatisfy { file in
            subordinates(
                (try? Files.text(file, limit: 1 << 20)) ?? "", user: facts.user, uid: facts.uid) >= 65536
        }
        return facts
    }

    static func userName(_ uid: UInt32, passwd: String) -> String {
        for line in passwd.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, fields[2] == String(uid) { return String(fields[0]) }
        }
        return String(uid)
    }

    /// How many ids the largest range of a user in subuid(5) has.
    static func subordinates(_ text: String, user: String, uid: UInt32) -> Int {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, fields[0] == user || fields[0] == String(uid) else { return nil }
            return Int(fields[2])
        }.max() ?? 0
    }

    /// The path of the program that runs, for running it again.
    public static func ownExecutable() throws -> FilePath { FilePath(try Files.linkTarget("/proc/self/exe")) }

    /// Runs a verb of `NamespaceEntry` in a namespace. The request goes in as JSON; what the verb prints comes as
    /// progress; its error comes back as it was.
    static func run(
        _ verb: String, _ request: some Encodable, executable: FilePath, scratch: FilePath, context: Context,
        metric: @escaping @Sendable (String, Double) -> Void = { _, _ in }
    ) async throws {
        try await require(context)
        let file = scratch.appending("request.json")
        try Files.write(try JSONText.encode(request), to: file)
        let command = enter(
            [executable.string, "internal-namespace", verb, file.string], root: effectiveUserID() == 0)
        let progress = context.progress
        let result = try await context.runner.lines(command) { line in
            let words = line.split(separator: " ")
            if words.count == 3, words[0] == NamespaceEntry.metricMark, let value = Double(words[2]) {
                metric(String(words[1]), value)
            } else {
                progress.status(line)
            }
        }
        if result.succeeded { return }
        let lines = result.errorText.split(separator: "\n")
        if let line = lines.last(where: { $0.hasPrefix(NamespaceEntry.errorMark) }),
            let error = try? JSONText.decode(
                NamespaceEntry.Failure.self, from: Array(line.dropFirst(NamespaceEntry.errorMark.count).utf8),
                file: verb)
        {
            throw error.error
        }
        throw CommandFailure.error(command, result, "The work inside the namespace failed.")
    }
}

/// What the program does when it is run again inside a namespace: `lapwing internal-namespace VERB REQUEST.json`. It is
/// no command for people; the program's main wires it.
public enum NamespaceEntry {
    static let errorMark = "lapwing-error:"
    static let metricMark = "lapwing-metric"

    /// A `LapwingError` on its way out of the namespace.
    struct Failure: Codable {
        var code: String
        var exit: ExitStatus
        var message: String
        var subject: String?
        var cause: String?
        var hint: String?

        init(_ error: LapwingError) {
            code = error.code
            exit = error.exit
            message = error.message
            subject = error.subject
            cause = error.cause
            hint = error.hint
        }

        var error: LapwingError {
            LapwingError(code, exit: exit, message, subject: subject, cause: cause, hint: hint)
        }
    }

    /// Runs a verb; `arguments` is what stands after `internal-namespace`. Returns the exit code.
    public static func main(_ arguments: [String], context: Context = .live(progress: .none)) async -> Int32 {
        do {
            guard arguments.count == 2 else { throw usage }
            let file = FilePath(arguments[1])
            _ = lapwing_umask(0o022)
            switch arguments[0] {
            case "build-root":
                // The device programs are compiled meanwhile, and all that follows waits longer for them.
                lapwing_give_way()
                let request = try JSONText.decode(RootBuild.Request.self, from: Files.read(file), file: file.string)
                try await RootBuild(request, context: context).run()
            default: throw usage
            }
            return 0
        } catch {
            let known =
                error as? LapwingError
                ?? LapwingError("namespace.failed", "The work inside the namespace failed.", cause: "\(error)")
            let line = (try? JSONText.string(Failure(known), pretty: false)) ?? known.message
            _ = try? FileDescriptor.standardError.writeAll(Array((errorMark + line + "\n").utf8))
            return known.exit.rawValue
        }
    }

    private static var usage: LapwingError {
        LapwingError(
            "namespace.usage", exit: .usage, "This is a verb the program uses on itself; it is not for people.")
    }
}
