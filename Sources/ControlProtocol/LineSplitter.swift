// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// Cuts a stream of bytes into lines, with a bound on what an endless line may hold.
public struct LineSplitter: Sendable {
    /// The longest line without its newline, in bytes.
    public let limit: Int
    private var pending: [UInt8] = []
    private var searched = 0

    /// A splitter whose lines are at most `limit` bytes long.
    public init(limit: Int = ControlWire.lineLimit) {
        self.limit = limit
    }

    /// Takes bytes in.
    public mutating func append(_ bytes: some Collection<UInt8>) {
        pending.append(contentsOf: bytes)
    }

    /// The next whole line without its newline, or nil when more bytes are needed. A line past the limit throws
    /// `control.too-long`, whole or not; the stream cannot be followed after that.
    public mutating func next() throws(LapwingError) -> [UInt8]? {
        guard let end = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = pending.count
            if pending.count > limit { throw tooLong }
            return nil
        }
        if end > limit { throw tooLong }
        let line = Array(pending[..<end])
        pending.removeSubrange(...end)
        searched = 0
        return line
    }

    /// True when bytes of an unfinished line are held.
    public var isMidLine: Bool { !pending.isEmpty }

    private var tooLong: LapwingError { ControlMessage.bad("too-long", "The line is longer than \(limit) bytes.") }
}
