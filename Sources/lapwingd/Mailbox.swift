// SPDX-License-Identifier: Apache-2.0

import ControlProtocol
import LapwingCore
import Synchronization

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
    var readEnd: CInt { waker.readEnd }
    private let waker: WakePipe
    private let items = Mutex<[Item]>([])

    init() throws { waker = try WakePipe() }

    func post(_ item: Item) {
        items.withLock { $0.append(item) }
        waker.wake()
    }

    /// Everything that has come.
    func take() -> [Item] {
        waker.drain()
        return items.withLock { list in
            defer { list = [] }
            return list
        }
    }
}
