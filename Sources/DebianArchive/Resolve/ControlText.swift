// SPDX-License-Identifier: Apache-2.0

/// Reads Debian's control format (deb822(5)): package records, `Release` files, apt's `.sources` files.
public enum ControlText {
    /// The paragraphs of a text; field names in lower case, continuation lines joined by newlines with their
    /// leading space removed. Lines that are no field are left out.
    public static func paragraphs(_ text: String) -> [[String: String]] {
        var result: [[String: String]] = []
        var fields: [String: String] = [:]
        var name = ""
        func isBlank(_ line: Substring) -> Bool { line.allSatisfy { $0 == " " || $0 == "\t" || $0 == "\r" } }
        for line in lines(text) {
            if isBlank(line) {
                if !fields.isEmpty { result.append(fields) }
                fields = [:]
                name = ""
            } else if line.hasPrefix("#") {
                continue
            } else if line.hasPrefix(" ") || line.hasPrefix("\t") {
                if !name.isEmpty { fields[name, default: ""] += "\n" + trim(line) }
            } else if let colon = line.firstIndex(of: ":") {
                name = line[..<colon].lowercased()
                fields[name] = trim(line[line.index(after: colon)...])
            }
        }
        if !fields.isEmpty { result.append(fields) }
        return result
    }

    /// The lines of a text. By bytes: to Swift a carriage return and a newline are one character.
    static func lines(_ text: String) -> [Substring] {
        text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Substring.init)
    }

    static func trim(_ text: Substring) -> String {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
        return String(text)
    }

    /// The words of a field, split at spaces and line ends.
    static func words(_ text: String?) -> [String] {
        (text ?? "").split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// The signed part of a clear-signed text (RFC 9580 section 7); the text itself when it is not clear-signed.
    static func signedPart(_ text: String) -> String {
        let lines = lines(text)
        guard lines.first == "-----BEGIN PGP SIGNED MESSAGE-----",
            let start = lines.firstIndex(where: \.isEmpty),
            let end = lines.firstIndex(of: "-----BEGIN PGP SIGNATURE-----")
        else { return text }
        return lines[start..<max(start, end)].dropFirst()
            .map { $0.hasPrefix("- ") ? String($0.dropFirst(2)) : String($0) }.joined(separator: "\n")
    }

    /// Seconds since 1970 of a date such as `Sat, 12 Sep 2026 07:55:41 UTC` (RFC 5322 with the zone UTC or +0000).
    public static func date(_ text: String) -> Int64? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        var words = text.split(separator: " ")
        if words.first?.hasSuffix(",") == true { words.removeFirst() }
        guard words.count == 5, let day = Int64(words[0]), let month = months.firstIndex(of: String(words[1])),
            let year = Int64(words[2]), ["UTC", "GMT", "+0000", "Z"].contains(String(words[4]))
        else { return nil }
        let clock = words[3].split(separator: ":").compactMap { Int64($0) }
        guard clock.count == 3, (1...31).contains(day), (1970...9999).contains(year), (0...23).contains(clock[0]),
            (0...59).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        // Days since 1970 in the proleptic Gregorian calendar, counted with years that begin in March.
        let number = Int64(month) + 1
        let shifted = number > 2 ? year : year - 1
        let dayOfYear = (153 * (number + (number > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        return days * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    }
}
