// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import Recipes

/// The sizes a budget limits; nil for what the build does not make.
public struct MeasuredSizes: Sendable, Hashable {
    /// The root file system without its hash tree, in bytes.
    public var root: UInt64?
    /// The initial RAM disk, in bytes.
    public var initrd: UInt64?
    /// The raw disk image, in bytes; holes count.
    public var disk: UInt64?
    /// The ISO image, in bytes.
    public var iso: UInt64?
    /// The number of packages in the root.
    public var packages: Int?

    /// Describes sizes.
    public init(
        root: UInt64? = nil, initrd: UInt64? = nil, disk: UInt64? = nil, iso: UInt64? = nil, packages: Int? = nil
    ) {
        self.root = root
        self.initrd = initrd
        self.disk = disk
        self.iso = iso
        self.packages = packages
    }
}

/// Holds a build against the recipe's limits.
public enum BudgetCheck {
    /// Every limit that is passed, as an error with the limit, the actual size and by how much it is passed.
    public static func violations(_ budget: Budget, _ sizes: MeasuredSizes) -> [LapwingError] {
        let limits: [(String, String, ByteSize?, UInt64?)] = [
            ("root", "The root file system", budget.root, sizes.root),
            ("initrd", "The initial RAM disk", budget.initrd, sizes.initrd),
            ("disk", "The raw disk image", budget.disk, sizes.disk),
            ("iso", "The ISO image", budget.iso, sizes.iso),
        ]
        var errors = limits.compactMap { key, what, limit, actual -> LapwingError? in
            guard let limit, let actual, actual > limit.bytes else { return nil }
            return error(
                key, "\(what) is larger than the recipe allows.",
                "\(ByteSize(bytes: actual)) (\(actual) bytes), the limit is \(limit) (\(limit.bytes) bytes), "
                    + "\(ByteSize(bytes: actual - limit.bytes)) too much")
        }
        if let limit = budget.packages, let actual = sizes.packages, actual > limit {
            errors.append(
                error(
                    "packages", "The root has more packages than the recipe allows.",
                    "\(actual), the limit is \(limit), \(actual - limit) too many"))
        }
        return errors
    }

    /// Throws all violations at once, as `LapwingErrors`.
    public static func check(_ budget: Budget, _ sizes: MeasuredSizes) throws {
        let errors = violations(budget, sizes)
        if !errors.isEmpty { throw LapwingErrors(errors) }
    }

    private static func error(_ key: String, _ message: String, _ cause: String) -> LapwingError {
        LapwingError(
            "budget." + key, message, subject: "budget.\(key)", cause: cause,
            hint: "See the report for what takes the room, or raise budget.\(key) in the recipe.")
    }
}
