// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// One file to fetch.
struct FetchJob: Sendable {
    var item: StoreItem
    /// Where it will stand.
    var target: FilePath
    /// Where what has arrived of it stands meanwhile.
    var part: FilePath
    /// Where it may be had, in the order to try.
    var uris: [String]
    /// Attempts in a row on the present URI that brought nothing.
    var attempts = 0
    /// The most bytes any attempt on the present URI has brought.
    var reached: Int64 = 0
    /// Why each URI already tried did not serve.
    var refusals: [String] = []
    /// True once every refusal was that the file is not there.
    var gone = true

    /// The URIs of an item: its archive's, then the templates for superseded packages.
    static func uris(_ item: StoreItem, _ mirrors: Mirrors, date: Int64?) throws -> [String] {
        guard let base = mirrors.uris[item.archive] else {
            throw LapwingError(
                "fetch.unknown-archive", exit: .badInput, "The lock names an archive this machine does not know.",
                subject: item.archive, hint: "It knows \(mirrors.uris.keys.sorted().joined(separator: " and ")).")
        }
        let path = escaped(item.path)
        let values = [
            "{path}": path, "{archive}": escaped(item.archive), "{name}": escaped(item.name),
            "{version}": escaped(item.version), "{sha256}": item.sha256.hex, "{date}": date.map(stamp) ?? "",
        ]
        return ["\(base)/\(path)"] + mirrors.oldVersions.map { fill($0, values) }
    }

    /// A path with everything escaped but the unreserved characters of RFC 3986 and the slash. Plus signs too: some
    /// servers take them for spaces.
    static func escaped(_ text: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if PackageSyntax.isAlphanumeric(byte) || "-._~/".utf8.contains(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A template with the names in braces replaced, each once and in one pass.
    static func fill(_ template: String, _ values: [String: String]) -> String {
        var result = ""
        var rest = template[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            result += rest[..<open]
            let name = String(rest[open...close])
            result += values[name] ?? name
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }

    /// A time as `YYYYMMDDTHHMMSSZ`.
    static func stamp(_ seconds: Int64) -> String {
        func digits(_ value: Int64, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        // Civil date from days, counted in eras of 400 years that begin in March.
        let days = (seconds / 86400) + 719_468
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let year = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let march = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * march + 2) / 5 + 1
        let month = march < 10 ? march + 3 : march - 9
        let civil = era * 400 + year + (month <= 2 ? 1 : 0)
        let clock = seconds % 86400
        return digits(civil, 4) + digits(month, 2) + digits(day, 2) + "T" + digits(clock / 3600, 2)
            + digits(clock / 60 % 60, 2) + digits(clock % 60, 2) + "Z"
    }
}

/// How one transfer ended, as curl says it (curl(1), EXIT CODES) and as the file it left shows.
enum TransferEnd: Sendable, Hashable {
    /// The file is there, whole.
    case done
    /// Try the same URI again, with what has arrived or from the start.
    case again(fromStart: Bool, String)
    /// The URI does not have it.
    case absent(String)
    /// The URI does not serve: other content, larger, refused.
    case unfit(String)
    /// The disk took no more.
    case writeFailed(String)

    /// Judges an unsuccessful transfer.
    static func judge(exit: Int32, status: Int, message: String) -> TransferEnd {
        let said = status >= 400 ? "HTTP status \(status)" : message.isEmpty ? "curl exit code \(exit)" : message
        switch exit {
        case 22:
            switch status {
            case 404, 410: return .absent(said)
            case 416: return .again(fromStart: true, said)
            case 408, 425, 429, 500...599: return .again(fromStart: false, said)
            default: return .unfit(said)
            }
        case 37, 78: return .absent(said)
        case 33: return .again(fromStart: true, said)
        case 63: return .unfit("it is larger than the lock says")
        case 23: return .writeFailed(said)
        // A name or certificate that is wrong stays wrong; everything else a network does may pass.
        case 1, 3, 51, 53, 54, 58, 59, 60, 77, 80, 82, 83, 90, 91: return .unfit(said)
        default: return .again(fromStart: false, said)
        }
    }
}
