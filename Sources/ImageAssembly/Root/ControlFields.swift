// SPDX-License-Identifier: Apache-2.0

/// The fields of a binary package's control file (deb-control(5)): names without regard to case, values with their
/// continuation lines as they stand.
struct ControlFields: Equatable {
    private(set) var fields: [(name: String, value: String)] = []

    init(_ text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
            if line.first == " " || line.first == "\t" {
                if !fields.isEmpty { fields[fields.count - 1].value += "\n" + line }
            } else if let colon = line.firstIndex(of: ":") {
                let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
                fields.append((String(line[..<colon]), String(value)))
            }
        }
    }

    subscript(name: String) -> String? {
        fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// The names in a relation field, versions, alternatives and architecture qualifiers taken off.
    func names(in field: String) -> [String] {
        (self[field] ?? "").split(whereSeparator: { $0 == "," || $0 == "|" }).compactMap { relation in
            let name = relation.drop { $0.isWhitespace }.prefix {
                !$0.isWhitespace && $0 != "(" && $0 != ":" && $0 != "["
            }
            return name.isEmpty ? nil : String(name)
        }
    }

    static func == (a: ControlFields, b: ControlFields) -> Bool {
        a.fields.elementsEqual(b.fields) { $0.name == $1.name && $0.value == $1.value }
    }
}
