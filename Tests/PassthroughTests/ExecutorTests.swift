// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import DevicePolicy
import LapwingCore
import SystemPackage
import Testing

@testable import Passthrough

@Suite struct ExecutorTests {
    static let mishaps: [Mishap] = [.refuses, .lies, .boasts, .killedBefore, .killedAfter, .pulled, .guestDies]

    /// Requests with the states they start from.
    private func cases() throws -> [(MachineState, PassthroughRequest)] {
        let fresh = try Samples.laptop()
        let (stick, display, network) = (
            fresh.inventory.usb[0].id, try Samples.display(fresh), try Samples.network(fresh)
        )
        var given = fresh
        given.domains[0].usb = [stick]
        given.domains[1].pci = [network]
        given.assignments = [
            Assignment(device: stick, domain: "work"), Assignment(device: network, domain: "net", required: true),
        ]
        return [
            (fresh, PassthroughRequest(.attach, stick, domain: "work")),
            (fresh, PassthroughRequest(.assign, stick, domain: "work")),
            (fresh, PassthroughRequest(.assign, stick, domain: "off")),
            (fresh, PassthroughRequest(.attach, display, domain: "work")),
            (fresh, PassthroughRequest(.assign, network, domain: "net", required: true)),
            (fresh, PassthroughRequest(.assign, network, domain: "off")),
            (fresh, PassthroughRequest(.eject, stick)),
            (given, PassthroughRequest(.detach, stick)),
            (given, PassthroughRequest(.unassign, stick)),
            (given, PassthroughRequest(.detach, network)),
            (given, PassthroughRequest(.unassign, network)),
            (given, PassthroughRequest(.eject, stick)),
        ]
    }

    private func executor(_ machine: SimulatedMachine, _ journal: MemoryJournal) -> Executor {
        Executor(machine: machine, journal: journal, looks: 2, pause: {})
    }

    /// Never in two places, never lost: what is there is in exactly one of dom0, back end, or one domain.
    private func placed(_ state: MachineState, _ note: String) {
        for device in state.inventory.devices {
            let owners = state.domains.filter { $0.holds(device.id) }.count
            let released = state.released.filter { $0 == device.id }.count
            #expect(owners + released <= 1, "\(note): \(device.id) is in \(owners + released) places")
        }
        let recorded = state.assignments.map(\.device)
        #expect(Set(recorded).count == recorded.count, "\(note): assigned twice")
    }

    /// What matters of a state; who runs does not, since a guest may have died.
    private func where_(_ state: MachineState) -> String {
        let owners = state.inventory.devices.map { device in
            let place = state.owner(of: device.id)?.name ?? (state.released.contains(device.id) ? "released" : "dom0")
            return "\(device.id) \(place)"
        }
        let records = state.assignments.sorted().map { "\($0.device) \($0.domain) \($0.required)" }
        return (owners.sorted() + records).joined(separator: "\n")
    }

    @Test func `each request ends as it says when nothing goes wrong, and a second time does nothing`() async throws {
        for (state, request) in try cases() {
            let machine = SimulatedMachine(state)
            let journal = MemoryJournal(machine)
            let outcome = try await executor(machine, journal).run(request)
            #expect(outcome.succeeded && !outcome.done.isEmpty, "\(request)")
            #expect(try journal.read() == nil)
            placed(machine.now, "\(request)")
            let after = machine.now
            if request.verb != .eject {
                let again = try await executor(machine, journal).run(request)
                #expect(again.succeeded && again.done.isEmpty, "\(request)")
            }
            #expect(machine.now == after)
        }
    }

    @Test(arguments: mishaps)
    func `whatever goes wrong at whatever step, the machine is as before or as wanted`(_ what: Mishap) async throws {
        for (state, request) in try cases() {
            let clean = SimulatedMachine(state)
            _ = try await executor(clean, MemoryJournal(clean)).run(request)
            let steps = clean.performed.count
            for step in 0..<steps {
                let note = "\(request.verb) \(request.device) step \(step) \(what)"
                let machine = SimulatedMachine(state, mishap: (step, what))
                let journal = MemoryJournal(machine)
                let outcome = try? await executor(machine, journal).run(request)
                if machine.dead {
                    machine.revive()
                    let recovered = try await executor(machine, journal).recover()
                    #expect(recovered != nil, "\(note): nothing was found to recover")
                    #expect(recovered?.left.isEmpty == true, "\(note): \(recovered?.left ?? [])")
                } else if what != .boasts || !clean.performed[step].isMomentary {
                    let failed = try #require(outcome, "\(note): threw")
                    let harmless = what == .lies || what == .guestDies || what == .pulled
                    #expect(!failed.succeeded || harmless, "\(note): went well")
                }
                placed(machine.now, note)
                if what == .pulled || what == .guestDies { continue }
                #expect(
                    where_(machine.now) == where_(state) || where_(machine.now) == where_(clean.now),
                    "\(note): neither as before nor as wanted:\n\(where_(machine.now))")
                #expect(try journal.read() == nil, "\(note): the journal stays")
            }
        }
    }

    @Test func `a dead guest leaves nothing of the transaction behind`() async throws {
        let state = try Samples.laptop()
        let display = try Samples.display(state)
        for step in 0..<6 {
            let machine = SimulatedMachine(state, mishap: (step, .guestDies))
            let outcome = try await executor(machine, MemoryJournal(machine)).run(
                PassthroughRequest(.attach, display, domain: "work"))
            #expect(!outcome.succeeded)
            #expect(where_(machine.now) == where_(state), "step \(step)")
            #expect(outcome.left.isEmpty, "step \(step)")
        }
    }

    @Test func `what could not be restored is named, and tried again later`() async throws {
        let state = try Samples.laptop()
        let display = try Samples.display(state)
        // The second release fails; so does giving back the first.
        let machine = SimulatedMachine(state, mishap: (1, .refuses))
        let stubborn = StubbornMachine(machine, refusing: .reclaim(display))
        let journal = MemoryJournal(machine)
        let first = Executor(machine: stubborn, journal: journal, looks: 1, pause: {})
        let outcome = try await first.run(PassthroughRequest(.attach, display, domain: "work"))
        #expect(outcome.left.map(\.action) == [.reclaim(display)])
        #expect(outcome.error?.code == "passthrough.not-restored")
        #expect(outcome.error?.cause?.contains("NOT restored: give \(display) back") == true)
        #expect(try journal.read() != nil)
        let second = try await executor(machine, journal).recover()
        #expect(second?.restored == [.reclaim(display)])
        #expect(where_(machine.now) == where_(state))
        #expect(try journal.read() == nil)
    }

    @Test func `two clients at once are served one after the other`() async throws {
        let state = try Samples.laptop()
        let stick = state.inventory.usb[0].id
        for _ in 0..<20 {
            let machine = SimulatedMachine(state)
            let one = executor(machine, MemoryJournal(machine))
            let results = await withTaskGroup(of: Bool.self) { group in
                for name in ["work", "net"] {
                    group.addTask {
                        let request = PassthroughRequest(.attach, stick, domain: name)
                        return (try? await one.run(request))?.succeeded == true
                    }
                }
                var results: [Bool] = []
                for await result in group { results.append(result) }
                return results
            }
            #expect(results.filter { $0 }.count == 1, "exactly one gets the stick")
            placed(machine.now, "two clients")
        }
    }

    @Test func `a look at the plan can stop it before anything is done`() async throws {
        let state = try Samples.laptop()
        let machine = SimulatedMachine(state)
        let request = PassthroughRequest(.attach, state.inventory.usb[0].id, domain: "work")
        await #expect(throws: LapwingError.self) {
            try await executor(machine, MemoryJournal(machine)).run(request) { plan in
                #expect(plan.steps.count == 1)
                throw LapwingError("stopped", "Stopped.")
            }
        }
        #expect(machine.performed.isEmpty && machine.now == state)
    }
}

/// Refuses one action, whatever else it is told.
private struct StubbornMachine: PassthroughMachine {
    let machine: SimulatedMachine
    let refused: DeviceAction

    init(_ machine: SimulatedMachine, refusing action: DeviceAction) {
        self.machine = machine
        refused = action
    }

    func state() async throws -> MachineState { try await machine.state() }
    func holds(_ action: DeviceAction) async throws -> Bool { try await machine.holds(action) }
    func perform(_ action: DeviceAction) async throws {
        if action == refused { throw LapwingError("xl.failed", "xl failed.") }
        try await machine.perform(action)
    }
}

@Suite struct JournalTests {
    private let place: FilePath
    init() throws {
        place = FilePath("/tmp/lapwing-journal-\(UInt64.random(in: 0 ... .max))")
        try Files.makeDirectory(place)
    }

    @Test func `assignments are kept, replaced and ended`() throws {
        defer { try? Files.removeTree(place) }
        let store = AssignmentStore(path: place.appending("assignments.json"))
        #expect(try store.read().isEmpty)
        let stick = try Samples.id("usb-0000.00-14.0-u2-1~0781.5581")
        try store.add(Assignment(device: stick, domain: "work"))
        try store.add(Assignment(device: stick, domain: "net", required: true))
        #expect(try store.read() == [Assignment(device: stick, domain: "net", required: true)])
        try store.remove(Assignment(device: stick, domain: "net"))
        #expect(try store.read().isEmpty)
    }

    @Test(arguments: [
        "", "{", "{\"schemaVersion\": 2, \"assignments\": []}", "[]",
        "{\"schemaVersion\": 1, \"assignments\": [{\"device\": \"nonsense\", \"domain\": \"a\", \"required\": false, \"exceptions\": []}]}",
    ])
    func `a broken list of assignments gives nothing away and is not written over`(_ text: String) throws {
        defer { try? Files.removeTree(place) }
        let file = place.appending("assignments.json")
        try Files.write(text, to: file)
        let store = AssignmentStore(path: file)
        #expect(throws: LapwingError.self) { try store.read() }
        let stick = try Samples.id("usb-0000.00-14.0-u2-1~0781.5581")
        #expect(throws: LapwingError.self) { try store.add(Assignment(device: stick, domain: "work")) }
        #expect(try Files.text(file) == text)
    }

    @Test func `a journal comes back as it was, and a broken one is set aside`() throws {
        defer { try? Files.removeTree(place) }
        let state = try Samples.laptop()
        let plan = try Planner(state).plan(
            PassthroughRequest(.attach, try Samples.display(state), domain: "work"))
        let journal = FileJournal(path: place.appending("journal.json"))
        #expect(try journal.read() == nil)
        let entry = JournalEntry(plan: plan, begun: 2, before: [0], undoing: true)
        try journal.write(entry)
        #expect(try journal.read() == entry)
        try journal.clear()
        #expect(try journal.read() == nil)
        try journal.write(JournalEntry(plan: plan, begun: 99))
        let error = #expect(throws: LapwingError.self) { try journal.read() }
        #expect(error?.code == "passthrough.bad-journal")
        #expect(try journal.read() == nil)
        #expect(Files.exists(place.appending("journal.json.damaged")))
    }
}
