// SPDX-License-Identifier: Apache-2.0

import Glibc
import XenChannel

/// poll(2) over descriptors that have names.
struct Waiting {
    private var polled: [pollfd] = []

    /// Adds a descriptor and returns its number for `saw`.
    mutating func add(_ descriptor: Int32, _ events: Int16 = Int16(POLLIN)) -> Int {
        polled.append(pollfd(fd: descriptor, events: events, revents: 0))
        return polled.count - 1
    }

    /// Waits until something is ready; for ever when there is no limit.
    mutating func wait(milliseconds: Int32 = -1) throws {
        while poll(&polled, nfds_t(polled.count), milliseconds) < 0 {
            if errno != EINTR { throw ChannelError("poll", errno) }
        }
    }

    /// What came of a descriptor.
    func saw(_ number: Int) -> Int16 { polled[number].revents }
}
