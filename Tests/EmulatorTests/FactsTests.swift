// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Emulator

@Suite struct FactsTests {
    @Test func `mounts are read with optional fields, and the last one at a place counts`() {
        let mounts = Facts.mounts(
            """
            21 1 0:19 / / rw - rootfs rootfs rw
            22 1 254:0 / / ro,relatime shared:1 master:2 - erofs /dev/mapper/lapwing-root rw,acl
            30 22 254:1 / /var rw,nodev shared:3 - ext4 /dev/mapper/lapwing-state rw
            broken line
            31 22 0:5 / /x rw -
            """)
        #expect(mounts["/"]?.device == "254:0")
        #expect(mounts["/"]?.type == "erofs")
        #expect(mounts["/"]?.options == ["ro", "relatime", "acl"])
        #expect(mounts["/var"]?.options.contains("ro") == false)
        #expect(mounts.count == 2)
    }

    @Test func `only sockets that listen are counted`() {
        let text = """
              sl  local_address rem_address   st tx_queue rx_queue
               0: 00000000:0016 00000000:0000 0A 00000000:00000000
               1: 0100007F:0035 00000000:0000 0A 00000000:00000000
               2: 0100007F:1F90 0100007F:0035 01 00000000:00000000
               3: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A
            """
        #expect(Facts.listeningPorts(text) == [22, 53, 80])
    }

    @Test func `locked accounts have no password, empty and hashed ones do`() {
        let shadow = """
            root:!*:19000:0:99999:7:::
            daemon:*:19000::::::
            admin:$y$j9T$abc:19000::::::
            guest::19000::::::
            odd
            """
        #expect(Facts.accountsWithPassword(shadow) == ["admin", "guest", "odd"])
    }

    @Test(arguments: [
        ("0123456789abcdef0123456789abcdef", true), ("00000000000000000000000000000000", false),
        ("uninitialized", false),
        ("0123456789ABCDEF0123456789abcdef", false), ("", false), ("0123456789abcdef0123456789abcde", false),
    ])
    func `a machine's identity is recognised`(text: String, good: Bool) { #expect(Facts.isMachineID(text) == good) }

    @Test(
        arguments: [
            ("(XEN) Using scheduler: SMP Credit Scheduler rev2 (credit2)\n(XEN) Initializing Credit2", "credit2"),
            ("(XEN) [    1.2] Using scheduler: A (b) C (lapwing)\r\n", "lapwing"),
            ("Using scheduler: One (one)\nUsing scheduler: Two (two)\n", "two"),
        ] as [(String, String)])
    func `the scheduler is the one of the last start`(log: String, name: String) {
        #expect(Facts.scheduler(log) == name)
    }

    @Test func `the processors on which something runs are those with an r`() {
        let list = """
            Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)
            Domain-0                             0     0    0   r--      10.1  all / all
            Domain-0                             0     1    -   --p       0.0  all / all
            updater                              4     0    7   r--     100.1  all / all
            video                                2     1    8   -b-       2.5  all / all
            """
        #expect(Facts.runningProcessors(list) == [0, 7])
        #expect(Facts.runningProcessors("").isEmpty)
    }

    @Test(arguments: ["", "Using scheduler: ", "Using scheduler: )(", "scheduler: x (y)"])
    func `a log without a scheduler names none`(log: String) { #expect(Facts.scheduler(log) == nil) }

    @Test(
        arguments: [
            ("(XEN) Could not find scheduler: lapwin\n(XEN) Using 'X' (lapwing)\n", "lapwin"),
            ("(XEN) [    0.4] Could not find scheduler: a b \r\n", "a b"),
            ("(XEN) Using scheduler: X (credit2)\n", nil),
        ] as [(String, String?)])
    func `a scheduler that Xen does not know is named`(log: String, name: String?) {
        #expect(Facts.unknownScheduler(log) == name)
    }

    @Test func `a build with assertions is told from one without`() {
        #expect(Facts.isDebugBuild("(XEN) Xen version 4.20.3 (Lapwing@localhost) (gcc) debug=y Thu Jan  1\n"))
        #expect(!Facts.isDebugBuild("(XEN) Xen version 4.20.3 (Lapwing@localhost) (gcc) debug=n Thu Jan  1\n"))
        #expect(!Facts.isDebugBuild("command line: debug=y\n(XEN) Xen version 4.20.3\n"))
    }

    @Test func `the capacity of each processor is read from the scheduler's counters`() {
        let text = "cpu=0 pool=0 capacity=1024 idle=1\ncpu=3 pool=1 core=3 capacity=400 x\n\ncpu=4 idle=0\n"
        #expect(Facts.capacities(text) == [0: 1024, 3: 400])
    }

    @Test(arguments: [
        "(XEN) Assertion 'spin_is_locked(&prv->lock)' failed at common/sched/sched_lapwing.c:100",
        "(XEN) [   52.1] Xen WARN at common/sched/core.c:1", "(XEN) Xen BUG at common/sched/core.c:1",
        "(XEN) [  1.0] Xen call trace:", "(XEN) Panic on CPU 2:", "[    3.1] Kernel panic - not syncing",
    ])
    func `what a crash prints is known`(line: String) {
        #expect(Facts.crashMarks.contains { line.contains($0) })
    }

    @Test func `fields keep colons of their values`() {
        let fields = Facts.fields("host : dom0\nxen_caps  : xen-3.0-x86_64 hvm-3.0\ntime: 12:30:01\nno field\n")
        #expect(fields["xen_caps"] == "xen-3.0-x86_64 hvm-3.0")
        #expect(fields["time"] == "12:30:01")
        #expect(fields.count == 3)
    }
}
