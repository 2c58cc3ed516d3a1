// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why something between two domains could not be done, in words.
public struct ChannelError: Error, Sendable, Hashable, CustomStringConvertible {
    /// One clause.
    public let description: String

    /// An error in these words.
    public init(_ description: String) { self.description = description }

    /// What failed, with the system's words for an error number.
    public init(_ what: String, _ code: Int32) { description = what + ": " + String(cString: strerror(code)) }
}
