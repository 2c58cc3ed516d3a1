// SPDX-License-Identifier: Apache-2.0
//
// What an HVM guest of Xen gets beside its own tables (xl.cfg(5), acpi_firmware) when its definition says
// "battery: virtual": two battery slots, an AC adapter, a lid, a power and a sleep button. Their values come from
// lapwing-acpi, one process in dom0 for each domain, through a window of two dwords: an index and the register it names.
// docs/virtual-acpi.md describes the registers; Sources/VirtualACPI/PowerRegisters.swift is the other side.
//
// What is not known is 0xFFFFFFFF on both sides (ACPI 6.5, 10.2.2). Nothing here trusts that anybody answers: a port that
// nobody serves reads as all ones, and then there is no battery, mains is on and the lid is open.

DefinitionBlock ("", "SSDT", 2, "LAPWNG", "BATTERY", 0x00000001)
{
    Scope (\_SB)
    {
        OperationRegion (LPIO, SystemIO, 0xA000, 0x10)
        Field (LPIO, DWordAcc, NoLock, Preserve)
        {
            LPIX, 32,   // which register
            LPDT, 32    // the register
        }
        Mutex (LPMX, 0)

        // Reads a register. The process that answers may be ended and started between the two accesses: it then reads
        // 0xFFFFFFFF as its index, and the register is asked for again.
        Method (LPRD, 1, Serialized)
        {
            Local0 = 0xFFFFFFFF
            If (Acquire (LPMX, 0xFFFF) == Zero)
            {
                Local1 = 0
                While (Local1 < 8)
                {
                    LPIX = Arg0
                    Local0 = LPDT
                    If (LPIX == Arg0)
                    {
                        Break
                    }
                    Local0 = 0xFFFFFFFF
                    Local1++
                }
                Release (LPMX)
            }
            Return (Local0)
        }

        // The same of a register in which all ones would be no value.
        Method (LPRZ, 1, Serialized)
        {
            Local0 = LPRD (Arg0)
            If (Local0 == 0xFFFFFFFF)
            {
                Return (0)
            }
            Return (Local0)
        }

        // Writes a register, until the index shows that it was the one meant. Writing the same twice does no harm.
        Method (LPWR, 2, Serialized)
        {
            If (Acquire (LPMX, 0xFFFF) == Zero)
            {
                Local1 = 0
                While (Local1 < 8)
                {
                    LPIX = Arg0
                    LPDT = Arg1
                    If (LPIX == Arg0)
                    {
                        Break
                    }
                    Local1++
                }
                Release (LPMX)
            }
        }

        // A text of 32 bytes at most, four bytes in a register, ended by a zero.
        Method (LPTX, 1, Serialized)
        {
            Local0 = Buffer (33) {}
            Local1 = 0
            While (Local1 < 8)
            {
                Local2 = LPRD (Arg0 + Local1)
                If (Local2 == 0xFFFFFFFF)
                {
                    Break
                }
                Local3 = Local1 * 4
                Local0[Local3] = Local2 & 0xFF
                Local0[Local3 + 1] = (Local2 >> 8) & 0xFF
                Local0[Local3 + 2] = (Local2 >> 16) & 0xFF
                Local0[Local3 + 3] = (Local2 >> 24) & 0xFF
                If ((Local2 & 0xFF000000) == 0)
                {
                    Break
                }
                Local1++
            }
            Return (ToString (Local0))
        }

        // True when somebody answers: "LAPW".
        Method (LPOK, 0, Serialized)
        {
            Return (LPRD (0x00) == 0x5750414C)
        }

        // The ports of the window, so that the guest gives them to nothing else.
        Device (LPRS)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_UID, 0x4C41)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0xA000, 0xA000, 0x01, 0x10)
            })
        }

        Device (ADP1)
        {
            Name (_HID, "ACPI0003")
            Name (_UID, 1)
            Name (_PCL, Package () { \_SB })
            Method (_PSR, 0, Serialized)
            {
                If (LPRD (0x02) == 0)
                {
                    Return (0)
                }
                Return (1)
            }
        }

        Device (LID0)
        {
            Name (_HID, EisaId ("PNP0C0D"))
            Method (_LID, 0, Serialized)
            {
                If (LPRD (0x03) == 0)
                {
                    Return (0)
                }
                Return (1)
            }
        }

        Device (PWRB)
        {
            Name (_HID, EisaId ("PNP0C0C"))
        }

        Device (SLPB)
        {
            Name (_HID, EisaId ("PNP0C0E"))
        }

        // The state of a slot whose registers begin at Arg0. An empty slot is there (bits 0 to 3) and has no battery
        // (bit 4): a guest that was told "not there" would not look again when one is put in.
        Method (LPST, 1, Serialized)
        {
            If (LPOK () && (LPRD (Arg0) == 1))
            {
                Return (0x1F)
            }
            Return (0x0F)
        }

        Method (LPBF, 1, Serialized)
        {
            Local0 = Package (13)
            {
                0, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0xFFFFFFFF, 0, 0, 1, 1, "", "", "", ""
            }
            Local0[0] = LPRZ (Arg0 + 0x01)
            Local0[1] = LPRD (Arg0 + 0x02)
            Local0[2] = LPRD (Arg0 + 0x03)
            Local0[4] = LPRD (Arg0 + 0x04)
            Local0[5] = LPRZ (Arg0 + 0x05)
            Local0[6] = LPRZ (Arg0 + 0x06)
            Local0[9] = LPTX (Arg0 + 0x20)
            Local0[10] = LPTX (Arg0 + 0x28)
            Local0[11] = LPTX (Arg0 + 0x30)
            Local0[12] = LPTX (Arg0 + 0x38)
            Return (Local0)
        }

        // Revision 1. Accuracy 95 %, sampling times and averaging not known, granularity 1, hot swappable.
        Method (LPBX, 1, Serialized)
        {
            Local0 = Package (21)
            {
                1, 0, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0xFFFFFFFF, 0, 0, 0xFFFFFFFF, 95000, 0xFFFFFFFF, 0xFFFFFFFF,
                0xFFFFFFFF, 0xFFFFFFFF, 1, 1, "", "", "", "", 0x10
            }
            Local0[1] = LPRZ (Arg0 + 0x01)
            Local0[2] = LPRD (Arg0 + 0x02)
            Local0[3] = LPRD (Arg0 + 0x03)
            Local0[5] = LPRD (Arg0 + 0x04)
            Local0[6] = LPRZ (Arg0 + 0x05)
            Local0[7] = LPRZ (Arg0 + 0x06)
            Local0[8] = LPRD (Arg0 + 0x07)
            Local0[16] = LPTX (Arg0 + 0x20)
            Local0[17] = LPTX (Arg0 + 0x28)
            Local0[18] = LPTX (Arg0 + 0x30)
            Local0[19] = LPTX (Arg0 + 0x38)
            Return (Local0)
        }

        Method (LPBS, 1, Serialized)
        {
            Local0 = Package (4)
            {
                0, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF
            }
            Local0[0] = LPRZ (Arg0 + 0x08)
            Local0[1] = LPRD (Arg0 + 0x09)
            Local0[2] = LPRD (Arg0 + 0x0A)
            Local0[3] = LPRD (Arg0 + 0x0B)
            Return (Local0)
        }

        Device (BAT0)
        {
            Name (_HID, EisaId ("PNP0C0A"))
            Name (_UID, 0)
            Name (_PCL, Package () { \_SB })
            Method (_STA, 0, Serialized)
            {
                Return (LPST (0x0100))
            }
            Method (_BIF, 0, Serialized)
            {
                Return (LPBF (0x0100))
            }
            Method (_BIX, 0, Serialized)
            {
                Return (LPBX (0x0100))
            }
            Method (_BST, 0, Serialized)
            {
                Return (LPBS (0x0100))
            }
            Method (_BTP, 1, Serialized)
            {
                LPWR (0x010C, Arg0)
            }
        }

        Device (BAT1)
        {
            Name (_HID, EisaId ("PNP0C0A"))
            Name (_UID, 1)
            Name (_PCL, Package () { \_SB })
            Method (_STA, 0, Serialized)
            {
                Return (LPST (0x0200))
            }
            Method (_BIF, 0, Serialized)
            {
                Return (LPBF (0x0200))
            }
            Method (_BIX, 0, Serialized)
            {
                Return (LPBX (0x0200))
            }
            Method (_BST, 0, Serialized)
            {
                Return (LPBS (0x0200))
            }
            Method (_BTP, 1, Serialized)
            {
                LPWR (0x020C, Arg0)
            }
        }
    }

    Scope (\_GPE)
    {
        // Byte 1, bit 5 of GPE block 0. What happened is taken over first and told then: what happens from now on
        // raises the event anew.
        Method (_L0D, 0, Serialized)
        {
            Local0 = \_SB.LPRD (0x01)
            If (Local0 == 0xFFFFFFFF)
            {
                Return
            }
            \_SB.LPWR (0x01, Local0)
            If (Local0 & 0x01)
            {
                Notify (\_SB.ADP1, 0x80)
            }
            If (Local0 & 0x02)
            {
                Notify (\_SB.LID0, 0x80)
            }
            If (Local0 & 0x04)
            {
                Notify (\_SB.PWRB, 0x80)
            }
            If (Local0 & 0x08)
            {
                Notify (\_SB.SLPB, 0x80)
            }
            If (Local0 & 0x0200)
            {
                Notify (\_SB.BAT0, 0x81)
            }
            If (Local0 & 0x0100)
            {
                Notify (\_SB.BAT0, 0x80)
            }
            If (Local0 & 0x0800)
            {
                Notify (\_SB.BAT1, 0x81)
            }
            If (Local0 & 0x0400)
            {
                Notify (\_SB.BAT1, 0x80)
            }
        }
    }
}
