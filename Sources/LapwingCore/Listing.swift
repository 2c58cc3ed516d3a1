// SPDX-License-Identifier: Apache-2.0

/// How a listing is written to standard output.
public enum ListingFormat: String, Sendable, Codable, CaseIterable {
    /// Columns for people.
    case table
    /// JSON with sorted keys and a `schemaVersion`.
    case json
    /// The first column only, a line each.
    case quiet
}

/// The one renderer of every listing: rows for people, records for programs.
public struct Listing<Record: Encodable & Sendable>: Sendable {
    /// One column of the table.
    public struct Column: Sendable {
        /// The heading.
        public var title: String
        /// True to align to the right.
        public var right: Bool
        /// The cell of a record.
        public var cell: @Sendable (Record) -> String

        /// Describes a column.
        public init(_ title: String, right: Bool = false, _ cell: @escaping @Sendable (Record) -> String) {
            self.title = title
            self.right = right
            self.cell = cell
        }
    }

    /// The records, in order.
    public var records: [Record]
    /// The columns of the table.
    public var columns: [Column]
    /// The version of the records' JSON shape.
    public var schemaVersion: Int
    /// The name of the records' array in JSON.
    public var name: String

    /// Describes a listing.
    public init(_ name: String, _ records: [Record], schemaVersion: Int = 1, columns: [Column]) {
        self.name = name
        self.records = records
        self.schemaVersion = schemaVersion
        self.columns = columns
    }

    /// The text for standard output, its final newline included. An empty table has its heading; empty JSON is `[]`
    /// under the listing's name.
    public func render(_ format: ListingFormat) throws -> String {
        switch format {
        case .json:
            return try JSONText.string(Envelope(listing: self))
        case .quiet:
            return records.map { SafeText.printable(columns[0].cell($0)) + "\n" }.joined()
        case .table:
            let rows = records.map { record in columns.map { SafeText.printable($0.cell(record)) } }
            let widths = columns.indices.map { index in
                rows.reduce(columns[index].title.count) { max($0, $1[index].count) }
            }
            let lines = ([columns.map(\.title)] + rows).map { row in
                var line = row.indices.map { index in
                    let space = String(repeating: " ", count: widths[index] - row[index].count)
                    return columns[index].right ? space + row[index] : row[index] + space
                }.joined(separator: "  ")
                while line.hasSuffix(" ") { line.removeLast() }
                return line
            }
            return lines.joined(separator: "\n") + "\n"
        }
    }

    private struct Envelope: Encodable {
        let listing: Listing

        private struct Key: CodingKey {
            var stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(listing.schemaVersion, forKey: Key(stringValue: "schemaVersion"))
            try container.encode(listing.records, forKey: Key(stringValue: listing.name))
        }
    }
}
