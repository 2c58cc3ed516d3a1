// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#endif

/// A pipe by which one thread wakes another that sleeps in poll(2).
public final class WakePipe: Sendable {
    /// Readable once somebody has called `wake`, until `drain`.
    public let readEnd: CInt
    private let writeEnd: CInt

    /// Makes the pipe; `wake.no-pipe` (74) when there can be none.
    public init() throws {
        var ends: [CInt] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw LapwingError("wake.no-pipe", exit: .inputOutput, "No pipe could be made.")
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Wakes the other thread, now or when it sleeps next. A full pipe does that as well.
    public func wake() { _ = write(writeEnd, [1], 1) }

    /// Forgets all wakes so far; what they were for is looked at after this.
    public func drain() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(readEnd, &bytes, bytes.count) == bytes.count {}
    }
}
