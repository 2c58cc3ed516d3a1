// SPDX-License-Identifier: Apache-2.0

import ControlProtocol
import DeviceFacts
import DeviceManagement
import DeviceModel
import LapwingCore
import Synchronization

/// Takes the kernel's messages from the event loop and works on them elsewhere, in order: reading a device may take its
/// time. What is held is bounded; past the bound everything is looked at once instead.
final class Hotplug: Sendable {
    /// The most messages that wait.
    static let limit = 1024

    private struct Waiting {
        var events: [Uevent] = []
        var all = false
        var since: ToolClock.Mark?
    }

    private let waiting = Mutex(Waiting())
    private let bell: AsyncStream<Void>.Continuation
    private let rings: AsyncStream<Void>

    private let tools: ToolClock

    /// `tools` tells when a message came.
    init(_ tools: ToolClock) {
        self.tools = tools
        (rings, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Something changed; nil when it is not known what.
    func changed(_ event: Uevent?) {
        waiting.withLock { waiting in
            if let event, !waiting.all, waiting.events.count < Self.limit {
                waiting.events.append(event)
            } else {
                waiting = Waiting(all: true, since: waiting.since)
            }
            if waiting.since == nil { waiting.since = tools.mark() }
        }
        bell.yield()
    }

    /// Takes what came, nil for "look at everything", and when the first of it came.
    private func take() -> (events: [Uevent?], since: ToolClock.Mark?) {
        waiting.withLock { waiting in
            defer { waiting = Waiting() }
            return (waiting.all ? [nil] : waiting.events, waiting.since)
        }
    }

    /// Tells of devices that come and go until the task ends, and has the devices settled after each batch, and after
    /// radios and their switches changed.
    func follow(
        _ tree: SystemTree, clock: any WallClock, settle: @Sendable (ToolClock.Mark?) async -> Void,
        report: @Sendable (String, JSONValue) -> Void
    ) async {
        var watch = DeviceWatch(tree)
        for await _ in rings {
            var changed = false
            let (events, since) = take()
            for event in events {
                changed = changed || event == nil || event?.concern == .radio
                for notice in watch.notices(event) {
                    changed = true
                    let name = notice.added ? "device.added" : "device.removed"
                    report(
                        name,
                        .object([
                            "name": .string(name), "device": .string(notice.device.rawValue),
                            "place": .string(notice.place), "time": .number(clock.now()),
                        ]))
                }
            }
            if changed { await settle(since) }
        }
    }
}
