// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// One entry of apt's sources (sources.list(5)), in either of its formats.
struct AptSource: Sendable, Hashable {
    var types: [String]
    var uris: [String]
    var suites: [String]
    var components: [String]
    /// The value of `Signed-By`: files, fingerprints or a key in the text; empty when it is not said.
    var signedBy: String

    /// Reads one-line entries: `deb [ option=value … ] uri suite component…`.
    static func oneLine(_ text: String) -> [AptSource] {
        ControlText.lines(text).compactMap { raw in
            let line = raw.prefix { $0 != "#" }
            var words = ControlText.words(String(line))
            guard let type = words.first, type == "deb" || type == "deb-src" else { return nil }
            words.removeFirst()
            var signedBy = ""
            if words.first?.hasPrefix("[") == true {
                guard let end = words.firstIndex(where: { $0.hasSuffix("]") }) else { return nil }
                for word in words[...end] {
                    let option = word.filter { $0 != "[" && $0 != "]" }
                    if option.lowercased().hasPrefix("signed-by=") { signedBy = String(option.dropFirst(10)) }
                }
                words.removeSubrange(...end)
            }
            guard words.count >= 2 else { return nil }
            return AptSource(
                types: [type], uris: [words[0]], suites: [words[1]], components: Array(words[2...]),
                signedBy: signedBy)
        }
    }

    /// Reads deb822 entries.
    static func deb822(_ text: String) -> [AptSource] {
        ControlText.paragraphs(text).compactMap { fields in
            let enabled = (fields["enabled"] ?? "yes").lowercased()
            guard !["no", "false", "0", "off"].contains(enabled), fields["types"] != nil else { return nil }
            return AptSource(
                types: ControlText.words(fields["types"]), uris: ControlText.words(fields["uris"]),
                suites: ControlText.words(fields["suites"]), components: ControlText.words(fields["components"]),
                signedBy: fields["signed-by"] ?? "")
        }
    }

    /// All entries of the machine whose root is given, in apt's order.
    static func all(root: FilePath) throws -> [AptSource] {
        let directory = root.appending("etc/apt")
        var result: [AptSource] = []
        let list = directory.appending("sources.list")
        if Files.exists(list) { result += oneLine(try Files.text(list, limit: 1 << 20)) }
        let parts = directory.appending("sources.list.d")
        guard Files.isDirectory(parts) else { return result }
        for name in try Files.names(in: parts) {
            if name.hasSuffix(".list") {
                result += oneLine(try Files.text(parts.appending(name), limit: 1 << 20))
            } else if name.hasSuffix(".sources") {
                result += deb822(try Files.text(parts.appending(name), limit: 1 << 20))
            }
        }
        return result
    }
}
