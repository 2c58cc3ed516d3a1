// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Understands what apt says on standard error.
enum AptTalk {
    /// One thing that can go wrong with an index, and the words apt has for it: those of gpgv (Debian 12), of sqv
    /// (Debian 13) and apt's own. The first that fits counts.
    private static let faults: [(code: String, message: String, words: [String], hint: String?)] = [
        (
            "archive.expired", "A signed index is past its date of validity.", ["is expired"],
            "The mirror does not keep up, or the clock of this machine is wrong."
        ),
        (
            "archive.not-yet-valid", "A signed index is from the future.", ["is not valid yet"],
            "Check the clock of this machine."
        ),
        (
            "archive.unknown-key", "An index is signed by a key that is not in the Debian keyring.",
            ["NO_PUBKEY", "public key is not available", "Missing key", "No keyring installed"],
            "Install the newest debian-archive-keyring; if that does not help, do not trust this mirror."
        ),
        (
            "archive.key-expired", "An index is signed by a key that has expired.", ["EXPKEYSIG", "REVKEYSIG"],
            "Install the newest debian-archive-keyring."
        ),
        (
            "archive.bad-signature", "The signature of an index is wrong.",
            [
                "BADSIG", "invalid signature", "signatures were invalid", "Bad signature", "signature verification",
                "could not be verified", "Message has been manipulated",
            ], "Somebody changed the index, or the mirror is damaged. Try another mirror."
        ),
        (
            "archive.unsigned", "An index is not signed.",
            [
                "is not signed", "no longer signed", "does not have a Release file", "no longer has a Release file",
                "Clearsigned file isn't valid",
                "NODATA",
            ],
            "That is no Debian archive, or somebody stands between. Check \"mirror\" and the network."
        ),
        (
            "archive.index-mismatch", "An index is not the one its signature speaks of.",
            [
                "Hash Sum mismatch", "Undetermined Error", "File has unexpected size", "Hashes of expected file",
                "doesn't support architecture",
            ],
            "The mirror may be in the middle of an update; try again in some minutes, or another mirror."
        ),
        (
            "archive.wrong-suite", "The archive gave another suite than the one asked for.",
            ["Conflicting distribution", "doesn't have the component", "is configured multiple times"], nil
        ),
        (
            "archive.not-found", "The mirror does not have an index.", ["404 ", "File not found"],
            "Check \"mirror\" and \"securityMirror\" in the configuration."
        ),
        (
            "archive.unreachable", "The mirror could not be reached.",
            [
                "Could not resolve", "Temporary failure resolving", "Could not connect", "Unable to connect",
                "Connection failed", "Connection timed out", "Cannot initiate", "No route", "Could not handshake",
                "certificate", "Failed to fetch",
            ], "Check the network and the mirror. A build with a lock and a filled store needs neither."
        ),
        (
            "file.no-space", "There is no room for the indices.", ["No space left on device"],
            "Make room on that file system and run the command again."
        ),
    ]

    /// Warnings that say nothing about the trust in what was read.
    private static let harmless = ["Policy will reject signature within a year", "Download is performed unsandboxed"]

    /// The lines that are errors or warnings, harmless ones left out.
    static func complaints(_ text: String) -> [String] {
        text.split(separator: "\n").map(String.init).filter { line in
            (line.hasPrefix("E: ") || line.hasPrefix("W: ")) && !harmless.contains { line.contains($0) }
        }
    }

    /// The error of a failed or doubtful reading of indices; nil when there is nothing to complain of. Warnings are
    /// errors here: apt goes on with old indices after a bad signature and only warns.
    static func indexError(_ text: String, succeeded: Bool, release: ArchiveRelease, mirrors: Mirrors) -> LapwingError?
    {
        let lines = complaints(text)
        if lines.isEmpty && succeeded { return nil }
        for fault in faults {
            guard let line = lines.first(where: { line in fault.words.contains { line.contains($0) } }) else {
                continue
            }
            return LapwingError(
                fault.code, exit: fault.code == "archive.unreachable" ? .unavailable : .failure, fault.message,
                subject: index(line, release, mirrors), cause: String(line.dropFirst(3)), hint: fault.hint)
        }
        return LapwingError(
            "archive.refused", "apt would not take the indices.",
            subject: lines.first.flatMap { index($0, release, mirrors) },
            cause: lines.isEmpty ? text : lines.prefix(6).joined(separator: "\n         "))
    }

    /// The index a complaint is about: URI and suite.
    private static func index(_ line: String, _ release: ArchiveRelease, _ mirrors: Mirrors) -> String? {
        let words = line.split { " ',[]()".contains($0) }.map(String.init)
        for (archive, suite) in release.suites {
            guard let uri = mirrors.uris[archive] else { continue }
            let shown = uri.hasPrefix("file:") ? "copy:" + uri.dropFirst(5) : uri
            let named = words.contains { word in
                word == "\(shown)/dists/\(suite)" || word.hasPrefix("\(shown)/dists/\(suite)/")
                    || (word == suite && words.contains(shown))
            }
            if named { return "\(uri) \(suite)" }
        }
        return nil
    }

    /// The error of a failed solving.
    static func solverError(_ result: CommandResult, _ request: SetRequest) -> LapwingError {
        let lines = complaints(result.errorText)
        var missing: [String] = []
        for line in lines {
            let words = line.split { " '".contains($0) }.map(String.init)
            if line.contains("Unable to locate package"), let name = words.last { missing.append(name) }
            if line.contains("has no installation candidate"), words.count > 2 { missing.append(words[2]) }
        }
        if !missing.isEmpty { return noSuchPackage(missing, request) }
        let block = result.text.split(separator: "\n").drop { !$0.contains("unmet dependencies") }.dropFirst()
        let cause = (block.isEmpty ? lines.prefix(8)[...] : block.prefix(12).map(String.init)[...])
            .joined(separator: "\n         ")
        return LapwingError(
            "resolve.conflict", exit: .badInput,
            "The packages of the set \"\(request.set.rawValue)\" do not go together.",
            subject: request.packages.sorted().prefix(8).joined(separator: ", "),
            cause: cause.isEmpty ? result.errorText : cause)
    }

    /// The error of names the archive does not have.
    static func noSuchPackage(_ names: [String], _ request: SetRequest) -> LapwingError {
        LapwingError(
            "resolve.no-such-package", exit: .badInput,
            "The archive does not have \(names.count == 1 ? "a package" : "packages") of the set "
                + "\"\(request.set.rawValue)\".", subject: names.joined(separator: ", "),
            hint: "Check the spelling, the release and the architecture (\(request.architecture)).")
    }
}
