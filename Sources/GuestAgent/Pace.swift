// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How many times as seldom as usual the work of a guest comes, the same for all its processes: it stands in memory they
/// share.
struct Pace {
    private let shared: UnsafeMutablePointer<UInt64>

    /// The greatest factor that is taken.
    static let most: UInt64 = 100

    /// Makes the memory, with the factor 1; nil when the kernel gives none. Whoever is forked afterwards sees what is set.
    init?() {
        let size = MemoryLayout<UInt64>.size
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { return nil }
        shared = memory.bindMemory(to: UInt64.self, capacity: 1)
        shared.pointee = 1
    }

    /// The factor, 1 to 100.
    var factor: UInt64 { shared.pointee }

    /// Takes a line; anything but `pace N` with a factor in bounds changes nothing.
    func take(_ line: some StringProtocol) {
        guard line.hasPrefix("pace "), let wanted = UInt64(line.dropFirst(5)), (1...Self.most).contains(wanted) else {
            return
        }
        shared.pointee = wanted
    }

    /// Takes lines from a terminal for ever.
    func listen(_ path: String) -> Never {
        while true {
            let terminal = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC)
            var bytes = [UInt8](repeating: 0, count: 256)
            while terminal >= 0 {
                let count = read(terminal, &bytes, bytes.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                // A terminal hands out whole lines.
                for line in bytes[..<count].split(separator: UInt8(ascii: "\n")) {
                    take(String(decoding: line, as: UTF8.self))
                }
            }
            if terminal >= 0 { close(terminal) }
            sleep(1)
        }
    }
}
