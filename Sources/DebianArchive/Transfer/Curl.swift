// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// What curl said of one transfer.
struct CurlResult: Sendable, Hashable {
    var exit: Int32
    var status: Int
    var message: String
    var oversize = false

    /// Reads `index⇥exit⇥status⇥message`.
    static func parse(_ line: String) -> (Int, CurlResult)? {
        let words = line.split(separator: "\t", maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count == 4, let index = Int(words[0]), let exit = Int32(words[1]), let status = Int(words[2])
        else { return nil }
        return (index, CurlResult(exit: exit, status: status, message: String(words[3])))
    }
}

/// Collects results while curl runs.
private actor CurlResults {
    var results: [Int: CurlResult] = [:]

    func add(_ line: String) {
        if let (index, result) = CurlResult.parse(line) { results[index] = result }
    }

    func oversize(_ index: Int) {
        results[index] = CurlResult(exit: 63, status: 0, message: "", oversize: true)
    }
}

/// Thrown inside to end curl.
private struct TooLarge: Error {}

extension Fetcher {
    /// Transfers at once; mirrors ask for few.
    private static var parallel: Int { 8 }

    /// Runs curl over some of the jobs and returns what it said of each. Sizes are watched while it runs: a file that
    /// grows beyond what the lock says ends the run.
    func curl(_ jobs: [FetchJob], _ indices: [Int], all: Int, total: UInt64) async throws -> [Int: CurlResult] {
        var blocks: [String] = []
        for index in indices { blocks.append(try await block(index, jobs[index])) }
        // No "next" after the last: curl would miss a URI and give up on the transfers still running.
        let text = blocks.joined(separator: "next\n")
        let command = Command(
            "curl",
            ["-q", "--silent", "--parallel", "--parallel-max", String(Self.parallel), "--config", "-"],
            input: .bytes(Array(text.utf8)))
        let results = CurlResults()
        let runner = context.runner
        do {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    let result = try await runner.lines(command) { await results.add($0) }
                    if case .exited = result.ending, await results.results.isEmpty {
                        throw CommandFailure.error(command, result, "curl could not do its work.")
                    }
                    return true
                }
                group.addTask {
                    try await self.watch(jobs, indices, results, all: all, total: total)
                    return false
                }
                defer { group.cancelAll() }
                while let ended = try await group.next() {
                    if ended { return }
                }
            }
        } catch is TooLarge {
            // The offender is noted; the others go on in the next round.
        } catch is CancellationError where !Task.isCancelled {
            // The watcher was stopped because curl had ended.
        }
        try Task.checkCancellation()
        return await results.results
    }

    private func watch(
        _ jobs: [FetchJob], _ indices: [Int], _ results: CurlResults, all: Int, total: UInt64
    ) async throws {
        let waiting = indices.reduce(UInt64(0)) { $0 + jobs[$1].item.size }
        while true {
            try await Task.sleep(for: .milliseconds(200))
            var arrived: UInt64 = 0
            for index in indices {
                let size = UInt64(max(0, (try? Files.status(jobs[index].part))?.size ?? 0))
                arrived += size
                if size > jobs[index].item.size {
                    await results.oversize(index)
                    throw TooLarge()
                }
            }
            let done = await results.results.values.count { $0.exit == 0 }
            context.progress.status(
                "fetching: \(all - indices.count + done) of \(all) files, "
                    + "\(ByteSize(bytes: total - waiting + arrived)) of \(ByteSize(bytes: total))")
        }
    }

    /// The part of curl's configuration for one file.
    private func block(_ index: Int, _ job: FetchJob) async throws -> String {
        let uri = job.uris.first ?? ""
        var options = [
            ("url", uri), ("output", job.part.string), ("continue-at", "-"), ("max-filesize", String(job.item.size)),
            ("write-out", "\(index)\\t%{exitcode}\\t%{http_code}\\t%{errormsg}\\n"), ("connect-timeout", "20"),
            ("speed-limit", "100"), ("speed-time", "30"), ("max-redirs", "10"), ("proto", "=http,https,file"),
            ("proto-redir", "=http,https"), ("user-agent", "lapwing"),
        ]
        if let proxy = await proxy.proxy(for: uri, context) {
            if proxy.uppercased() == "DIRECT" {
                options.append(("noproxy", "*"))
            } else {
                options.append(("proxy", proxy))
            }
        }
        if let certificates = proxy.certificates { options.append(("cacert", certificates)) }
        let lines = options.map { name, value in
            // Inside quotes curl knows \\ \" \t \n; write-out brings its own.
            let escaped = name == "write-out" ? value : Self.quoted(value)
            return "\(name) = \"\(escaped)\"\n"
        }
        return lines.joined() + "fail\nlocation\ngloboff\n"
    }

    private static func quoted(_ text: String) -> String {
        var result = ""
        for character in text {
            if character == "\\" || character == "\"" { result.append("\\") }
            result.append(character)
        }
        return result
    }
}
