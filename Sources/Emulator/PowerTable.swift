// SPDX-License-Identifier: Apache-2.0

/// The ACPI table of the emulated machine's power (ACPI 6.5, chapter 10 and sections 5.6.9 and 9.4): AC adapter, two
/// control-method batteries and a lid, which read the latch each time they are asked, and a device that tells the system
/// to ask when the interrupt comes.
enum PowerTable {
    /// The table, to be compiled.
    static let table = ACPITable(name: "power", source: source)

    private static let head = """
        DefinitionBlock ("", "SSDT", 2, "LAPWNG", "CHECKPWR", 0x00000001)
        {
            Scope (\\_SB)
            {
                OperationRegion (LTCH, SystemIO, 0x\(String(PowerLatch.port, radix: 16)), 4)
                Field (LTCH, DWordAcc, NoLock, Preserve)
                {
        \(PowerLatch.Field.allCases.map { "            \($0.rawValue), \($0.bits)," }.joined(separator: "\n"))
                }

                Device (ADP1)
                {
                    Name (_HID, "ACPI0003")
                    Name (_PCL, Package () { \\_SB })
                    Method (_PSR, 0, NotSerialized) { Return (LONL) }
                }

                Device (LID0)
                {
                    Name (_HID, EisaId ("PNP0C0D"))
                    Method (_LID, 0, NotSerialized)
                    {
                        If (LLID) { Return (Zero) }
                        Return (One)
                    }
                }

        """

    /// An empty bay stays a device, without the bit that says that there is a battery (ACPI 6.5, 6.3.7 and 10.2).
    private static func battery(_ slot: Int, _ battery: EmulatedBattery) -> String {
        let unit = battery.countsCurrent ? 1 : 0
        let texts =
            "\"\(battery.model)\", \"\(battery.serial)\", \"\(EmulatedBattery.chemistry)\", \"\(EmulatedBattery.maker)\""
        let (warning, low) = (battery.full / 20, battery.full / 50)
        let lie =
            slot == 0
            ? """
                            If (LLIE)
                            {
                                Local1 = 0xFFFFFFFF
                                Local2 = \(battery.lie)
                                Local3 = Zero
                            }

            """ : ""
        return """
                    Device (BAT\(slot))
                    {
                        Name (_HID, EisaId ("PNP0C0A"))
                        Name (_UID, \(slot))
                        Name (_PCL, Package () { \\_SB })
                        Name (BST, Package () { Zero, Zero, Zero, Zero })
                        Method (_STA, 0, NotSerialized)
                        {
                            If (L\(slot)PR) { Return (0x1F) }
                            Return (0x0F)
                        }
                        Method (_BIF, 0, NotSerialized)
                        {
                            Return (Package () {
                                \(unit), \(battery.design), \(battery.full), One, \(battery.designVoltage),
                                \(warning), \(low), One, One, \(texts)
                            })
                        }
                        Method (_BIX, 0, NotSerialized)
                        {
                            Return (Package () {
                                0, \(unit), \(battery.design), \(battery.full), One, \(battery.designVoltage),
                                \(warning), \(low), \(battery.cycles), 95000, 0xFFFFFFFF, 0xFFFFFFFF, 1000, 500,
                                One, One, \(texts)
                            })
                        }
                        Method (_BST, 0, Serialized)
                        {
                            Local0 = Zero
                            Local1 = Zero
                            If (LONL)
                            {
                                If (L\(slot)CH)
                                {
                                    Local0 = 2
                                    Local1 = \(battery.chargeRate)
                                }
                            }
                            Else
                            {
                                Local0 = One
                                Local1 = \(battery.dischargeRate)
                            }
                            Local2 = L\(slot)PC * \(battery.full / 100)
                            Local3 = L\(slot)PC * 10 + \(battery.emptyVoltage)
            \(lie)                BST [0] = Local0
                            BST [1] = Local1
                            BST [2] = Local2
                            BST [3] = Local3
                            Return (BST)
                        }
                    }

            """
    }

    /// A lid is told of only when it moved: Linux takes a second "closed" for a lid that forgot to say "open", and says so
    /// for it (drivers/acpi/button.c).
    private static let tail = """
                Device (GED0)
                {
                    Name (_HID, "ACPI0013")
                    Name (_CRS, ResourceTemplate ()
                    {
                        Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { \(PowerLatch.interrupt) }
                    })
                    Name (OLID, Zero)
                    Name (O0PR, Zero)
                    Name (O1PR, Zero)
                    Method (_INI, 0, NotSerialized)
                    {
                        OLID = LLID
                        O0PR = L0PR
                        O1PR = L1PR
                    }
                    Method (_EVT, 1, Serialized)
                    {
                        Notify (ADP1, 0x80)
        \([0, 1].map(tell).joined(separator: "\n"))
                        If (OLID != LLID)
                        {
                            OLID = LLID
                            Notify (LID0, 0x80)
                        }
                    }
                }
            }
        }

        """

    private static func tell(_ slot: Int) -> String {
        """
                        If (O\(slot)PR != L\(slot)PR)
                        {
                            O\(slot)PR = L\(slot)PR
                            Notify (BAT\(slot), 0x81)
                        }
                        Else
                        {
                            Notify (BAT\(slot), 0x80)
                        }
        """
    }

    /// The table in ACPI's source language.
    static let source =
        head + EmulatedBattery.all.enumerated().map { battery($0.offset, $0.element) }.joined() + tail
}
