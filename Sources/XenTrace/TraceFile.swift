// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// One trace record: Xen's event number and words, with the time in nanoseconds.
public struct TraceRecord: Sendable, Hashable {
    /// Nanoseconds; since the first record in a decoded capture.
    public var time: Int64
    /// Physical CPU.
    public var cpu: Int
    /// Event number without header bits.
    public var event: UInt32
    /// Up to seven words.
    public var words: [UInt32]

    /// Creates a record.
    public init(time: Int64, cpu: Int, event: UInt32, words: [UInt32]) {
        self.time = time
        self.cpu = cpu
        self.event = event
        self.words = words
    }
}

/// Captures of Xen's trace buffers, binary as `xentrace` writes them and as text lines.
///
/// The binary layout is that of `struct t_rec` in Xen's `include/public/trace.h`; `xentrace` puts a CPU change record
/// (event 0x1f003: CPU number, bytes that follow) before each window of one CPU's records. A text line is
/// `NANOSECONDS CPU EVENT WORD...`, the first two decimal, the others hexadecimal; lines that begin with `#` are
/// remarks, and `# key value` carries facts of the capture.
public enum TraceFile {
    static let cpuChange: UInt32 = 0x1f003
    static let lostRecords: UInt32 = 0x1f001

    /// Decodes what `xentrace` wrote.
    ///
    /// - Parameters:
    ///   - megahertz: frequency of the time stamp counter, which the capture itself does not say.
    ///   - keep: which events; nil for all.
    /// - Returns: the records in order of time, and how many Xen says it lost.
    /// - Throws: ``LapwingError`` when the bytes are no capture.
    public static func decode(
        _ bytes: [UInt8], megahertz: Double, keep: ((UInt32) -> Bool)? = nil
    ) throws -> (records: [TraceRecord], lost: Int) {
        func fail(_ what: String, _ at: Int) -> LapwingError {
            LapwingError("trace-file", exit: .badInput, "\(what) at byte \(at) of the capture")
        }
        guard megahertz > 0 else {
            throw LapwingError("trace-file", exit: .usage, "the counter's frequency must be above 0")
        }
        func word(_ at: Int) -> UInt32 {
            UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
        }
        var found: [(cycles: UInt64, record: TraceRecord)] = []
        var lost = 0
        var at = 0
        var cpu = -1
        var cycles: UInt64 = 0
        while at + 4 <= bytes.count {
            let header = word(at)
            let event = header & 0x0fff_ffff
            let extra = Int(header >> 28 & 7)
            let timed = header >> 31 == 1
            let length = 4 * (1 + extra + (timed ? 2 : 0))
            // A capture that was cut off ends within a record.
            guard at + length <= bytes.count else { break }
            var words: [UInt32] = []
            for index in 0..<extra { words.append(word(at + 4 + (timed ? 8 : 0) + 4 * index)) }
            if timed { cycles = UInt64(word(at + 4)) | UInt64(word(at + 8)) << 32 }
            if event == cpuChange {
                guard extra >= 2, words[0] < 4096 else { throw fail("a bad change of CPU", at) }
                cpu = Int(words[0])
            } else {
                guard cpu >= 0 else { throw fail("no change of CPU before the first record", at) }
                if event == lostRecords { lost += Int(words.first ?? 0) }
                if event >> 12 != 0, keep?(event) ?? true, timed {
                    found.append((cycles, TraceRecord(time: 0, cpu: cpu, event: event, words: words)))
                }
            }
            at += length
        }
        // The windows of different CPUs follow each other; equal times keep the file's order.
        let order = found.indices.sorted { (found[$0].cycles, $0) < (found[$1].cycles, $1) }
        let start = order.first.map { found[$0].cycles } ?? 0
        let records = try order.map { index in
            let time = Double(found[index].cycles - start) * 1000 / megahertz
            // No capture lasts a century.
            guard time < 3e18 else { throw fail("a time stamp that cannot be", 0) }
            var record = found[index].record
            record.time = Int64(time)
            return record
        }
        return (records, lost)
    }

    /// The text form, with facts first.
    public static func text(_ records: [TraceRecord], facts: [(String, String)] = []) -> String {
        var out = facts.map { "# \($0.0) \($0.1)\n" }.joined()
        for record in records {
            out += "\(record.time) \(record.cpu) \(String(record.event, radix: 16))"
            for word in record.words { out += " " + String(word, radix: 16) }
            out += "\n"
        }
        return out
    }

    /// Reads the text form.
    ///
    /// - Throws: ``LapwingError`` with the number of a bad line.
    public static func parse(_ text: String) throws -> (records: [TraceRecord], facts: [String: String]) {
        var records: [TraceRecord] = []
        var facts: [String: String] = [:]
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(separator: " ")
            guard let first = words.first else { continue }
            if first == "#" {
                if words.count >= 3 { facts[String(words[1])] = words[2...].joined(separator: " ") }
                continue
            }
            let data = words.dropFirst(3).map { UInt32($0, radix: 16) }
            guard words.count >= 3, words.count <= 10, let time = Int64(first), let cpu = Int(words[1]),
                (0..<4096).contains(cpu),
                let event = UInt32(words[2], radix: 16), !data.contains(nil)
            else { throw LapwingError("trace-file", exit: .badInput, "line \(number + 1) of the trace is no record") }
            records.append(TraceRecord(time: time, cpu: cpu, event: event, words: data.compactMap { $0 }))
        }
        return (records, facts)
    }
}
