// SPDX-License-Identifier: Apache-2.0

// Whoever reads or writes simulated traces needs the records' type as well.
@_exported public import XenTrace
