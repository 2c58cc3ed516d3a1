// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Testing

@Suite struct TurnsTests {
    private actor Diary {
        private let turns = Turns()
        private(set) var lines: [String] = []

        func work(_ number: Int) async throws {
            try await turns.run {
                lines.append("begin \(number)")
                for _ in 0..<number % 7 { await Task.yield() }
                lines.append("end \(number)")
                if number % 3 == 0 { throw CancellationError() }
            }
        }
    }

    @Test func `one piece of work follows the other, also after an error`() async {
        let diary = Diary()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<100 { group.addTask { try? await diary.work(number) } }
        }
        let lines = await diary.lines
        #expect(lines.count == 200)
        for index in stride(from: 0, to: lines.count, by: 2) {
            #expect(lines[index].split(separator: " ")[1] == lines[index + 1].split(separator: " ")[1])
            #expect(lines[index].hasPrefix("begin") && lines[index + 1].hasPrefix("end"))
        }
    }
}
