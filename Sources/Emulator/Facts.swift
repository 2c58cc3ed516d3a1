// SPDX-License-Identifier: Apache-2.0

/// Readers of what a Linux system says of itself. All are pure.
enum Facts {
    /// One line of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).
    struct Mount: Hashable {
        /// `major:minor` of the device.
        var device: String
        /// The file system's type.
        var type: String
        /// Options of the mount and of the file system together.
        var options: Set<String>
    }

    /// The topmost mount of each mount point.
    static func mounts(_ text: String) -> [String: Mount] {
        var mounts: [String: Mount] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 6, let dash = words[6...].firstIndex(of: "-"), dash + 3 < words.count else { continue }
            let options = Set((words[5].split(separator: ",") + words[dash + 3].split(separator: ",")).map(String.init))
            mounts[String(words[4])] = Mount(
                device: String(words[2]), type: String(words[dash + 1]),
                // A read-write file system mounted read-only, or the other way around, cannot be written.
                options: options.contains("ro") ? options.subtracting(["rw"]) : options)
        }
        return mounts
    }

    /// Lines of the form `name : value`, as `xl info` and `veritysetup status` print them.
    static func fields(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[String(line[..<colon]).trimmed] = String(line[line.index(after: colon)...]).trimmed
        }
        return fields
    }

    /// The scheduler Xen took at its last start, by the name `sched=` knows it by: the line is
    /// `Using scheduler: TITLE (NAME)` (Xen, common/sched/core.c).
    static func scheduler(_ log: String) -> String? {
        for line in log.split(whereSeparator: \.isNewline).reversed() where line.contains("Using scheduler: ") {
            guard let open = line.lastIndex(of: "("), let close = line.lastIndex(of: ")"), open < close else {
                continue
            }
            return String(line[line.index(after: open)..<close])
        }
        return nil
    }

    /// The name `sched=` gave that Xen does not know: it says `Could not find scheduler: NAME` and takes the one it was
    /// configured with (Xen, common/sched/core.c).
    static func unknownScheduler(_ log: String) -> String? {
        let mark = "Could not find scheduler: "
        for line in log.split(whereSeparator: \.isNewline).reversed() {
            if let found = line.firstRange(of: mark) { return String(line[found.upperBound...]).trimmed }
        }
        return nil
    }

    /// The local ports in state LISTEN of `/proc/net/tcp` or `tcp6` (kernel, Documentation/networking/proc_net_tcp.rst).
    static func listeningPorts(_ text: String) -> Set<Int> {
        var ports: Set<Int> = []
        for line in text.split(separator: "\n").dropFirst() {
            let words = line.split(separator: " ")
            guard words.count > 3, words[3] == "0A", let colon = words[1].lastIndex(of: ":"),
                let port = Int(words[1][words[1].index(after: colon)...], radix: 16)
            else { continue }
            ports.insert(port)
        }
        return ports
    }

    /// The accounts one can log in to with a password, or without one (shadow(5)): those whose field is empty or may
    /// be a hash. What begins with `!` or `*` is no valid hash.
    static func accountsWithPassword(_ shadow: String) -> Set<String> {
        var accounts: Set<String> = []
        for line in shadow.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard let name = fields.first else { continue }
            let password = fields.count > 1 ? fields[1] : ""
            if !password.hasPrefix("!") && !password.hasPrefix("*") { accounts.insert(String(name)) }
        }
        return accounts
    }

    /// True for what machine-id(5) allows: 32 lower-case hexadecimal digits, not all of them zero.
    static func isMachineID(_ text: String) -> Bool {
        text.utf8.count == 32 && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
            && text.contains { $0 != "0" }
    }

    /// The frequency of the time stamp counter in MHz, as Xen says it at its last start: `Detected 2000.123 MHz
    /// processor.` (Xen, arch/x86/time.c).
    static func megahertz(_ log: String) -> Double? {
        for line in log.split(whereSeparator: \.isNewline).reversed() where line.contains("Detected ") {
            let words = line.split(separator: " ")
            guard let at = words.firstIndex(of: "MHz"), at > 0, let value = Double(words[at - 1]), value > 0 else {
                continue
            }
            return value
        }
        return nil
    }

    /// True when Xen says at its start that it was built with its assertions: `... debug=y ...` behind its version
    /// (Xen, common/kernel.c and drivers/char/console.c).
    static func isDebugBuild(_ log: String) -> Bool {
        log.split(whereSeparator: \.isNewline).contains { $0.contains("Xen version ") && $0.contains(" debug=y") }
    }

    /// The processors on which something ran when `xl vcpu-list` was asked: name, domain, virtual processor, processor,
    /// state (`r--` runs).
    static func runningProcessors(_ list: String) -> Set<Int> {
        Set(
            list.split(whereSeparator: \.isNewline).compactMap { line in
                let words = line.split(separator: " ")
                return words.count > 4 && words[4].hasPrefix("r") ? Int(words[3]) : nil
            })
    }

    /// The capacity of each processor in our scheduler's counters: a line each, words `key=value` (docs/scheduler.md).
    static func capacities(_ text: String) -> [Int: Int] {
        var capacities: [Int: Int] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            var words: [Substring: Int] = [:]
            for word in line.split(separator: " ") {
                let parts = word.split(separator: "=", maxSplits: 1)
                if parts.count == 2, let value = Int(parts[1]) { words[parts[0]] = value }
            }
            if let cpu = words["cpu"], let capacity = words["capacity"] { capacities[cpu] = capacity }
        }
        return capacities
    }

    /// One decimal.
    static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// What a crash of the kernel or of Xen prints, and what a Xen with assertions says of one that does not hold.
    static let crashMarks = [
        "Kernel panic", "BUG: ", "Oops: ", "Call Trace:", "Xen BUG at", "Xen WARN at", "Panic on CPU",
        "Xen call trace:", "Assertion '",
    ]

    /// Seconds for a person, one decimal.
    static func seconds(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
