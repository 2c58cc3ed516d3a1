// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// How the host's apt reaches archives: the part of its configuration that says so (apt-transport-http(1)).
struct HostProxy: Sendable, Hashable {
    /// Option names and values, as `apt-config dump` prints them, in its order.
    var options: [(name: String, value: String)] { pairs.map { ($0.name, $0.value) } }

    private struct Pair: Sendable, Hashable {
        var name: String
        var value: String
    }
    private var pairs: [Pair]

    /// Takes what matters from the output of `apt-config dump`: proxies and certificate authorities. What turns
    /// checks off is left out.
    init(dump: String) {
        pairs = dump.split(separator: "\n").compactMap { line in
            guard let space = line.firstIndex(of: " "), line.hasSuffix("\";") else { return nil }
            let name = String(line[..<space])
            let value = line[line.index(after: space)...].dropFirst().dropLast(2)
            guard !value.isEmpty, !value.contains("\""), !value.contains("\\") else { return nil }
            let lower = name.lowercased()
            let wanted = ["acquire::http::", "acquire::https::"].contains { prefix in
                guard lower.hasPrefix(prefix) else { return false }
                let rest = lower.dropFirst(prefix.count)
                return rest == "proxy" || rest.hasPrefix("proxy::") || rest == "proxy-auto-detect"
                    || rest == "proxyautodetect" || rest == "cainfo"
            }
            return wanted ? Pair(name: name, value: String(value)) : nil
        }
    }

    /// Asks the host's apt; a host without apt has no such configuration.
    static func read(_ context: Context) async -> HostProxy {
        let command = Command("apt-config", ["dump"], environment: ["LC_ALL": "C.UTF-8"])
        let result = try? await context.runner.run(command)
        return HostProxy(dump: result?.text ?? "")
    }

    private func value(_ name: String) -> String? {
        pairs.last { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// What apt says about a URI: a proxy's URI, `DIRECT` for none, nil when it says nothing and the environment
    /// decides. Automatic detection runs the program the host names for it.
    func proxy(for uri: String, _ context: Context) async -> String? {
        guard let end = uri.range(of: "://") else { return nil }
        let scheme = String(uri[..<end.lowerBound])
        guard scheme == "http" || scheme == "https" else { return nil }
        let host = uri[end.upperBound...].prefix { $0 != "/" && $0 != ":" }
        // apt's https method falls back to what is set for http.
        for method in scheme == "https" ? ["https", "http"] : ["http"] {
            let option = "Acquire::\(method)::Proxy"
            if let special = value("\(option)::\(host)") { return special }
            if let program = value("\(option)-Auto-Detect") ?? value("Acquire::\(method)::ProxyAutoDetect") {
                let result = try? await context.runner.run(Command(program, [uri], timeLimit: .seconds(10)))
                if let result, result.succeeded, let word = result.text.split(whereSeparator: \.isWhitespace).first {
                    return String(word)
                }
            }
            if let proxy = value(option) { return proxy }
        }
        return nil
    }

    /// The file of certificate authorities for https, if one is set.
    var certificates: String? { value("Acquire::https::CaInfo") }
}

extension String {
    /// Where a text stands in this one; the standard library alone has no such search for plain strings.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
