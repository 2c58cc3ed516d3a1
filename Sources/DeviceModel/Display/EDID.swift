// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// What a screen says of itself (VESA Enhanced EDID Standard, Release A Rev. 2). Its words are hostile like any device's.
public enum EDID {
    /// The most bytes that are looked at: 256 blocks of 128.
    public static let limit = 256 * 128

    /// Reads the base block; nil when it is none: too short, or without the eight bytes that begin it. A wrong checksum
    /// or missing extension blocks only set `damaged`.
    public static func parse(_ bytes: [UInt8]) -> DisplayIdentity? {
        guard bytes.count >= 128, Array(bytes[..<8]) == [0, 255, 255, 255, 255, 255, 255, 0] else { return nil }
        let sum = bytes[..<128].reduce(UInt8(0)) { $0 &+ $1 }
        var identity = DisplayIdentity(
            manufacturer: manufacturer(bytes[8], bytes[9]),
            product: Hex16(UInt16(bytes[11]) << 8 | UInt16(bytes[10])))
        identity.damaged = sum != 0 || bytes.count < (Int(bytes[126]) + 1) * 128
        // 255 marks a model year; years count from 1990 and 0 is 1990 only with a week.
        if bytes[17] != 0 || bytes[16] != 0 { identity.year = 1990 + Int(bytes[17]) }
        // Centimetres; either zero means an aspect ratio, or nothing.
        if bytes[21] != 0, bytes[22] != 0 {
            identity.widthMillimetres = Int(bytes[21]) * 10
            identity.heightMillimetres = Int(bytes[22]) * 10
        }
        let number = bytes[12..<16].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        if number != 0 { identity.serial = String(number) }
        for start in stride(from: 54, through: 108, by: 18) { describe(Array(bytes[start..<(start + 18)]), &identity) }
        return identity
    }

    /// Three letters of five bits each, 1 for A; what is no letter becomes `?`.
    private static func manufacturer(_ high: UInt8, _ low: UInt8) -> String {
        let value = UInt16(high) << 8 | UInt16(low)
        return [10, 5, 0].map { shift in
            let letter = value >> UInt16(shift) & 0x1F
            return (1...26).contains(letter) ? String(UnicodeScalar(UInt8(letter) + 64)) : "?"
        }.joined()
    }

    /// One of the four descriptors: a timing, or a text behind a tag.
    private static func describe(_ block: [UInt8], _ identity: inout DisplayIdentity) {
        if block[0] == 0, block[1] == 0 {
            let text = DeviceText.clean(bytes: block[5...].prefix { $0 != 0x0A && $0 != 0 })
            switch block[3] {
            case 0xFC: identity.name = text ?? identity.name
            case 0xFF: identity.serial = text ?? identity.serial
            default: break
            }
        } else if identity.preferred == nil {
            identity.preferred = timing(block, &identity)
        }
    }

    /// A detailed timing: pixel clock in 10 kHz, then active and blanking parts of both directions in 12 bits, then the
    /// picture's size in millimetres.
    private static func timing(_ block: [UInt8], _ identity: inout DisplayIdentity) -> DisplayMode? {
        func twelve(_ low: Int, _ high: Int, _ shift: UInt8) -> Int {
            Int(block[low]) | (Int(block[high] >> shift) & 0xF) << 8
        }
        let clock = (Int(block[1]) << 8 | Int(block[0])) * 10_000
        let (width, height) = (twelve(2, 4, 4), twelve(5, 7, 4))
        guard width > 0, height > 0 else { return nil }
        let total = (width + twelve(3, 4, 0)) * (height + twelve(6, 7, 0))
        let (across, down) = (twelve(12, 14, 4), twelve(13, 14, 0))
        if across > 0, down > 0 { (identity.widthMillimetres, identity.heightMillimetres) = (across, down) }
        let interlaced = block[17] & 0x80 != 0
        return DisplayMode(
            width: width, height: interlaced ? height * 2 : height,
            millihertz: clock > 0 ? (clock * 1000 + total / 2) / total : nil)
    }
}
