// SPDX-License-Identifier: Apache-2.0

/// Names of files in the EFI system partition.
public enum BootNames {
    /// Directory of Type 2 boot files (Boot Loader Specification).
    public static let directory = "EFI/Linux"

    /// How often a new system is tried before the boot loader takes the other slot.
    public static let tries = 3

    /// The boot file of a slot with its counter, `EFI/Linux/lapwing-a+3.efi`; `tries` nil names a file that has proved
    /// itself (systemd's automatic boot assessment).
    public static func bootFile(_ slot: Slot, tries: Int? = BootNames.tries) -> String {
        "\(directory)/lapwing-\(slot.rawValue)\(tries.map { "+\($0)" } ?? "").efi"
    }

    /// Reads the name of a boot file: its slot, and how many tries are left and done; nil when it is none of ours.
    public static func parse(_ name: some StringProtocol) -> (slot: Slot, left: Int?, done: Int?)? {
        let file = String(name).split(separator: "/" as Character).last.map(String.init) ?? ""
        guard file.hasPrefix("lapwing-"), file.hasSuffix(".efi") else { return nil }
        let stem = file.dropFirst(8).dropLast(4)
        guard let slot = Slot(rawValue: String(stem.prefix(1))) else { return nil }
        let rest = stem.dropFirst()
        if rest.isEmpty { return (slot, nil, nil) }
        guard rest.first == "+" else { return nil }
        let counters = rest.dropFirst().split(separator: "-" as Character, omittingEmptySubsequences: false)
        guard (1...2).contains(counters.count),
            counters.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let left = Int(counters[0])
        else { return nil }
        if counters.count == 1 { return (slot, left, nil) }
        guard let done = Int(counters[1]) else { return nil }
        return (slot, left, done)
    }
}
