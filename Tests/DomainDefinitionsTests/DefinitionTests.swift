// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import SystemPackage
import Testing

@testable import DomainDefinitions

@Suite struct DefinitionTests {
    private let full = """
        lapwing: 1
        domains:
          work:
            type: hvm
            memory: 2 GiB
            vcpus: 2
            cpus: [2, 3]
            description: 'The person''s own system'
            boot: [cdrom, disk]
            display: vnc
            autostart: true
            startOrder: 10
            onCrash: keep
            disks:
              - {name: system, size: 20 GiB}
              - name: install
                cdrom: /var/lib/lapwing/images/install (1).iso
          net:
            type: pvh
            memory: 256 MiB
            kernel: /boot/vmlinuz
            ramdisk: /var/lib/lapwing/net.cpio
            cmdline: console=hvc0 quiet
            disks: [{name: data, device: /dev/vg/net, readOnly: true}]
        """

    @Test func `a full definition is read and what is written from it reads the same`() throws {
        let domains = try DefinitionReader.read(Array(full.utf8), file: "f.yaml")
        #expect(domains.map(\.name) == ["work", "net"])
        let work = domains[0].settings
        #expect(
            work.memory.bytes == 2 << 30 && work.vcpus == 2 && work.cpus == [2, 3] && work.boot == [.cdrom, .disk])
        #expect(work.display == .vnc && work.autostart && work.startOrder == 10 && work.onCrash == .keep)
        #expect(work.disks[1].cdrom == "/var/lib/lapwing/images/install (1).iso")
        #expect(work.description == "The person's own system")
        #expect(domains[1].settings.disks[0].readOnly)
        for domain in domains {
            let text = DefinitionWriter.text(domain.name, domain.settings)
            #expect(try DefinitionReader.read(Array(text.utf8), file: "f")[0].settings == domain.settings, "\(text)")
        }
    }

    @Test func `every mistake is reported at once with its place`() throws {
        let text = """
            domains:
              a:
                type: pvx
                memory: lots
                vcpu: 2
              b:
                type: pvh
                memory: 1 GiB
                vcpus: 0
                disks:
                  - {name: x, size: 1 GiB, file: relative}
                  - {name: x, cdrom: /a.iso}
              c: {memory: 1 GiB}
            """
        let errors = try #require(throws: LapwingErrors.self) {
            try DefinitionReader.read(Array(text.utf8), file: "f")
        }
        let shown = errors.errors.map { "\($0.location?.line ?? 0):\($0.location?.column ?? 0) \($0.message)" }
        #expect(
            shown == [
                "3:11 type must be one of hvm, pvh, pv, not pvx.", "4:13 memory must be a size, not lots.",
                "5:5 There is no key vcpu here.", "6:3 A domain of type pvh needs a kernel.",
                "9:12 There must be 1 to 512 virtual CPUs.",
                "11:9 A disk has exactly one of size, file, device and cdrom.",
                "11:38 This must be an absolute path without quotes, commas, backslashes, . and .. in it.",
                "12:16 Two disks have the same name.", "12:26 Only an HVM domain has an optical drive.",
                "13:3 The domain has no type.",
            ], "\(errors)")
        #expect(errors.errors[2].hint == "Did you mean \"vcpus\"?")
        #expect(errors.errors[0].hint == "Did you mean \"pv\"?")
    }

    @Test(arguments: [
        "/a,b", "/a\"b", "/a'b", "/a\\b", "a/b", "/a/../b", "/a//b", "/a/", "/a\nb", "/\u{e9}", "",
    ])
    func `a path that could break out of a configuration is refused`(path: String) {
        #expect(!DomainDefinition.isPath(path))
        var settings = DomainSettings(type: .pvh, memory: ByteSize(bytes: 1 << 30), vcpus: 1, kernel: path)
        #expect(DefinitionCheck.mistakes("x", settings).contains { $0.key == "kernel" })
        settings.kernel = "/k"
        settings.cmdline = "a\"b"
        #expect(DefinitionCheck.mistakes("x", settings).map(\.key) == ["cmdline"])
    }

    @Test(arguments: [[-1], [4096], [1, 1]])
    func `a CPU that cannot be is refused`(cpus: [Int]) {
        let settings = DomainSettings(type: .hvm, memory: ByteSize(bytes: 1 << 30), vcpus: 1, cpus: cpus)
        #expect(DefinitionCheck.mistakes("x", settings).map(\.key) == ["cpus"])
    }

    @Test(arguments: ["dom0", "Work", "1a", "a_b", "", "a b", "domain-0", String(repeating: "a", count: 33)])
    func `a name that is none is refused`(name: String) {
        let settings = DomainSettings(type: .hvm, memory: ByteSize(bytes: 1 << 30), vcpus: 1)
        #expect(!DefinitionCheck.mistakes(name, settings).isEmpty)
    }

    @Test func `a definition of an image that knows less keys has defaults for the others`() throws {
        let json = #"{"type":"hvm","memory":1073741824,"vcpus":1,"disks":[],"autostart":true,"battery":"none"}"#
        let settings = try JSONText.decode(DomainSettings.self, from: Array(json.utf8), file: "f")
        #expect(settings == DomainSettings(type: .hvm, memory: ByteSize(bytes: 1 << 30), vcpus: 1, autostart: true))
    }

    @Test func `a bad file is left out, named, and the others work`() throws {
        let root = FilePath("/tmp/lapwing-definitions-\(UInt32.random(in: 0 ... .max))")
        defer { try? Files.removeTree(root) }
        let store = DefinitionStore(DevicePaths(root: root))
        var settings = DomainSettings(
            type: .pvh, memory: ByteSize(bytes: 1 << 30), vcpus: 1, kernel: "/k")
        try store.write("good", settings)
        try Files.write("domains:\n  bad: {type: pvh}\n", to: store.paths.domainFiles.appending("bad.yaml"))
        try Files.write(
            "domains:\n  good: {type: hvm, memory: 1 GiB}\n  more: {type: hvm, memory: 1 GiB}\n",
            to: store.paths.domainFiles.appending("z.yaml"))
        let loaded = store.load()
        #expect(loaded.definitions.keys.sorted() == ["good", "more"])
        #expect(loaded.definitions["good"]?.settings == settings)
        #expect(loaded.problems.map(\.code).contains("domain.defined-twice"))
        #expect(loaded.problems.contains { $0.location?.file.hasSuffix("bad.yaml") == true })
        settings.kernel = "/a,b"
        #expect(throws: LapwingErrors.self) { try store.write("worse", settings) }
        #expect(throws: LapwingError.self) { try store.remove(try #require(loaded.definitions["more"])) }
        try store.remove(try #require(loaded.definitions["good"]))
        #expect(store.load().definitions["good"]?.settings.type == .hvm)
    }
}
