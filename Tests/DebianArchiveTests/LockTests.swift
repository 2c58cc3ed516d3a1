// SPDX-License-Identifier: Apache-2.0

import DebianArchive
import Hashing
import LapwingCore
import Testing

func package(
    _ name: String, _ version: String = "1.0", sets: [PackageSetName] = [.root], path: String? = nil,
    content: String? = nil, depends: String = "", provides: String = "", essential: Bool = false
) -> LockedPackage {
    LockedPackage(
        name: name, version: version, architecture: "amd64", archive: "debian",
        path: path ?? "pool/main/\(name)_\(version)_amd64.deb", size: 10,
        sha256: .of(content ?? "\(name) \(version)"), essential: essential, depends: depends, provides: provides,
        sets: sets)
}

func lock(_ packages: [LockedPackage], date: Int64 = 1000, requested: [String] = []) -> Lock {
    let set = LockedSet(architecture: "amd64", requested: requested)
    return Lock(
        recipe: "test", release: "trixie",
        indices: [
            LockedIndex(
                archive: "debian", suite: "trixie", components: ["main"], inRelease: .of("index"), date: date),
            LockedIndex(
                archive: "debian-security", suite: "trixie-security", components: ["main"], inRelease: .of("security"),
                date: date - 7),
        ],
        sets: [.root: set, .tools: set, .initrd: set, .sysroot: set], packages: packages)
}

@Suite struct LockTests {
    @Test func `a lock read back is the same lock and has the same bytes`() throws {
        let made = lock([package("zlib1g"), package("bash", sets: [.tools])])
        let read = try Lock.parse(try made.json(), file: "x.lock.json")
        #expect(read == made)
        #expect(try read.json() == made.json())
        #expect(made.packages.map(\.name) == ["bash", "zlib1g"])
        #expect(made.sourceDateEpoch == 1000)
    }

    @Test func `a package of two sets is one entry and is found in both`() {
        let made = lock([package("udev", sets: [.root]), package("udev", sets: [.initrd])])
        #expect(made.packages.count == 1)
        #expect(made.packages(in: .initrd).map(\.name) == ["udev"])
        #expect(made.packages(in: .root).map(\.name) == ["udev"])
        #expect(made.packages(in: .tools).isEmpty)
    }

    @Test func `the digest does not depend on the order packages were found in and does on their content`() throws {
        let a = try lock([package("a1"), package("b1")]).digest()
        #expect(try lock([package("b1"), package("a1")]).digest() == a)
        #expect(try lock([package("b1"), package("a1", content: "other")]).digest() != a)
    }

    @Test(arguments: ["../../etc/passwd", "/etc/passwd", "pool//x.deb", "pool/./x.deb", "", "pool/a b.deb", "pool/x\n"])
    func `a lock whose path leaves the archive is refused`(path: String) throws {
        let bytes = try lock([package("evil", path: path)]).json()
        let error = #expect(throws: LapwingError.self) { try Lock.parse(bytes, file: "x") }
        #expect(error?.code == "lock.bad")
        #expect(error?.exit == .badInput)
    }

    @Test(arguments: ["A", "a", "-ab", "a/b", "a b", "über"])
    func `a lock with a name that is no package's is refused`(name: String) throws {
        let bytes = try lock([package(name, path: "pool/x.deb")]).json()
        #expect(throws: LapwingError.self) { try Lock.parse(bytes, file: "x") }
    }

    @Test func `a lock of another version says so`() throws {
        var other = lock([])
        other.schemaVersion = 99
        let bytes = try other.json()
        let error = #expect(throws: LapwingError.self) { try Lock.parse(bytes, file: "x") }
        #expect(error?.code == "lock.version")
    }

    @Test func `the difference names what came, went, rose, fell and was replaced`() {
        let before = lock([
            package("gone"), package("same"), package("up", "1.0"), package("down", "2.0"), package("sly"),
            package("twice", "1", sets: [.root, .initrd]),
        ])
        let now = lock([
            package("new"), package("same"), package("up", "1.0+deb13u1"), package("down", "2.0~rc1"),
            package("sly", content: "changed"), package("twice", "2", sets: [.root, .initrd]),
        ])
        let changes = now.difference(from: before)
        #expect(
            changes.map { "\($0.kind.rawValue) \($0.name)" } == [
                "downgraded down", "removed gone", "added new", "replaced sly", "upgraded twice", "upgraded up",
            ])
        #expect(changes.first { $0.name == "twice" }?.sets == [.initrd, .root])
        #expect(now.difference(from: now).isEmpty)
    }
}

@Suite struct DebianVersionTests {
    @Test(arguments: [
        ("1.0", "1.1"), ("1.9", "1.10"), ("1.0~rc1", "1.0"), ("1.0", "1.0-1"), ("1.0-1", "1.0-1+deb13u1"),
        ("9", "1:0"), ("1.0a", "1.0+"), ("1.0-1~bpo12+1", "1.0-1"), ("2.36-9+deb12u4", "2.36-9+deb12u13"),
        ("1.0~~", "1.0~"), ("4.20.0+68-g35cb38b222-1", "4.20.2+7-g1badcf5035-0+deb13u1"), ("1-2-3", "1-3-1"),
    ])
    func `versions are ordered as dpkg orders them`(low: String, high: String) {
        #expect(DebianVersion(low) < DebianVersion(high))
        #expect(!(DebianVersion(high) < DebianVersion(low)))
    }

    @Test func `leading zeros do not count`() {
        #expect(DebianVersion("1.007") == DebianVersion("1.7"))
        #expect(DebianVersion("0:1") == DebianVersion("1"))
    }
}
