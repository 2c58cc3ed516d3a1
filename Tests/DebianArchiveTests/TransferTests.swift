// SPDX-License-Identifier: Apache-2.0

import Hashing
import LapwingCore
import SystemPackage
import Testing

@testable import DebianArchive

/// Answers for one program and lets the real one run everything else.
private struct ProxyRunner: ProcessRunner {
    let dump: String
    let live = SubprocessRunner()

    func run(_ command: Command) async throws -> CommandResult {
        if command.executable == "apt-config" { return CommandResult(ending: .exited(0), output: Array(dump.utf8)) }
        if command.executable == "/usr/bin/find-proxy" {
            let answer = command.arguments == ["http://mirror.test/x"] ? "http://found.test:3142\n" : "DIRECT\n"
            return CommandResult(ending: .exited(0), output: Array(answer.utf8))
        }
        return try await live.run(command)
    }

    func lines(
        _ command: Command, _ body: @escaping @Sendable (String) async throws -> Void
    ) async throws -> CommandResult { try await live.lines(command, body) }
}

@Suite struct ProxyTests {
    private let dump = """
        APT::Architecture "amd64";
        Acquire "";
        Acquire::http::Proxy "http://proxy.test:3128";
        Acquire::http::Proxy::near.test "DIRECT";
        Acquire::https::CaInfo "/etc/ssl/own.pem";
        Acquire::https::Verify-Peer "false";
        Acquire::AllowInsecureRepositories "true";
        Acquire::http::Timeout "5";
        """

    @Test func `proxies and authorities are taken over, switched-off checks are not`() {
        let proxy = HostProxy(dump: dump)
        #expect(
            proxy.options.map(\.name) == [
                "Acquire::http::Proxy", "Acquire::http::Proxy::near.test", "Acquire::https::CaInfo",
            ])
        #expect(proxy.certificates == "/etc/ssl/own.pem")
    }

    @Test(arguments: [
        ("http://mirror.test/x", "http://proxy.test:3128"), ("https://mirror.test/x", "http://proxy.test:3128"),
        ("http://near.test/x", "DIRECT"), ("http://near.test:80/x", "DIRECT"), ("file:/srv/x", nil),
    ]) func `the proxy of a URI is the one apt would use`(uri: String, expected: String?) async {
        #expect(await HostProxy(dump: dump).proxy(for: uri, .trapping) == expected)
    }

    @Test func `a program that finds proxies is asked`() async {
        var context = Context.trapping
        context.runner = ProxyRunner(dump: "")
        let proxy = HostProxy(dump: "Acquire::http::Proxy-Auto-Detect \"/usr/bin/find-proxy\";")
        #expect(await proxy.proxy(for: "http://mirror.test/x", context) == "http://found.test:3142")
        #expect(await proxy.proxy(for: "http://other.test/x", context) == "DIRECT")
    }

    @Test func `indices and packages come through the proxy of the host's apt`() async throws {
        let archive = try await MiniArchive.usual()
        let server = try await FileServer(archive)
        var context = archive.context
        context.runner = ProxyRunner(dump: "Acquire::http::Proxy \"http://127.0.0.1:\(server.port)\";")
        let mirrors = Mirrors(debian: "http://mirror.test/debian", security: "http://mirror.test/security")
        let cache = archive.scratch.path.appending("cache")
        let client = try ArchiveClient(context, cache: cache, mirrors: mirrors, keyring: archive.keyring)
        let lock = try await client.resolve(
            recipe: "mini", release: MiniArchive.release,
            sets: [SetRequest(.root, architecture: "amd64", packages: ["app"], base: .none)])
        await archive.close()
        let paths = try await PackageStore(context, cache: cache) { mirrors }.ensure(lock.packages)
        for (digest, path) in paths { #expect(try Digest.ofFile(path) == digest) }
        #expect(try server.requests.allSatisfy { $0.hasPrefix("http://mirror.test/") })
        #expect(try server.requests.contains { $0.contains("app_2.0-1+b1") || $0.contains("app_1:2.0-1+b1") })
    }
}

@Suite struct TransferTests {
    @Test func `paths and templates are escaped and filled in one pass`() throws {
        #expect(FetchJob.escaped("pool/a/x_1:2+b~1_all.deb") == "pool/a/x_1%3a2%2bb~1_all.deb")
        #expect(FetchJob.escaped("50%") == "50%25")
        #expect(FetchJob.fill("{a}-{b}{c}{", ["{a}": "{b}", "{b}": "x"]) == "{b}-x{c}{")
        #expect(FetchJob.stamp(1_709_251_199) == "20240229T235959Z")
        #expect(FetchJob.stamp(0) == "19700101T000000Z")
    }

    @Test func `an archive this machine does not know is an error`() {
        let item = StoreItem(package("x1"))
        var mirrors = Mirrors(debian: "http://mirror.test/debian", security: "http://mirror.test/security")
        #expect(throws: Never.self) { try FetchJob.uris(item, mirrors, date: nil) }
        mirrors.uris = [:]
        let error = #expect(throws: LapwingError.self) { try FetchJob.uris(item, mirrors, date: nil) }
        #expect(error?.code == "fetch.unknown-archive")
    }

    @Test(
        arguments: [
            (22, 404, "absent"), (22, 410, "absent"), (37, 0, "absent"), (22, 503, "again"), (22, 416, "restart"),
            (33, 206, "restart"), (18, 200, "again"), (28, 0, "again"), (6, 0, "again"), (63, 200, "unfit"),
            (60, 0, "unfit"), (22, 403, "unfit"), (23, 200, "write"), (99, 0, "again"),
        ] as [(Int32, Int, String)])
    func `what curl says is judged`(exit: Int32, status: Int, expected: String) {
        let judged =
            switch TransferEnd.judge(exit: exit, status: status, message: "") {
            case .done: "done"
            case .again(let fromStart, _): fromStart ? "restart" : "again"
            case .absent: "absent"
            case .unfit: "unfit"
            case .writeFailed: "write"
            }
        #expect(judged == expected)
    }

    @Test func `a plan of apt is read with its escapes`() throws {
        let line =
            "'http://mirror.test/debian/pool/main/a/app_2.0%2bb1_amd64.deb' app_1%3a2.0+b1_amd64.deb 12 SHA256:00"
        let planned = try PlannedPackage(line: line[...])
        #expect(planned.name == "app")
        #expect(planned.version == "1:2.0+b1")
        #expect(planned.uri.hasSuffix("%2bb1_amd64.deb"))
        #expect(throws: LapwingError.self) { try PlannedPackage(line: "'x' y_1.deb z") }
        #expect(throws: LapwingError.self) { try PlannedPackage(line: "'x' y_1.deb 12 h") }
    }

    @Test func `a full disk is said before anything is fetched, and after curl found out`() async throws {
        let scratch = try Scratch()
        var context = Context.trapping
        context.progress = SilentProgress()
        var huge = package("huge")
        huge.size = 1 << 62
        let job = FetchJob(
            item: StoreItem(huge), target: scratch.path.appending("t"), part: scratch.path.appending("p"),
            uris: ["http://mirror.test/x"])
        var fetcher = Fetcher(context: context, space: scratch.path, proxy: HostProxy(dump: ""))
        let error = await #expect(throws: LapwingError.self) { try await fetcher.run([job]) }
        #expect(error?.code == "file.no-space")
        #expect(error?.exit == .inputOutput)
    }
}

@Suite struct AptTalkTests {
    private let release = ArchiveRelease("trixie", architectures: ["amd64"])
    private let mirrors = Mirrors(debian: "http://mirror.test/debian", security: "http://mirror.test/security")

    private func error(_ text: String, succeeded: Bool = false) -> LapwingError? {
        AptTalk.indexError(text, succeeded: succeeded, release: release, mirrors: mirrors)
    }

    /// As apt 2.6 (Debian 12) and apt 3.0 (Debian 13) print them.
    @Test(
        arguments: [
            (
                "W: GPG error: http://mirror.test/debian trixie InRelease: The following signatures were invalid: BADSIG 0E98404D386FA1D9 Debian",
                "archive.bad-signature", "http://mirror.test/debian trixie"
            ),
            (
                "E: Failed to fetch http://mirror.test/debian/dists/trixie-updates/InRelease  403  Forbidden",
                "archive.unreachable", "http://mirror.test/debian trixie-updates"
            ),
            (
                "E: Release file for http://mirror.test/security/dists/trixie-security/InRelease is expired (invalid since 1d). Updates for this repository will not be applied.",
                "archive.expired", "http://mirror.test/security trixie-security"
            ),
            (
                "W: OpenPGP signature verification failed: http://mirror.test/debian trixie InRelease: Sub-process /usr/bin/sqv returned an error code (1), error message is: Missing key 4CB50190207B4758A3F73A796ED0E7B82643E131, which is needed to verify signature.",
                "archive.unknown-key", "http://mirror.test/debian trixie"
            ),
            ("W: something nobody has seen before", "archive.refused", nil),
        ] as [(String, String, String?)])
    func `complaints are understood and name the index`(text: String, code: String, subject: String?) {
        // A warning alone is enough, however apt ended.
        for succeeded in [true, false] {
            let found = error(text, succeeded: succeeded)
            #expect(found?.code == code)
            #expect(found?.subject == subject)
        }
    }

    @Test func `harmless talk is no complaint and a silent failure is one`() {
        let harmless =
            "N: a note\nW: http://mirror.test/debian/dists/trixie/InRelease: Policy will reject signature within a year, see --audit for details\n"
        #expect(error(harmless, succeeded: true) == nil)
        #expect(error("", succeeded: false)?.code == "archive.refused")
    }
}
