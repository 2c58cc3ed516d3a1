// SPDX-License-Identifier: Apache-2.0

/// Bytes with the parts they are made of.
public struct SizeNode: Sendable, Hashable, Codable {
    /// What the bytes are.
    public var name: String
    /// How many, those of the parts included.
    public var bytes: Int64
    /// The parts, the largest first.
    public var children: [SizeNode]

    /// Describes bytes; the parts are sorted here.
    public init(_ name: String, bytes: Int64, children: [SizeNode] = []) {
        self.name = name
        self.bytes = bytes
        self.children = children.sorted { ($1.bytes, $0.name) < ($0.bytes, $1.name) }
    }

    /// Adds sizes up by directory, `depth` levels deep.
    public static func tree(_ files: [(path: String, bytes: Int64)], depth: Int, name: String = "/") -> SizeNode {
        node(name, files.map { (Substring($0.path), $0.bytes) }, depth)
    }

    private static func node(_ name: String, _ files: [(path: Substring, bytes: Int64)], _ depth: Int) -> SizeNode {
        let total = files.reduce(0) { $0 + $1.bytes }
        guard depth > 0 else { return SizeNode(name, bytes: total) }
        var groups: [Substring: [(path: Substring, bytes: Int64)]] = [:]
        for file in files where file.bytes > 0 {
            let first = file.path.prefix { $0 != "/" }
            groups[first, default: []].append((file.path.dropFirst(first.count + 1), file.bytes))
        }
        groups[""] = nil
        return SizeNode(
            name, bytes: total, children: groups.map { node(String($0.key), $0.value, depth - 1) })
    }

    /// The same with a part that is most of the whole, such as `usr`, replaced by its own parts, so that a picture of
    /// it has more than one colour.
    func opened() -> SizeNode {
        guard let first = children.first, !first.children.isEmpty, first.bytes * 10 > bytes * 6 else { return self }
        let parts = first.children.map { SizeNode(first.name + "/" + $0.name, bytes: $0.bytes, children: $0.children) }
        return SizeNode(name, bytes: bytes, children: parts + children.dropFirst()).opened()
    }

    /// The same with all parts below `share` of the whole gathered into one, and at most `limit` parts on a level.
    public func gathered(share: Double, limit: Int) -> SizeNode {
        gathered(least: Int64(Double(bytes) * share), limit)
    }

    private func gathered(least: Int64, _ limit: Int) -> SizeNode {
        let kept = children.prefix(limit).filter { $0.bytes >= least && $0.bytes > 0 }
        let rest = children.dropFirst(kept.count)
        var parts = kept.map { $0.gathered(least: least, limit) }
        let bytes = rest.reduce(0) { $0 + $1.bytes }
        if bytes > 0 && !parts.isEmpty { parts.append(SizeNode("\(rest.count) others", bytes: bytes)) }
        var result = self
        result.children = parts
        return result
    }
}

/// A rectangle of a picture.
struct Box: Hashable {
    var x: Double
    var y: Double
    var width: Double
    var height: Double

    var area: Double { width * height }

    func inset(_ by: Double, top: Double) -> Box {
        Box(x: x + by, y: y + top, width: max(0, width - 2 * by), height: max(0, height - top - by))
    }
}

/// Divides a rectangle into parts of given areas that are as square as may be (Bruls, Huizing, van Wijk: "Squarified
/// Treemaps", 2000).
enum Treemap {
    /// The boxes of the given weights, in the order given; the result is tidy when they fall. Weights of zero or less
    /// get empty boxes.
    static func layout(_ weights: [Double], in box: Box) -> [Box] {
        let total = weights.reduce(0) { $0 + max(0, $1) }
        guard total > 0, box.area > 0 else { return weights.map { _ in Box(x: box.x, y: box.y, width: 0, height: 0) } }
        let areas = weights.map { max(0, $0) * box.area / total }
        var result: [Box] = []
        var free = box
        var index = 0
        while index < areas.count {
            let side = min(free.width, free.height)
            var end = index + 1
            while end < areas.count, worst(areas[index...end], side) <= worst(areas[index..<end], side) { end += 1 }
            let row = areas[index..<end]
            result += place(row, in: &free)
            index = end
        }
        return result
    }

    /// The worst ratio of the sides in a row along `side`.
    private static func worst(_ row: ArraySlice<Double>, _ side: Double) -> Double {
        let sum = row.reduce(0, +)
        guard let least = row.min(), let most = row.max(), least > 0, side > 0 else { return .infinity }
        return max(side * side * most / (sum * sum), sum * sum / (side * side * least))
    }

    private static func place(_ row: ArraySlice<Double>, in free: inout Box) -> [Box] {
        let sum = row.reduce(0, +)
        let wide = free.width >= free.height
        let side = wide ? free.height : free.width
        let thickness = side > 0 ? sum / side : 0
        var at = wide ? free.y : free.x
        let boxes = row.map { area in
            let length = thickness > 0 ? area / thickness : 0
            defer { at += length }
            return wide
                ? Box(x: free.x, y: at, width: thickness, height: length)
                : Box(x: at, y: free.y, width: length, height: thickness)
        }
        if wide {
            free.x += thickness
            free.width = max(0, free.width - thickness)
        } else {
            free.y += thickness
            free.height = max(0, free.height - thickness)
        }
        return boxes
    }
}
