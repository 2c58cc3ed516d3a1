// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why a domain cannot be served, with a stable code such as `acpi.xen`.
public struct ACPIError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What it is: `acpi.gone` (the domain is not there, or no longer), `acpi.xen`, `acpi.file`, `acpi.wait`.
    public let code: String
    /// In words.
    public let description: String

    /// An error in these words.
    public init(_ code: String, _ description: String) {
        self.code = code
        self.description = description
    }

    /// What failed, with the system's words for an error number.
    init(_ code: String, _ what: String, _ number: Int32) {
        self.init(code, what + ": " + String(cString: strerror(number)))
    }

    /// The domain is not there.
    static let gone = ACPIError("acpi.gone", "The domain is not there.")

    /// Throws for a negative result of a call to Xen, which is an error number.
    @discardableResult static func check(_ result: Int64, _ what: String) throws(ACPIError) -> Int64 {
        if result >= 0 { return result }
        if result == -Int64(ESRCH) { throw .gone }
        throw ACPIError("acpi.xen", what, Int32(clamping: -result))
    }
}
