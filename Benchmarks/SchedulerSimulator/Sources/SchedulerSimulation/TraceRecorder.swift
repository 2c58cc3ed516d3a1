// SPDX-License-Identifier: Apache-2.0

import CSchedulerImage

/// Trace records of the simulated Xen.
struct TraceRecorder {
    var records: [TraceRecord] = []
}

/// One trace record: Xen's event number and words, with the time in nanoseconds.
public struct TraceRecord: Sendable, Hashable {
    /// Nanoseconds.
    public var time: Int64
    /// Physical CPU.
    public var cpu: Int
    /// Event number without header bits.
    public var event: UInt32
    /// Up to seven words.
    public var words: [UInt32]
}

extension Simulation {
    func recordTrace() {
        let count = image.state.pointee.records
        image.state.pointee.records = 0
        for index in 0..<count {
            guard let record = scheduler_image_record(image.state, index) else { continue }
            let words = (0..<record.pointee.words).map { scheduler_image_word(record, $0) }
            trace?.records.append(
                TraceRecord(
                    time: record.pointee.time, cpu: Int(record.pointee.cpu), event: record.pointee.event, words: words))
        }
    }
}
