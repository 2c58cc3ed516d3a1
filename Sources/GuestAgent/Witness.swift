// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A guest that tells what it is and does what its console says: for scenarios that ask a domain from inside.
///
/// The program is then the first process of the guest and its kernel's command line holds `lapwing.witness`. Every two
/// seconds it says one line, `witness boot=ID up=SECONDS memory=KIB cpus=N disks=NAME:SECTORS,…`; the words `reboot`,
/// `poweroff` and `crash`, a line each, end it that way. What else it is asked, `Answers` knows.
public enum Witness {
    /// True when the kernel's command line asks for a witness.
    public static func isWanted(_ commandLine: String) -> Bool {
        commandLine.split { $0 == " " || $0 == "\n" }.contains("lapwing.witness")
    }

    /// What the kernel is asked when it wants to switch the guest off: it runs `/sbin/poweroff` or `/sbin/reboot`, which
    /// are this program. Returns for any other name.
    public static func obey(_ program: String) {
        if program.hasSuffix("/poweroff") { end(restart: false) }
        if program.hasSuffix("/reboot") { end(restart: true) }
    }

    /// What a witness in this system would answer to a question (docs/agent-protocol.md), for programs of dom0 that look
    /// with the same eyes; nil for what it could not do.
    public static func answer(_ question: [String]) -> [String]? {
        guard !question.isEmpty, case .success(let lines) = Answers.answer(question) else { return nil }
        return lines
    }

    /// Tells and obeys for ever, on the console `/dev/hvc0`.
    public static func run() -> Never {
        mkdir("/sys", 0o555)
        mount("sys", "/sys", "sysfs", 0, nil)
        Modules.load()
        start("/programs/lapwing-usb", ["take"])
        let boot = word(Files.text("/proc/sys/kernel/random/boot_id"), 0)
        var pending: [UInt8] = []
        while true {
            let console = open("/dev/hvc0", O_RDWR | O_NOCTTY | O_CLOEXEC)
            if console >= 0 {
                say(line(boot: boot), console)
                var waits = pollfd(fd: console, events: Int16(POLLIN), revents: 0)
                if poll(&waits, 1, 2000) > 0 {
                    var bytes = [UInt8](repeating: 0, count: 256)
                    let got = read(console, &bytes, bytes.count)
                    if got > 0 { pending += bytes[..<got] }
                }
                close(console)
            } else {
                sleep(2)
            }
            while let cut = pending.firstIndex(where: { $0 == 10 || $0 == 13 }) {
                let line = String(decoding: pending[..<cut], as: UTF8.self)
                pending.removeSubrange(...cut)
                act(line)
                answer(line)
            }
            if pending.count > 4096 { pending = [] }
        }
    }

    /// The line it says, from `/proc` and `/sys`.
    static func line(boot: String) -> String {
        let memory = Files.text("/proc/meminfo").split(separator: "\n").first.map { word(String($0), 1) } ?? "?"
        let cpus = Files.text("/proc/cpuinfo").split(separator: "\n").count { $0.hasPrefix("processor") }
        let disks = Files.text("/proc/partitions").split(separator: "\n").dropFirst().compactMap { line -> String? in
            let words = line.split(separator: " ")
            return words.count == 4 && !words[3].hasPrefix("ram") && !words[3].hasPrefix("loop")
                ? "\(words[3]):\(words[2])" : nil
        }
        let up = word(Files.text("/proc/uptime"), 0)
        return "witness boot=\(boot) up=\(up) memory=\(memory) cpus=\(cpus) disks=\(disks.joined(separator: ","))\n"
    }

    /// Starts a program that the guest brings along, if it does.
    private static func start(_ program: String, _ arguments: [String]) {
        guard access(program, X_OK) == 0 else { return }
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        var process: pid_t = 0
        _ = posix_spawn(&process, program, nil, nil, &words, environ)
        for word in words { free(word) }
    }

    private static func act(_ command: String) {
        switch command {
        case "reboot": end(restart: true)
        case "poweroff": end(restart: false)
        case "crash": sysrq("c")
        default: break
        }
    }

    private static func answer(_ question: String) {
        let lines = Answers.lines(question)
        if lines.isEmpty { return }
        let console = open("/dev/hvc0", O_WRONLY | O_NOCTTY | O_CLOEXEC)
        guard console >= 0 else { return }
        for line in lines { say(line + "\n", console) }
        close(console)
    }

    private static func end(restart: Bool) -> Never {
        sync()
        _ = lapwing_end_system(restart ? 1 : 0)
        while true { pause() }
    }

    /// Kernel, admin-guide/sysrq.rst.
    private static func sysrq(_ key: String) {
        let trigger = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC)
        _ = write(trigger, key, 1)
        close(trigger)
    }

    private static func say(_ text: String, _ console: Int32) {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let written = bytes[done...].withUnsafeBytes { write(console, $0.baseAddress, $0.count) }
            if written <= 0 { break }
            done += written
        }
    }

    private static func word(_ text: String, _ index: Int) -> String {
        let words = text.split { $0 == " " || $0 == "\n" || $0 == "\t" }
        return index < words.count ? String(words[index]) : "?"
    }

}
