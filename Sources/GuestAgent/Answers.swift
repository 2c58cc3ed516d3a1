// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import XenChannel

/// What a witness answers when it is asked: `ask ID WORD …` on its console gives lines `answer ID …` and then one,
/// `done ID ok` or `done ID failed: …` (docs/agent-protocol.md).
enum Answers {
    /// The most data of one request.
    private static let mostMebibytes = 256

    /// The answer to a line, nothing when it asks nothing.
    static func lines(_ line: String, sight: Sight = Sight()) -> [String] {
        let words = line.split(separator: " ").map(String.init)
        guard words.count >= 3, words[0] == "ask", let id = UInt32(words[1]) else { return [] }
        switch answer(Array(words[2...]), sight) {
        case .success(let lines): return lines.map { "answer \(id) \($0)" } + ["done \(id) ok"]
        case .failure(let failure): return ["done \(id) failed: \(failure.text)"]
        }
    }

    private static func answer(_ words: [String], _ sight: Sight) -> Result<[String], Failure> {
        switch words[0] {
        case "pci": return .success(sight.pci)
        case "usb": return .success(sight.usb)
        case "disks": return .success(sight.disks)
        case "net": return .success(sight.networks)
        case "drm": return .success(sight.displays)
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
