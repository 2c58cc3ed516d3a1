// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A guest that tells what it sees: what it needs, and how it is asked.
enum WitnessGuest {
    /// Drivers for what the emulator can give a guest, beside what the kernel has built in.
    static let drivers = [
        "xhci_pci", "usb_storage", "uas", "sd_mod", "usbhid", "hid_generic", "e1000e", "nvme", "bochs",
    ]

    /// The CPU such guests run on. Under emulation it must not be CPU 0, whose flags other CPUs write to without a lock
    /// (decision 0732).
    static let cpu = 1

    /// The definition of a domain that is such a guest, made of what `prepareWitness` puts there.
    static func definition(_ name: String, type: String, mebibytes: Int, _ more: String = "") -> String {
        """
        domains:
          \(name):
            type: \(type)
            memory: \(mebibytes) MiB
            vcpus: 1
            cpus: [\(cpu)]
            kernel: \(DomainScenarios.directory)/vmlinuz
            ramdisk: \(DomainScenarios.directory)/witness.cpio
            cmdline: console=hvc0 quiet panic=1 SWIFT_ROOT=/ lapwing.witness
        \(more)
        """
    }

    /// A shell script for dom0 that writes a cpio archive ("newc") with the drivers and all they need below `modules`, in
    /// the order they can be loaded, as `modprobe` finds it in `modules.dep`. The archive stands behind the one with the
    /// agent; the kernel unpacks both. Modules stay compressed: the kernel that loads them decompresses them itself.
    /// Programs of dom0 go along, below `programs`.
    static func moduleScript(_ drivers: [String], programs: [String] = [], archive: String) -> String {
        """
        exec 3>\(archive)
        entry() { # NAME MODE SIZE
          printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\\0' \\
            0 "$2" 0 0 1 0 "$3" 0 0 0 0 $((${#1} + 1)) 0 "$1" >&3
          pad $((110 + ${#1} + 1))
        }
        pad() { case $(($1 % 4)) in 1) printf '\\0\\0\\0' ;; 2) printf '\\0\\0' ;; 3) printf '\\0' ;; esac >&3; }
        entry modules $((0040755)) 0
        number=100 seen=' '
        for driver in \(drivers.joined(separator: " ")); do
          for file in $(modprobe --show-depends "$driver" | sed -n 's/^insmod \\([^ ]*\\).*/\\1/p'); do
            case $seen in *" $file "*) continue ;; esac
            seen="$seen$file "
            number=$((number + 1))
            size=$(stat --dereference --format=%s "$file")
            entry "modules/$number-${file##*/}" $((0100644)) "$size"
            cat "$file" >&3
            pad "$size"
          done
        done
        entry programs $((0040755)) 0
        for file in \(programs.joined(separator: " ")); do
          size=$(stat --dereference --format=%s "$file")
          entry "programs/${file##*/}" $((0100755)) "$size"
          cat "$file" >&3
          pad "$size"
        done
        entry 'TRAILER!!!' 0 0
        [ "$number" -gt 100 ]
        """
    }

    /// The answers in what a guest's console showed since it was asked, nil as long as they are not complete; an error
    /// when the guest could not do what it was asked.
    static func answers(_ text: String, id: UInt32) throws -> [String]? {
        let lines = text.split(whereSeparator: \.isNewline).map(String.init)
        guard let end = lines.first(where: { $0.hasPrefix("done \(id) ") }) else { return nil }
        guard end == "done \(id) ok" else {
            throw CheckFailure.error("The guest could not do what it was asked.", seen: end)
        }
        let mark = "answer \(id) "
        return lines.filter { $0.hasPrefix(mark) }.map { String($0.dropFirst(mark.count)) }
    }

    /// The sum a guest, or the agent in dom0, says of bytes (FNV-1a of 64 bits), made here of the file behind its disk.
    static func sum(_ bytes: some Sequence<UInt8>) -> String {
        var sum: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(sum, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

extension Guest {
    /// Asks a witness a question and returns its answers. The guest's console is read from the moment of the question. The
    /// shell the agent starts leads a session: would it open the console itself, that became the session's terminal, and
    /// would be hung up with it.
    func ask(_ name: String, _ question: String, within limit: Duration = .seconds(120)) async throws -> [String] {
        let id = UInt32.random(in: 1 ... .max)
        let seconds = limit.components.seconds
        let outcome = try await exec(
            [
                "sh", "-c",
                """
                tty=$(xenstore-read /local/domain/$(xl domid \(name))/console/tty) || exit
                timeout \(seconds) sh -c '
                  exec 3<>"$1"
                  echo "ask \(id) \(question)" >&3
                  sed -u "/^done \(id) /q" <&3' sh "$tty"
                """,
            ], timeout: limit + .seconds(20))
        guard let answers = try WitnessGuest.answers(outcome.text, id: id) else {
            throw CheckFailure.error(
                "The guest \(name) did not answer \"\(question)\" in \(seconds) s.",
                seen: outcome.text + outcome.errorText)
        }
        return answers
    }

    /// Asks a witness until an answer has all the words in it, and returns the lines.
    func wait(
        _ name: String, sees words: [String], in question: String, within limit: Duration = .seconds(120)
    ) async throws -> String {
        let clock = ContinuousClock()
        let end = clock.now + limit
        var seen = ""
        while clock.now < end {
            let lines = try await ask(name, question)
            if let line = lines.first(where: { line in words.allSatisfy { line.contains($0) } }) { return line }
            seen = lines.joined(separator: "\n")
            try await Task.sleep(for: .seconds(1))
        }
        throw CheckFailure.error(
            "The guest \(name) must see \(words.joined(separator: " ")) (\(question)) in \(limit.components.seconds) s.",
            seen: seen)
    }
}
