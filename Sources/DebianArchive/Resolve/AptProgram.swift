// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// Which apt does the solving: the host's, or that of a tools tree. The reading of the signed indices needs the
/// network, solving needs none.
public struct AptProgram: Sendable {
    private let adapt: @Sendable (Command, FilePath) async throws -> Command

    /// An apt that is reached by changing the command, for example by entering a tools tree in which the given
    /// directory must be seen, writable, under the same path.
    public init(_ adapt: @escaping @Sendable (_ command: Command, _ directory: FilePath) async throws -> Command) {
        self.adapt = adapt
    }

    /// The host's own apt.
    public static let host = AptProgram { command, _ in command }

    func command(_ command: Command, _ directory: FilePath) async throws -> Command {
        try await adapt(command, directory)
    }
}

/// A private directory for apt: configuration, indices, caches and an empty package status, so that neither the
/// host's settings nor its packages have a say.
struct AptDirectory: Sendable {
    let path: FilePath

    /// Writes the directory. `lines` are the sources; the keyring is copied in, so that the directory means the same
    /// wherever it is seen.
    func prepare(_ release: ArchiveRelease, _ mirrors: Mirrors, keyring: FilePath, proxy: HostProxy) throws {
        for part in ["lists/partial", "cache/archives/partial", "etc/empty.d"] {
            try Files.makeDirectory(path.appending(part))
        }
        try Files.write("", to: path.appending("status"))
        let copy = path.appending("etc/keyring.\(keyring.extension ?? "gpg")")
        try Files.write(try Files.read(keyring, limit: 16 << 20), to: copy)
        var sources = ""
        for (archive, suite) in release.suites {
            // apt takes no package from a `file:` URI through its own cache; `copy:` behaves as a network does.
            let uri = mirrors.uris[archive] ?? ""
            let fetched = uri.hasPrefix("file:") ? "copy:" + uri.dropFirst(5) : uri
            for kind in release.sources ? ["deb", "deb-src"] : ["deb"] {
                let components = release.components.joined(separator: " ")
                sources += "\(kind) [signed-by=\(copy)] \(fetched) \(suite) \(components)\n"
            }
        }
        try Files.write(sources, to: path.appending("etc/sources.list"))
        try Files.write(
            configuration(proxy, architectures: release.architectures), to: path.appending("etc/update.conf"))
        for architecture in release.architectures {
            try Files.write(
                configuration(proxy, architectures: [architecture]),
                to: path.appending("etc/\(architecture).conf"))
        }
    }

    private func configuration(_ proxy: HostProxy, architectures: [String]) -> String {
        var lines = [
            "Dir \"\(path)\";",
            "Dir::State \"\(path)\";",
            "Dir::State::lists \"\(path)/lists\";",
            "Dir::State::status \"\(path)/status\";",
            "Dir::State::extended_states \"\(path)/extended_states\";",
            "Dir::Cache \"\(path)/cache\";",
            "Dir::Cache::archives \"\(path)/cache/archives\";",
            "Dir::Etc \"\(path)/etc\";",
            "Dir::Etc::main \"\(path)/etc/none\";",
            "Dir::Etc::parts \"\(path)/etc/empty.d\";",
            "Dir::Etc::sourcelist \"\(path)/etc/sources.list\";",
            "Dir::Etc::sourceparts \"\(path)/etc/empty.d\";",
            "Dir::Etc::preferences \"\(path)/etc/none\";",
            "Dir::Etc::preferencesparts \"\(path)/etc/empty.d\";",
            "Dir::Etc::trusted \"\(path)/etc/none\";",
            "Dir::Etc::trustedparts \"\(path)/etc/empty.d\";",
            "Dir::Etc::netrc \"/etc/apt/auth.conf\";",
            "Dir::Etc::netrcparts \"/etc/apt/auth.conf.d\";",
            "APT::Architecture \"\(architectures.first ?? "")\";",
            "APT::Architectures { \(architectures.map { "\"\($0)\"; " }.joined())};",
            "APT::Sandbox::User \"root\";",
            "APT::Install-Recommends \"false\";",
            "APT::Install-Suggests \"false\";",
            "APT::Get::AllowUnauthenticated \"false\";",
            "Acquire::AllowInsecureRepositories \"false\";",
            "Acquire::AllowWeakRepositories \"false\";",
            "Acquire::AllowDowngradeToInsecureRepositories \"false\";",
            "Acquire::Check-Valid-Until \"true\";",
            "Acquire::Check-Date \"true\";",
            "Acquire::Languages \"none\";",
            "Acquire::PDiffs \"false\";",
            "Acquire::Retries \"2\";",
            "Acquire::http::Timeout \"30\";",
            "Acquire::https::Timeout \"30\";",
            "Debug::NoLocking \"true\";",
        ]
        for (name, value) in proxy.options { lines.append("\(name) \"\(value)\";") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A command of apt in this directory. `configuration` is `update` or an architecture.
    func command(
        _ executable: String, _ arguments: [String], configuration: String, environment: [String: String]
    ) -> Command {
        var kept = ["LC_ALL": "C.UTF-8", "APT_CONFIG": path.appending("etc/\(configuration).conf").string]
        kept["PATH"] = environment["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"
        for name in ["HOME", "http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"] {
            kept[name] = environment[name]
        }
        return Command(executable, arguments, environment: kept, cleanEnvironment: true)
    }
}
