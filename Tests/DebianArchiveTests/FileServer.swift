// SPDX-License-Identifier: Apache-2.0

import DebianArchive
import LapwingCore
import SystemPackage
import Testing

/// A web server on loopback that serves a directory, knows ranges, writes down what it was asked, and misbehaves as
/// told by a `faults` file: lines of `path-ending kind number times`.
final class FileServer: Sendable {
    let port: Int
    private let process: Task<Void, any Error>
    private let log: FilePath

    private static let program = #"""
        import http.server, os, sys, threading, time
        root, log, faults = sys.argv[1:4]
        used, guard = {}, threading.Lock()

        def fault(path):
            if not os.path.exists(faults):
                return None, 0
            for line in open(faults):
                ending, kind, number, times = line.split()
                if path.endswith(ending):
                    with guard:
                        used[ending] = used.get(ending, 0) + 1
                        if used[ending] <= int(times):
                            return kind, int(number)
            return None, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words):
                pass

            def do_GET(self):
                path = self.path.replace("%2b", "+").replace("%3a", ":")
                wanted = self.headers.get("Range", "-")
                with guard, open(log, "a") as out:
                    out.write(f"{path} {wanted}\n")
                kind, number = fault(path)
                if path.startswith("http://"):  # asked as a proxy
                    path = "/" + path.split("/", 3)[3]
                if kind == "status":
                    self.send_response(number)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                try:
                    data = open(root + path, "rb").read()
                except OSError:
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                start = 0
                if kind == "other":
                    data = bytes(len(data))
                if kind == "slow":
                    time.sleep(number / 1000)
                if wanted.startswith("bytes=") and kind != "noranges":
                    start = int(wanted[6:].split("-")[0])
                    if start >= len(data):
                        self.send_response(416)
                        self.send_header("Content-Length", "0")
                        self.end_headers()
                        return
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
                else:
                    self.send_response(200)
                body = data[start:]
                if kind in ("short", "endless"):
                    self.send_header("Connection", "close")
                else:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    if kind in ("cut", "short"):
                        self.wfile.write(body[:number])
                        self.close_connection = True
                    elif kind == "endless":
                        self.close_connection = True
                        for _ in range(6000):
                            self.wfile.write(bytes(number))
                            time.sleep(0.02)
                    else:
                        self.wfile.write(body)
                except OSError:
                    self.close_connection = True

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_port, flush=True)
        server.serve_forever()
        """#

    init(_ archive: MiniArchive, faults: [String] = []) async throws {
        log = archive.scratch.path.appending("requests")
        try Files.write("", to: log)
        let file = archive.scratch.path.appending("faults")
        try Files.write(faults.map { $0 + "\n" }.joined(), to: file)
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let command = Command("python3", ["-c", Self.program, archive.root.string, log.string, file.string])
        process = Task {
            _ = try await SubprocessRunner().lines(command) { line in
                if let port = Int(line) { found.yield(port) }
            }
            found.finish()
        }
        var iterator = ports.makeAsyncIterator()
        port = try #require(await iterator.next())
    }

    deinit { process.cancel() }

    var mirrors: Mirrors { mirrors() }

    func mirrors(oldVersions: [String] = []) -> Mirrors {
        Mirrors(
            debian: "http://127.0.0.1:\(port)/debian", security: "http://127.0.0.1:\(port)/security",
            oldVersions: oldVersions)
    }

    /// What was asked for so far: path and range.
    var requests: [String] { get throws { try Files.text(log).split(separator: "\n").map(String.init) } }
}
