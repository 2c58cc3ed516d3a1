// SPDX-License-Identifier: Apache-2.0

/// Text that a device says of itself. Whoever built or programmed the device chose it, so it is hostile until it went
/// through here: it may try to move the cursor, to turn a line around, to be endless, or to look like another field.
public enum DeviceText {
    /// The most scalars that are kept; a USB string has at most 126 (USB 2.0, 9.6.7: one length byte, two bytes each).
    public static let limit = 126

    /// The text made safe for tables, logs and matching: what is invisible or controls a terminal or the direction of
    /// writing becomes `?`, white space becomes single blanks, combining marks do not pile up, the ends are trimmed and
    /// the length is bounded. Nil when nothing is left.
    public static func clean(_ text: String) -> String? {
        var result = String.UnicodeScalarView()
        var count = 0
        var marks = 0
        for scalar in text.unicodeScalars {
            if count == limit { break }
            var kept = scalar
            switch scalar.properties.generalCategory {
            case .spaceSeparator, .lineSeparator, .paragraphSeparator:
                kept = " "
            case .control where scalar == "\t" || scalar == "\n" || scalar == "\r":
                kept = " "
            case .control where scalar == "\0":
                // What follows the end of a C string was never meant to be read.
                return finish(result)
            case .control, .format, .surrogate, .privateUse, .unassigned:
                kept = "?"
            case .nonspacingMark, .spacingMark, .enclosingMark:
                marks += 1
                if marks > 2 { continue }
            default:
                break
            }
            if !kept.properties.isGraphemeExtend { marks = 0 }
            if kept == " ", result.isEmpty || result.last == " " { continue }
            result.append(kept)
            count += 1
        }
        return finish(result)
    }

    /// The same for bytes: what is not UTF-8 becomes U+FFFD.
    public static func clean(bytes: some Collection<UInt8>) -> String? {
        clean(String(decoding: bytes.prefix(limit * 4), as: UTF8.self))
    }

    private static func finish(_ scalars: String.UnicodeScalarView) -> String? {
        var scalars = scalars
        while scalars.last == " " { scalars.removeLast() }
        return scalars.isEmpty ? nil : String(scalars)
    }
}
