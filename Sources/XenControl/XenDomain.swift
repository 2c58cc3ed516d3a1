// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// A domain as Xen has it.
public struct XenDomain: Sendable, Hashable, Codable {
    /// Why a domain ended, in its own words to Xen (xen/include/public/sched.h, SHUTDOWN_*).
    public enum Ending: Sendable, Hashable, Codable {
        /// It switched itself off.
        case poweroff
        /// It asked to be started again.
        case reboot
        /// It was suspended.
        case suspend
        /// It crashed.
        case crash
        /// Its watchdog bit.
        case watchdog
        /// A reason with another number.
        case other(Int)

        /// The reason of a number.
        public init(code: Int) {
            self = [0: .poweroff, 1: .reboot, 2: .suspend, 3: .crash, 4: .watchdog][code] ?? .other(code)
        }

        /// The reason in a word.
        public var word: String {
            switch self {
            case .poweroff: "poweroff"
            case .reboot: "reboot"
            case .suspend: "suspend"
            case .crash: "crash"
            case .watchdog: "watchdog"
            case .other(let code): "reason-\(code)"
            }
        }
    }

    /// Its number, which it keeps until it is gone.
    public var id: Int
    /// Its name.
    public var name: String
    /// Its UUID in lower case.
    public var uuid: String
    /// Its memory in MiB.
    public var memory: Int
    /// Its virtual CPUs.
    public var vcpus: Int
    /// Processor seconds it has used.
    public var seconds: Double
    /// True while it is paused.
    public var paused: Bool
    /// Why it ended; nil while it lives.
    public var ending: Ending?
    /// True while Xen takes it apart.
    public var dying: Bool

    /// Describes a domain.
    public init(
        id: Int, name: String, uuid: String, memory: Int, vcpus: Int, seconds: Double = 0, paused: Bool = false,
        ending: Ending? = nil, dying: Bool = false
    ) {
        self.id = id
        self.name = name
        self.uuid = uuid
        self.memory = memory
        self.vcpus = vcpus
        self.seconds = seconds
        self.paused = paused
        self.ending = ending
        self.dying = dying
    }
}

/// Reads `xl list -v` (Xen 4.20, tools/xl/xl_list.c): name, number, MiB, CPUs, six letters of state, seconds, UUID, the
/// reason of its end in hexadecimal or a hyphen, and the security label. The name may hold spaces, so a line is read
/// from its end.
public enum XenListing {
    /// The domains in the order of their numbers. A line that cannot be read is an error: a listing with a hole must
    /// not be taken for the truth.
    public static func parse(_ text: String) throws(LapwingError) -> [XenDomain] {
        var lines = text.split(separator: "\n").map(String.init)
        guard let heading = lines.first, heading.hasPrefix("Name"), heading.contains("Reason-Code") else {
            throw bad(lines.first ?? "nothing")
        }
        lines.removeFirst()
        var domains: [XenDomain] = []
        for line in lines { domains.append(try domain(line)) }
        return domains.sorted { $0.id < $1.id }
    }

    private static func domain(_ line: String) throws(LapwingError) -> XenDomain {
        let words = line.split(separator: " ").map(String.init)
        // The label is one word; everything before the eight words at the end is the name.
        guard words.count >= 9 else { throw bad(line) }
        let tail = Array(words.suffix(8))
        let flags = tail[3]
        guard let id = Int(tail[0]), let memory = Int(tail[1]), let vcpus = Int(tail[2]), flags.utf8.count == 6,
            let seconds = Double(tail[4]), tail[5].utf8.count == 36,
            tail[6] == "-" || Int(tail[6], radix: 16) != nil
        else { throw bad(line) }
        return XenDomain(
            id: id, name: words.dropLast(8).joined(separator: " "), uuid: tail[5].lowercased(), memory: memory,
            vcpus: vcpus, seconds: seconds, paused: flags.contains("p"),
            ending: Int(tail[6], radix: 16).map { XenDomain.Ending(code: $0) }, dying: flags.contains("d"))
    }

    private static func bad(_ line: String) -> LapwingError {
        LapwingError(
            "xen.bad-answer", "The list of domains could not be understood.", subject: "xl list -v",
            cause: SafeText.printable(String(line.prefix(200))))
    }
}
