// SPDX-License-Identifier: Apache-2.0

import CLinux
public import DeviceFacts
import LapwingCore
import SystemPackage

/// The kernel's messages of devices that come and go, and of power supplies that change (netlink(7),
/// NETLINK_KOBJECT_UEVENT). What processes send to the socket is thrown away; only root can make the kernel itself say
/// something. It has to be read by one thread at a time.
public final class UeventSocket: Sendable {
    /// What came.
    public struct Harvest: Sendable, Hashable {
        /// The messages, in order.
        public var events: [Uevent] = []
        /// True when something was lost or not understood: everything has to be looked at again.
        public var lost = false
    }

    /// To be polled for reading.
    public let descriptor: CInt

    /// Opens the socket; `device.no-events` (exit 69) when the system does not allow it.
    public init() throws {
        descriptor = lapwing_uevent_open()
        if descriptor < 0 {
            throw LapwingError(
                "device.no-events", exit: .unavailable, "The kernel does not tell of devices that come and go.",
                cause: Errno(rawValue: -descriptor).description)
        }
    }

    deinit { try? FileDescriptor(rawValue: descriptor).close() }

    /// What waits, without waiting for more, and at most 1024 messages at once. Nil when the socket cannot be used any
    /// more.
    public func take() -> Harvest? {
        var harvest = Harvest()
        return withUnsafeTemporaryAllocation(byteCount: Uevent.limit, alignment: 8) { buffer in
            for _ in 0..<1024 {
                let got = lapwing_uevent_receive(descriptor, buffer.baseAddress, buffer.count)
                switch got {
                case 0: continue
                case 1...:
                    if let event = Uevent(buffer[..<got]) { harvest.events.append(event) } else { harvest.lost = true }
                case -Int(Errno.wouldBlock.rawValue): return harvest
                case -Int(Errno.noBufferSpace.rawValue), -Int(Errno.messageTooLong.rawValue): harvest.lost = true
                default: return nil
                }
            }
            return harvest
        }
    }
}
