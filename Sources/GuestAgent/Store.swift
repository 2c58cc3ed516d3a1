// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The XenStore as a guest sees it, through its kernel's `/dev/xen/xenbus`.
enum Store {
    /// XS_READ (xen/include/public/io/xs_wire.h).
    private static let readKind: UInt32 = 2

    /// The request for a value: a header of four little numbers, then the path with a zero byte at its end. A path that
    /// does not begin with a slash is below the guest's own part.
    static func request(_ path: String) -> [UInt8] {
        let content = Array(path.utf8) + [0]
        return [readKind, 1, 0, UInt32(content.count)].flatMap { number in
            (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        } + content
    }

    /// The value of an entry.
    static func value(_ path: String) -> Result<String, Failure> {
        let device = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC)
        guard device >= 0 else { return .failure(Failure("/dev/xen/xenbus: \(Failure.text(errno))")) }
        defer { close(device) }
        let bytes = request(path)
        guard write(device, bytes, bytes.count) == bytes.count else {
            return .failure(Failure("it takes no request: \(Failure.text(errno))"))
        }
        guard let head = take(16, device) else { return .failure(Failure("it does not answer")) }
        func number(_ index: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(head[index * 4 + $1]) << UInt32(8 * $1) }
        }
        guard number(3) <= 4096, let content = take(Int(number(3)), device) else {
            return .failure(Failure("its answer is cut short"))
        }
        let text = String(decoding: content.prefix { $0 != 0 }, as: UTF8.self)
        return number(0) == readKind ? .success(text) : .failure(Failure(text))
    }

    private static func take(_ count: Int, _ device: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var chunk = [UInt8](repeating: 0, count: count - bytes.count)
            let got = read(device, &chunk, chunk.count)
            guard got > 0 else { return nil }
            bytes += chunk[..<got]
        }
        return bytes
    }
}
