// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// What both ends of the control socket agree on: one JSON object per line, at most `lineLimit` bytes.
public enum ControlWire {
    /// The version of the messages. Both ends send it; a mismatch is an error and not a guess.
    public static let version = 1
    /// The longest line, its newline not counted, in bytes.
    public static let lineLimit = 256 << 10
    /// The deepest nesting of arrays and objects.
    public static let depthLimit = 32
    /// The longest method or event name, in bytes.
    public static let nameLimit = 64
}

/// A failure as it travels: the fields of a `LapwingError`, without places in files of another machine.
public struct ControlFailure: Codable, Sendable, Hashable {
    /// The stable code.
    public var code: String
    /// The exit status the error asks for.
    public var exit: Int32
    /// One sentence.
    public var message: String
    /// The thing concerned.
    public var subject: String?
    /// Why it happened.
    public var cause: String?
    /// What can be done.
    public var hint: String?

    /// The failure of an error.
    public init(_ error: LapwingError) {
        code = error.code
        exit = error.exit.rawValue
        message = error.message
        subject = error.subject
        cause = error.cause
        hint = error.hint
    }

    /// The error for the person; an exit status this version does not know becomes 1.
    public var error: LapwingError {
        LapwingError(
            code, exit: ExitStatus(rawValue: exit) ?? .failure, message, subject: subject, cause: cause, hint: hint)
    }
}

/// One message on the control socket.
public enum ControlMessage: Sendable, Hashable {
    /// Asks the daemon for something. The id is the client's own and comes back with the answer.
    case request(id: Int64, method: String, params: [String: JSONValue])
    /// The answer to a request.
    case result(id: Int64, JSONValue)
    /// A refusal; without an id when the request could not be read.
    case failure(id: Int64?, ControlFailure)
    /// Something that happened, to whom has asked for events.
    case event(name: String, JSONValue)

    /// The message as a line, its newline included. Throws `control.too-long` past the limit.
    public func line() throws -> [UInt8] {
        var bytes = try JSONText.encode(Envelope(self), pretty: false)
        guard bytes.count <= ControlWire.lineLimit else {
            throw LapwingError(
                "control.too-long", "The message is longer than \(ControlWire.lineLimit) bytes.")
        }
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// Reads a line without its newline. Everything in it is treated as hostile; whatever is wrong is a
    /// `LapwingError` with a code that begins with `control.`.
    public init(line: some Collection<UInt8>) throws(LapwingError) {
        guard line.count <= ControlWire.lineLimit else {
            throw ControlMessage.bad("too-long", "The message is longer than \(ControlWire.lineLimit) bytes.")
        }
        try ControlMessage.checkDepth(line)
        let envelope: Envelope
        do {
            envelope = try JSONText.decode(Envelope.self, from: Array(line), file: "message")
        } catch {
            throw ControlMessage.bad("not-a-message", "The message is no JSON object of this protocol.")
        }
        self = try envelope.message()
    }

    static func bad(_ code: String, _ message: String) -> LapwingError {
        LapwingError("control." + code, exit: .badInput, message)
    }

    /// Refuses deep nesting before the JSON reader, which recurses, sees it.
    private static func checkDepth(_ line: some Collection<UInt8>) throws(LapwingError) {
        var depth = 0
        var inString = false
        var escaped = false
        for byte in line {
            if inString {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\") {
                    escaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): inString = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                if depth > ControlWire.depthLimit {
                    throw bad("too-deep", "The message is nested deeper than \(ControlWire.depthLimit) levels.")
                }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
        }
    }
}

/// The shape on the wire.
private struct Envelope: Codable {
    var lapwing: Int
    var id: Int64?
    var method: String?
    var params: [String: JSONValue]?
    var result: JSONValue?
    var error: ControlFailure?
    var event: String?
    var data: JSONValue?

    init(_ message: ControlMessage) {
        lapwing = ControlWire.version
        switch message {
        case .request(let id, let method, let params):
            self.id = id
            self.method = method
            self.params = params.isEmpty ? nil : params
        case .result(let id, let value):
            self.id = id
            result = value
        case .failure(let id, let failure):
            self.id = id
            error = failure
        case .event(let name, let value):
            event = name
            data = value
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        lapwing = try container.decode(Int.self, forKey: .lapwing)
        id = try container.decodeIfPresent(Int64.self, forKey: .id)
        method = try container.decodeIfPresent(String.self, forKey: .method)
        params = try container.decodeIfPresent([String: JSONValue].self, forKey: .params)
        // A result may be null, which is not the same as no result.
        result = container.contains(.result) ? try container.decode(JSONValue.self, forKey: .result) : nil
        error = try container.decodeIfPresent(ControlFailure.self, forKey: .error)
        event = try container.decodeIfPresent(String.self, forKey: .event)
        data = container.contains(.data) ? try container.decode(JSONValue.self, forKey: .data) : nil
    }

    func message() throws(LapwingError) -> ControlMessage {
        guard lapwing == ControlWire.version else {
            throw ControlMessage.bad(
                "version", "The message is of protocol version \(lapwing); this side speaks \(ControlWire.version).")
        }
        switch (id, method, result, error, event) {
        case (let id?, let method?, nil, nil, nil):
            try Self.checkName(method)
            return .request(id: id, method: method, params: params ?? [:])
        case (let id?, nil, let result?, nil, nil): return .result(id: id, result)
        case (let id, nil, nil, let error?, nil): return .failure(id: id, error)
        case (nil, nil, nil, nil, let event?):
            try Self.checkName(event)
            return .event(name: event, data ?? .null)
        default:
            throw ControlMessage.bad("not-a-message", "The message is neither request, answer nor event.")
        }
    }

    private static func checkName(_ name: String) throws(LapwingError) {
        let plain = name.utf8.allSatisfy {
            (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
        }
        guard !name.isEmpty, name.utf8.count <= ControlWire.nameLimit, plain else {
            throw ControlMessage.bad("bad-name", "A method is named by small letters, digits, points and hyphens.")
        }
    }
}
