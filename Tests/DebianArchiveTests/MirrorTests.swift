// SPDX-License-Identifier: Apache-2.0

import DebianArchive
import LapwingCore
import SystemPackage
import Testing

@Suite struct MirrorTests {
    private func discover(
        _ files: [String: String], configuration: ArchiveConfiguration = .init(), environment: [String: String] = [:]
    ) throws -> Mirrors {
        let scratch = try Scratch()
        for (name, text) in files {
            let path = scratch.path.appending(name)
            try Files.makeDirectory(path.removingLastComponent())
            try Files.write(text, to: path)
        }
        return try Mirrors.discover(root: scratch.path, configuration: configuration, environment: environment)
    }

    private let expected = Mirrors(
        debian: "http://mirror.test/debian", security: "http://mirror.test/debian-security")

    @Test func `one-line sources are read`() throws {
        let found = try discover([
            "etc/apt/sources.list": """
            # deb http://commented.test/debian bookworm main
            deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.test/debian/ bookworm main contrib # x
            deb-src http://mirror.test/debian bookworm main\r
            deb http://mirror.test/debian-security bookworm-security main
            deb cdrom:[Debian]/ bookworm main
            """
        ])
        #expect(found == expected)
    }

    @Test func `deb822 sources are read, with comments inside, and disabled ones left out`() throws {
        let found = try discover([
            "etc/apt/sources.list.d/a.sources": """
            Enabled: no
            Types: deb
            URIs: http://disabled.test/debian
            Suites: trixie
            Components: main

            Types: deb deb-src
            # http://commented.test/
            URIs: http://mirror.test/debian
            Suites: trixie trixie-updates
            Components: main
             non-free-firmware
            Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp

            Types: deb
            URIs: http://mirror.test/debian-security/
            Suites: trixie-security
            Components: main
            Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp
            """,
            "etc/apt/sources.list.d/a.sources.save":
                "Types: deb\nURIs: http://saved.test/\nSuites: trixie\nComponents: main",
        ])
        #expect(found == expected)
    }

    @Test func `foreign archives are not taken for Debian's`() throws {
        let found = try discover([
            "etc/apt/sources.list": """
            deb [signed-by=/usr/share/keyrings/vendor.gpg] http://vendor.test/debian bookworm main
            deb http://vendor.test/apt nodistro main
            deb http://vendor.test/debian bookworm stable
            deb http://vendor.test/pg bookworm-pgdg main
            deb http://mirror.test/debian bookworm main
            deb http://mirror.test/debian-security bookworm/updates main
            """
        ])
        #expect(found == expected)
    }

    @Test func `who says the Debian keyring signs it goes first`() throws {
        let found = try discover([
            "etc/apt/sources.list": """
            deb http://first.test/debian bookworm main
            deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.test/debian bookworm main
            deb http://mirror.test/debian-security bookworm-security main
            """
        ])
        #expect(found == expected)
    }

    @Test func `a list of mirrors is followed`() throws {
        let found = try discover([
            "etc/apt/sources.list.d/debian.sources": """
            Types: deb
            URIs: mirror+file:///etc/apt/mirrors/debian.list
            Suites: trixie
            Components: main
            """,
            "etc/apt/mirrors/debian.list":
                "# mirrors\nhttp://mirror.test/debian priority:1\nhttp://second.test/debian\n",
        ])
        #expect(found == expected)
    }

    @Test func `the environment goes before the configuration and that before the sources`() throws {
        let files = ["etc/apt/sources.list": "deb http://third.test/debian bookworm main"]
        let configuration = ArchiveConfiguration(
            mirror: "http://second.test/debian", oldVersions: ["http://old.test/{path}"])
        #expect(try discover(files).uris["debian"] == "http://third.test/debian")
        let configured = try discover(files, configuration: configuration)
        #expect(configured.uris["debian"] == "http://second.test/debian")
        #expect(configured.oldVersions == ["http://old.test/{path}"])
        let environment = try discover(
            files, configuration: configuration, environment: ["LAPWING_MIRROR": "http://mirror.test/debian"])
        #expect(environment.uris == expected.uris)
    }

    @Test func `no mirror is an error that says what to do`() throws {
        let error = #expect(throws: LapwingError.self) {
            try discover(
                ["etc/apt/sources.list": "deb http://vendor.test/apt nodistro main"], environment: ["HOME": "/home/x"])
        }
        #expect(error?.code == "archive.no-mirror")
        #expect(error?.exit == .unavailable)
        #expect(error?.hint?.contains("/home/x/.config/lapwing/config.json") == true)
    }

    @Test(arguments: [
        "ftp://x.test/debian", "http://x.test/de bian", "http://x.test/\"", "debian", "http://x.test/[a]",
    ])
    func `what is no URI of an archive is refused`(uri: String) throws {
        let error = #expect(throws: LapwingError.self) { try discover([:], environment: ["LAPWING_MIRROR": uri]) }
        #expect(error?.code == "archive.bad-uri")
    }

    @Test func `the configuration is read, an unknown key refused, none is fine`() throws {
        let scratch = try Scratch()
        let environment = ["XDG_CONFIG_HOME": scratch.path.string]
        #expect(try ArchiveConfiguration.load(environment: environment) == ArchiveConfiguration())
        let path = scratch.path.appending("lapwing/config.json")
        try Files.makeDirectory(path.removingLastComponent())
        try Files.write(#"{"mirror": "http://mirror.test/debian"}"#, to: path)
        #expect(try ArchiveConfiguration.load(environment: environment).mirror == "http://mirror.test/debian")
        try Files.write(#"{"miror": "http://mirror.test/debian"}"#, to: path)
        let error = #expect(throws: LapwingError.self) { try ArchiveConfiguration.load(environment: environment) }
        #expect(error?.code == "config.unknown-key")
    }
}

@Suite struct ControlTextTests {
    @Test func `paragraphs have lower-case names and joined lines`() {
        let text = "A: 1\nDeSc: first\n second\n .\n\n\n# no\nB:2\r\nrubbish\n"
        #expect(ControlText.paragraphs(text) == [["a": "1", "desc": "first\nsecond\n."], ["b": "2"]])
    }

    @Test(arguments: [
        ("Thu, 01 Jan 1970 00:00:00 UTC", 0), ("Sat, 12 Sep 2026 07:55:41 UTC", 1_789_199_741),
        ("Thu, 29 Feb 2024 23:59:59 +0000", 1_709_251_199), ("1 Mar 2000 00:00:00 GMT", 951_868_800),
    ])
    func `dates are read`(text: String, seconds: Int64) { #expect(ControlText.date(text) == seconds) }

    @Test(arguments: [
        "", "Sat, 12 Sep 2026", "Sat, 12 Sep 2026 07:55:41 CET", "Sat, 32 Sep 2026 07:55:41 UTC", "x y z 1:2:3 UTC",
    ])
    func `what is no date is none`(text: String) { #expect(ControlText.date(text) == nil) }
}
