// SPDX-License-Identifier: Apache-2.0

import CLinux
import ControlProtocol
import LapwingCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What the work of tasks hands to the event loop: answers and events, with a pipe that wakes it.
final class Mailbox: Sendable {
    /// One thing for the loop.
    enum Item: Sendable {
        /// The answer to a client's request.
        case answer(client: Int, ControlMessage)
        /// Something for all who listen.
        case event(ControlMessage)
    }

    /// Readable while there is something.
    let readEnd: CInt
    private let writeEnd: CInt
    private let items = Mutex<[Item]>([])

    init() throws {
        var ends: [CInt] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw LapwingError("daemon.no-pipe", exit: .inputOutput, "The daemon could not make a pipe.")
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

    func post(_ item: Item) {
        items.withLock { $0.append(item) }
        // A full pipe wakes the loop as well.
        _ = write(writeEnd, [1], 1)
    }

    /// Everything that has come.
    func take() -> [Item] {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(readEnd, &bytes, bytes.count) == bytes.count {}
        return items.withLock { list in
            defer { list = [] }
            return list
        }
    }
}
