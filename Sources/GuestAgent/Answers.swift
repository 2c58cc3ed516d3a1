// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import XenChannel

/// What a witness answers when it is asked: `ask ID WORD …` on its console gives lines `answer ID …` and then one,
/// `done ID ok` or `done ID failed: …` (docs/agent-protocol.md).
enum Answers {
    /// The most data of one request.
    private static let mostMebibytes = 256
    /// The longest that is waited or worked for.
    private static let mostSeconds = 600

    /// The answer to a line, nothing when it asks nothing.
    static func lines(_ line: String, sight: Sight = Sight()) -> [String] {
        let words = line.split(separator: " ").map(String.init)
        guard words.count >= 3, words[0] == "ask", let id = UInt32(words[1]) else { return [] }
        switch answer(Array(words[2...]), sight) {
        case .success(let lines): return lines.map { "answer \(id) \($0)" } + ["done \(id) ok"]
        case .failure(let failure): return ["done \(id) failed: \(failure.text)"]
        }
    }

    /// What is answered to a question's words, of which there is one at least.
    static func answer(_ words: [String], _ sight: Sight = Sight()) -> Result<[String], Failure> {
        switch words[0] {
        case "pci": return .success(sight.pci)
        case "usb": return .success(sight.usb)
        case "disks": return .success(sight.disks)
        case "net": return .success(sight.networks)
        case "drm": return .success(sight.displays)
        case "power": return .success(sight.supplies)
        case "lid": return .success(sight.lids)
        case "interrupts": return .success(sight.interrupts)
        case "await":
            guard words.count >= 4, let seconds = seconds(words[1]), ["power", "lid"].contains(words[2]) else { break }
            return wait(seconds, for: Array(words[3...])) { words[2] == "lid" ? sight.lids : sight.supplies }
        case "hammer":
            guard words.count == 3, let seconds = seconds(words[1]), let seed = UInt64(words[2]) else { break }
            let count = lapwing_guest_hammer(UInt32(seconds), seed)
            return count < 0 ? .failure(Failure("ports: \(-count)")) : .success(["accesses=\(count)"])
        case "modules": return .success(Modules.failures)
        case "store":
            guard words.count == 2 else { break }
            do {
                let value = try StorePort().read(words[1])
                return value.map { .success([$0]) } ?? .failure(Failure("no such entry"))
            } catch {
                return .failure(Failure("\(error)"))
            }
        case "fill":
            guard words.count == 4, let device = device(words[1]), let size = size(words[2]),
                let seed = UInt64(words[3])
            else { break }
            return Pattern.fill(device, mebibytes: size, seed: seed).map { ["sum=\(Pattern.text($0))"] }
        case "read":
            guard words.count == 3, let device = device(words[1]), let size = size(words[2]) else { break }
            return Pattern.read(device, mebibytes: size).map { ["sum=\(Pattern.text($0))"] }
        case "talk":
            guard words.count == 7, let port = UInt16(words[4]), let size = Int(words[5]),
                (1...mostMebibytes << 10).contains(size), let seed = UInt64(words[6])
            else { break }
            let talk = Talk(
                interface: words[1], address: words[2], peer: words[3], port: port, kibibytes: size, seed: seed)
            return talk.run().map { outcome in
                let sums = [outcome.sentSum, outcome.receivedSum].map(Pattern.text)
                return ["sent=\(outcome.sent) received=\(outcome.received) sums=\(sums.joined(separator: ","))"]
            }
        default: break
        }
        return .failure(Failure("not understood"))
    }

    /// The first line that has all the words in it, looked for every 20 ms.
    private static func wait(
        _ seconds: Int, for words: [String], _ look: () -> [String]
    ) -> Result<[String], Failure> {
        let end = now() + seconds * 1000
        repeat {
            let line = look().first { line in
                let has = line.split(separator: " ").map(String.init)
                return words.allSatisfy(has.contains)
            }
            if let line { return .success([line]) }
            usleep(20_000)
        } while now() < end
        return .failure(Failure("not in \(seconds) s"))
    }

    /// Milliseconds of the monotonic clock.
    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    private static func seconds(_ word: String) -> Int? {
        Int(word).flatMap { (1...mostSeconds).contains($0) ? $0 : nil }
    }

    private static func device(_ name: String) -> String? {
        name.utf8.allSatisfy { (48...57).contains($0) || (97...122).contains($0) } ? "/dev/\(name)" : nil
    }

    private static func size(_ word: String) -> Int? {
        Int(word).flatMap { (1...mostMebibytes).contains($0) ? $0 : nil }
    }
}

/// The drivers a witness brings along: files of `/modules`, whose names sort in the order they can be loaded.
enum Modules {
    private static let directory = "/modules"

    /// Loads all; what is there already or fits no device of the machine is no mistake.
    static func load() {
        for name in Files.names(directory) {
            let file = open("\(directory)/\(name)", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { continue }
            let code = lapwing_load_module(file, name.hasSuffix(".ko") ? 0 : 1)
            close(file)
            if code != 0, code != -EEXIST { note("\(name) \(-code)\n") }
        }
    }

    private static let notes = "/modules.failed"

    /// Those that could not be loaded, with the number of the error.
    static var failures: [String] { Files.text(notes).split(separator: "\n").map(String.init) }

    private static func note(_ text: String) {
        let file = open(notes, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        _ = write(file, text, text.utf8.count)
        close(file)
    }
}
