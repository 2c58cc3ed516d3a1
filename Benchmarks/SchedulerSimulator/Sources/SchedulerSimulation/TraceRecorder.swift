// SPDX-License-Identifier: Apache-2.0

import CSchedulerImage

/// Trace records of the simulated Xen.
struct TraceRecorder {
    var records: [TraceRecord] = []
}

extension Simulation {
    /// The trace records of a run that was recorded.
    public var recorded: [TraceRecord] { trace?.records ?? [] }

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
