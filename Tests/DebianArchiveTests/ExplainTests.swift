// SPDX-License-Identifier: Apache-2.0

import DebianArchive
import LapwingCore
import Testing

@Suite struct ExplainTests {
    private func made() -> Lock {
        var required = package("mawk")
        required.priority = "required"
        return Lock(
            recipe: "test", release: "trixie", indices: [],
            sets: [
                .root: LockedSet(architecture: "amd64", requested: ["app", "libdeep"], base: .required),
                .initrd: LockedSet(architecture: "amd64", requested: ["tool"], base: .none),
            ],
            packages: [
                package("app", depends: "libmid (>= 1.0), awk:any"), package("libmid", depends: "libdeep [amd64]"),
                package("libdeep", depends: "libc6 | libc-dev (>= 2), round"), package("round", depends: "libdeep"),
                package("glibc", sets: [.root, .initrd], provides: "libc6 (= 2.41), libc6-abi"),
                package("tool", sets: [.initrd], depends: "libc6"), package("base", essential: true),
                package("gawk", provides: "awk"), required, package("lost"),
            ])
    }

    private func text(_ name: String) throws -> [String] {
        try made().explain(name).map { reason in
            let path = reason.path.map { "\($0.package) [\($0.field): \($0.relation)]" }.joined(separator: " ")
            return "\(reason.set.rawValue) \(reason.kind.rawValue) \(path)".trimmed
        }
    }

    @Test func `the way goes through what is provided and by the shortest path`() throws {
        #expect(
            try text("glibc") == [
                "root dependency libdeep [Depends: libc6 | libc-dev]", "initrd dependency tool [Depends: libc6]",
            ])
        #expect(try text("gawk") == ["root dependency app [Depends: awk]"])
    }

    @Test func `a package has all its reasons`() throws {
        #expect(
            try text("libdeep") == [
                "root requested", "root dependency app [Depends: libmid] libmid [Depends: libdeep]",
            ])
        #expect(try text("base") == ["root essential"])
        #expect(try text("mawk") == ["root required"])
    }

    @Test func `a cycle ends`() throws {
        #expect(try text("round") == ["root dependency libdeep [Depends: round]"])
    }

    @Test func `a package that is not there is an error with a near name`() throws {
        let error = #expect(throws: LapwingError.self) { try made().explain("libdeap") }
        #expect(error?.code == "explain.not-locked")
        #expect(error?.hint == "Did you mean libdeep?")
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self
        while text.hasSuffix(" ") { text.removeLast() }
        return text
    }
}
