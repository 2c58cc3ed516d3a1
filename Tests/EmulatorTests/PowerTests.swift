// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GuestAgent
import LapwingCore
import SystemPackage
import Testing

@testable import Emulator

private func battery(_ percent: Int, charging: Bool = false) -> PowerLatch.Battery {
    PowerLatch.Battery(percent: percent, charging: charging)
}

/// A latch out of its word: what the table's fields read.
private func fields(_ value: UInt32) -> [PowerLatch.Field: UInt32] {
    var (rest, found) = (value, [PowerLatch.Field: UInt32]())
    for field in PowerLatch.Field.allCases {
        found[field] = rest & (1 << UInt32(field.bits) - 1)
        rest >>= UInt32(field.bits)
    }
    return found
}

@Suite struct PowerLatchTests {
    @Test func `every part of the machine's power has bits of its own`() {
        var latch = PowerLatch(battery(80, charging: true), battery(100))
        latch.lidClosed = true
        let all = fields(latch.value)
        #expect(all[.online] == 1 && all[.lidClosed] == 1 && all[.lies] == 0)
        #expect(all[.firstPresent] == 1 && all[.firstCharging] == 1 && all[.firstPercent] == 80)
        #expect(all[.secondPresent] == 1 && all[.secondCharging] == 0 && all[.secondPercent] == 100)
        latch.lies = true
        latch.batteries[0] = nil
        let less = fields(latch.value)
        #expect(less[.lies] == 1 && less[.firstPresent] == 0 && less[.firstPercent] == 0 && less[.secondPercent] == 100)
        var off = PowerLatch()
        off.online = false
        #expect(off.value == 0)
    }

    @Test func `any state comes out of its word as it went in`() {
        for online in [false, true] {
            for lies in [false, true] {
                for percent in 0...100 {
                    var latch = PowerLatch(battery(percent), battery(100 - percent, charging: true))
                    latch.online = online
                    latch.lies = lies
                    let read = fields(latch.value)
                    #expect(read[.online] == (online ? 1 : 0) && read[.lies] == (lies ? 1 : 0))
                    #expect(read[.firstPercent] == UInt32(percent) && read[.secondPercent] == UInt32(100 - percent))
                }
            }
        }
        // What no battery has is cut, and reaches no other field.
        #expect(PowerLatch(battery(1000)).value == PowerLatch(battery(100)).value)
        #expect(PowerLatch(battery(-1)).value == PowerLatch(battery(0)).value)
    }

    @Test func `the word has 32 bits and names of four letters`() {
        #expect(PowerLatch.Field.allCases.map(\.bits).reduce(0, +) <= 32)
        #expect(PowerLatch.Field.allCases.allSatisfy { $0.rawValue.utf8.count == 4 })
        #expect(Set(PowerLatch.Field.allCases.map(\.rawValue)).count == PowerLatch.Field.allCases.count)
    }

    @Test func `percents of every battery are whole, and the one that lies is not worn`() {
        for battery in EmulatedBattery.all { #expect(battery.full % 100 == 0 && battery.full <= battery.design) }
        #expect(EmulatedBattery.all[0].full == EmulatedBattery.all[0].design)
        #expect(EmulatedBattery.all[0].lie > EmulatedBattery.all[0].full)
        #expect(EmulatedBattery.all.count == 2)
    }
}

/// True where the compiler of ACPI tables is installed (Debian's acpica-tools).
private let hasCompiler = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
    Files.exists(FilePath(String($0)).appending("iasl"))
}

@Suite struct PowerTableTests {
    @Test(.enabled(if: hasCompiler, "there is no iasl in PATH"))
    func `the table compiles without a warning`() async throws {
        let work = try WorkDirectory()
        defer { work.remove() }
        let tools = EmulatorTools(root: "/") { command, _, _ in command }
        let path = try await PowerTable.table.compile(in: work.path, tools: tools, context: .live(progress: .none))
        // The header of a table begins with its signature and its length (ACPI 6.5, 5.2.6).
        let bytes = try Files.read(path)
        #expect(bytes.prefix(4) == Array("SSDT".utf8)[...] && bytes.count > 900)
        #expect(bytes[4..<8].reversed().reduce(0) { $0 << 8 | Int($1) } == bytes.count)
        #expect(bytes.reduce(0, &+) == 0)
    }

    @Test func `the table reads the latch by its fields and values`() {
        let source = PowerTable.source
        for field in PowerLatch.Field.allCases { #expect(source.contains("\(field.rawValue), \(field.bits),")) }
        for word in [
            "SystemIO, 0xe0, 4", "\"ACPI0003\"", "\"ACPI0013\"", "PNP0C0D", "{ 5 }", "\"EMU-48\"", "\"EMU-26\"",
            "Notify (BAT1, 0x81)", "Local2 = 60000",
        ] {
            #expect(source.contains(word), "\(word)")
        }
        #expect(source.split(separator: "\n").count { $0.contains("PNP0C0A") } == 2)
        // Only the first battery lies.
        #expect(source.split(separator: "\n").count { $0.contains("If (LLIE)") } == 1)
        #expect(source.count { $0 == "{" } == source.count { $0 == "}" })
    }

    @Test func `a table that does not compile is told with the compiler's words`() async throws {
        let work = try WorkDirectory()
        defer { work.remove() }
        // A compiler that likes nothing, and one that says it is done and is not.
        for (script, words) in [("echo 'power.asl 3: Error 6126'; exit 1", "Error 6126"), ("exit 0", "")] {
            let tools = EmulatorTools(root: "/tools") { command, _, _ in
                var shell = command
                shell.executable = "sh"
                shell.arguments = ["-c", script]
                return shell
            }
            let error = await #expect(throws: LapwingError.self) {
                try await PowerTable.table.compile(
                    in: work.path, tools: tools, context: .live(progress: .none))
            }
            #expect(error?.code == "check.acpi-table")
            #expect(words.isEmpty || error?.cause?.contains(words) == true)
        }
    }

    @Test func `the machine has the latch`() {
        var machine = Machine(
            architecture: .x86_64, firmware: nil, accelerator: .tcg, serial: .file("/run/console.log"))
        PowerMachine.change(&machine)
        machine.acpiTables = ["/run/power.aml"]
        let arguments = machine.arguments()
        #expect(arguments.contains("pc-testdev") && arguments.contains("file=/run/power.aml"))
    }
}

@Suite struct PowerViewTests {
    /// What a kernel that shows the machine as it is would answer.
    private func lines(_ latch: PowerLatch, _ eye: PowerView.Eye) -> [String] {
        let batteries = latch.batteries.indices.compactMap { slot -> String? in
            guard let expected = latch.expected(slot: slot, eye) else { return nil }
            return "BAT\(slot) type=Battery online=- "
                + expected.map { "\($0.field)=\($0.value)" }.joined(separator: " ")
        }
        return ["ADP1 type=Mains online=\(latch.online ? 1 : 0) status=-"] + batteries
    }

    private let two = PowerLatch(battery(80, charging: true), battery(40))

    @Test func `an answer that shows the machine as it is has no differences`() {
        var latch = two
        for online in [true, false] {
            latch.online = online
            for eye in [PowerView.Eye.machine, .guest] {
                #expect(PowerView(lines(latch, eye)).differences(from: latch, eye).isEmpty)
            }
        }
    }

    @Test func `every difference is named`() {
        let view = PowerView(lines(two, .guest))
        var other = two
        other.online = false
        other.batteries[0]?.percent = 79
        other.batteries[1] = nil
        let found = view.differences(from: other, .guest)
        #expect(found.contains("ADP1 says online=1") && found.contains("BAT1 is there"))
        #expect(found.contains("BAT0 says capacity=80, not 79"))
        #expect(found.contains("BAT0 says energy_now=38400000, not 37920000"))
        #expect(found.contains("BAT0 says status=Charging, not Discharging"))
        #expect(
            PowerView([]).differences(from: two, .guest) == [
                "there are no mains", "BAT0 is missing", "BAT1 is missing",
            ])
        let third = PowerView(lines(two, .guest) + ["BAT2 type=Battery"])
        #expect(third.differences(from: two, .guest) == ["BAT2 should not be there"])
    }

    @Test func `units, rates and states are the kernel's`() throws {
        var latch = two
        func field(_ slot: Int, _ name: String, _ eye: PowerView.Eye = .guest) throws -> String {
            let fields = try #require(latch.expected(slot: slot, eye))
            return fields.first { $0.field == name }?.value ?? "none"
        }
        #expect(try field(0, "energy_now") == "38400000" && field(0, "power_now") == "20000000")
        #expect(try field(0, "voltage_now") == "11800000" && field(0, "charge_now") == "none")
        #expect(try field(1, "charge_now") == "960000" && field(1, "charge_full") == "2400000")
        #expect(try field(1, "charge_full_design") == "2600000" && field(1, "current_now") == "0")
        #expect(try field(0, "status") == "Charging" && field(1, "status") == "Not_charging")
        latch.batteries[1]?.percent = 100
        #expect(try field(1, "status") == "Full")
        latch.online = false
        #expect(try field(0, "status") == "Discharging" && field(0, "power_now") == "9000000")
    }

    @Test func `of a battery that lies the machine shows the lie and a guest nothing that cannot be`() throws {
        var latch = two
        latch.online = false
        latch.lies = true
        let machine = PowerView(lines(latch, .machine)).batteries[0]
        #expect(machine["energy_now"] == "60000000" && machine["capacity"] == "125")
        #expect(machine["voltage_now"] == "0" && machine["power_now"] == "-")
        let guest = PowerView(lines(latch, .guest)).batteries[0]
        for unknown in ["energy_now", "capacity", "voltage_now", "power_now"] { #expect(guest[unknown] == "-") }
        #expect(guest["energy_full"] == "48000000" && guest["status"] == "Discharging")
        // A guest that believes the lie is noticed; an unknown rate is one to both.
        #expect(PowerView(lines(latch, .machine)).differences(from: latch, .guest).count == 3)
        // The other battery does not lie.
        #expect(PowerView(lines(latch, .guest)).batteries[1]["charge_now"] == "960000")
    }

    @Test func `noise in an answer is no supply`() {
        let view = PowerView(["", "BAT0", "BAT1 type=Battery =x a=b=c"])
        #expect(view.supplies.map(\.name) == ["BAT0", "BAT1"])
        #expect(view.batteries.map(\.name) == ["BAT1"] && view.batteries[0]["a"] == "b=c" && view.mains.isEmpty)
    }

    @Test func `what lapwingctl says is compared with the kernel by number and word`() throws {
        let view = PowerView(lines(two, .machine))
        func read(_ text: String) throws -> PowerWords {
            PowerWords(try JSONText.decode(JSONValue.self, from: Array(text.utf8), file: "test"))
        }
        func words(_ percent: Int, mains: Bool = true) throws -> PowerWords {
            try read(
                """
                {"schemaVersion": 1, "power": {"mains": \(mains), "batteries": [
                {"name": "BAT0", "state": "charging", "percent": \(percent), "remaining": 38400, "full": 48000,
                 "design": 48000, "millivolts": 11800, "cycles": 17, "model": "EMU-48"},
                {"name": "BAT1", "state": "not-charging", "percent": 40, "remaining": 960, "full": 2400,
                 "design": 2600, "millivolts": 7400, "cycles": 214, "model": "EMU-26"}]}}
                """)
        }
        #expect(try words(80).differences(from: view).isEmpty)
        #expect(try words(79).differences(from: view) == ["BAT0: percent is 79, not 80"])
        #expect(try words(80, mains: false).differences(from: view) == ["mains is false, not true"])
        #expect(try read("{\"x\": 1}").differences(from: view) == ["it names no batteries"])
        #expect(try read("{\"batteries\": []}").differences(from: view).count == 2)
    }

    @Test func `counts are read by name`() {
        #expect(BatteryGuests.counts(["irq9 12", "gpe0D 3", "x", "y z"]) == ["irq9": 12, "gpe0D": 3])
    }

    @Test func `the guests' definitions ask for the battery and keep to one processor`() {
        for name in BatteryGuests.names {
            let text = BatteryGuests.definition(name)
            #expect(text.contains("  \(name):\n") && text.contains("    battery: virtual\n"))
            #expect(text.contains("cpus: [\(WitnessGuest.cpu)]") && text.contains("type: hvm"))
        }
    }
}
