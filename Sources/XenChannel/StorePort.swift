// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The XenStore as the kernel of any domain offers it, `/dev/xen/xenbus`. A path that does not begin with a slash is below
/// the domain's own part. Not for use by two threads.
public final class StorePort {
    /// Readable when something that is watched may have changed; but see `hasNews`.
    public let descriptor: Int32
    /// True when `changes` has something to tell that came along with an answer: `descriptor` does not tell of it any
    /// more. To be looked at before each wait.
    public var hasNews: Bool { !changed.isEmpty || !buffer.isEmpty }
    private var changed: Set<String> = []
    private var buffer: [UInt8] = []

    /// Opens the kernel's file.
    public init(path: String = "/dev/xen/xenbus") throws {
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        if descriptor < 0 { throw ChannelError(path, errno) }
    }

    /// Speaks through an open descriptor, which it closes at its end: for tests.
    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// The value of an entry; nil when there is none.
    public func read(_ path: String) throws -> String? {
        try ask(.read, [path]).map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The sorted names below an entry; none when there is no such entry.
    public func names(_ path: String) throws -> [String] {
        let answer = try ask(.directory, [path]) ?? []
        return answer.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    /// Sets the value of an entry.
    public func write(_ path: String, _ value: String) throws {
        if try ask(.write, [path], value) == nil { throw ChannelError("the XenStore does not take \(path)") }
    }

    /// Removes an entry and all below it; nothing there is fine.
    public func remove(_ path: String) throws { _ = try ask(.remove, [path]) }

    /// Has the store tell when something at or below an entry changes; it tells once at the beginning. `changes` gives the
    /// token.
    public func watch(_ path: String, token: String) throws {
        if try ask(.watch, [path, token]) == nil { throw ChannelError("the XenStore does not watch \(path)") }
    }

    /// The tokens of what has changed since it was asked last. Waits for nothing.
    public func changes() throws -> Set<String> {
        var waits = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while !buffer.isEmpty || poll(&waits, 1, 0) > 0 {
            let message = try next()
            if message.kind == XenStoreWire.Kind.watchEvent.rawValue { note(message.payload) }
        }
        defer { changed = [] }
        return changed
    }

    // MARK: Messages

    /// What a request holds: strings that each end in a zero byte, then a value that does not.
    static func payload(_ words: [String], _ value: String = "") -> [UInt8] {
        words.flatMap { Array($0.utf8) + [0] } + Array(value.utf8)
    }

    /// The answer's content; nil when the store answers with an error.
    private func ask(_ kind: XenStoreWire.Kind, _ words: [String], _ value: String = "") throws -> [UInt8]? {
        let bytes = XenStoreWire.encode(kind, request: 1, Self.payload(words, value))
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw ChannelError("the XenStore takes no request", errno)
        }
        while true {
            let message = try next()
            switch message.kind {
            case kind.rawValue: return message.payload
            case XenStoreWire.Kind.error.rawValue: return nil
            case XenStoreWire.Kind.watchEvent.rawValue: note(message.payload)
            default: throw ChannelError("the XenStore answers something else")
            }
        }
    }

    private func note(_ event: [UInt8]) {
        let words = event.split(separator: 0, omittingEmptySubsequences: false)
        if words.count >= 2 { changed.insert(String(decoding: words[1], as: UTF8.self)) }
    }

    private func next() throws -> XenStoreWire.Message {
        while true {
            if let message = try XenStoreWire.next(&buffer) { return message }
            var chunk = [UInt8](repeating: 0, count: XenStoreWire.headerSize + XenStoreWire.payloadLimit)
            let got = Glibc.read(descriptor, &chunk, chunk.count)
            guard got > 0 else { throw ChannelError("the XenStore does not answer") }
            buffer += chunk[..<got]
        }
    }
}
